/// Names that are in use, for finding others that are not.
package struct TakenNames: Sendable {
  private var names: Set<String>
  /// The last number put behind each name that several would have.
  private var numbers: [String: Int] = [:]

  package init(_ names: [String] = []) { self.names = Set(names) }

  package init(_ names: Set<String>) { self.names = names }

  /// Takes `name`, and says whether it was free.
  @discardableResult
  package mutating func insert(_ name: String) -> Bool { names.insert(name).inserted }

  /// Takes all of `others`.
  package mutating func formUnion(_ others: [String]) { names.formUnion(others) }

  /// Takes `name`, or with a number behind it where it is in use.
  package mutating func unused(_ name: String, separator: String = "_") -> String {
    var candidate = name
    while !insert(candidate) {
      let number = numbers[name, default: 1] + 1
      numbers[name] = number
      candidate = "\(name)\(separator)\(number)"
    }
    return candidate
  }
}
