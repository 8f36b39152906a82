/// Names that count something, such as the layers of a model.
enum NumberedNames {
  private static let fewest = 3

  /// `names` in their order, where those that differ only in a number that counts up become one:
  /// `layer.0/Softmax`, `layer.1/Softmax`, `layer.2/Softmax` are `layer.{0–2}/Softmax`.
  static func joined(_ names: [String]) -> [String] {
    var result: [String] = []
    var rest = names[...]
    while let name = rest.first {
      var best: (text: String, count: Int) = (name, 1)
      for number in numbers(in: name) {
        let (head, tail) = (name[..<number.lowerBound], name[number.upperBound...])
        guard let start = Int(name[number]) else { continue }
        let count = zip(rest, start...).prefix { $0 == head + String($1) + tail }.count
        if count >= fewest && count > best.count { best = ("\(head){\(start)–\(start + count - 1)}\(tail)", count) }
      }
      result.append(best.text)
      rest = rest.dropFirst(best.count)
    }
    return result
  }

  private static func numbers(in name: String) -> [Range<String.Index>] {
    var ranges: [Range<String.Index>] = []
    var position = name.startIndex
    while let start = name[position...].firstIndex(where: isDigit) {
      let end = name[start...].firstIndex { !isDigit($0) } ?? name.endIndex
      ranges.append(start..<end)
      position = end
    }
    return ranges
  }

  private static func isDigit(_ character: Character) -> Bool { ("0"..."9").contains(character) }
}
