import Tensors

/// The axes of an Einstein summation by label: `ij,jk->ik`.
package struct EinsumEquation {
  /// A letter, or an axis that `...` stands for, counted from the last.
  package enum Label: Hashable {
    case letter(Character)
    case ellipsis(Int)
  }

  package let operands: [[Label]]
  package let output: [Label]

  /// Throws where `equation` is malformed or does not fit operands of `ranks`.
  ///
  /// Without `->`, the output has the ellipsis and then the letters that occur once, in alphabetical order.
  package init(_ equation: String, ranks: [Int]) throws {
    let text = equation.filter { $0 != " " }
    let arrow = text.firstRange(of: "->")
    let terms = text[..<(arrow?.lowerBound ?? text.endIndex)]
      .split(separator: ",", omittingEmptySubsequences: false)
    try require(
      terms.count == ranks.count,
      "the equation '\(equation.prefix(80))' is for \(terms.count) inputs, not \(ranks.count)")
    operands = try zip(terms, ranks).map { try EinsumEquation.labels(of: $0, rank: $1) }
    let dots = operands.joined().reduce(0) { most, label in
      if case .ellipsis(let axis) = label { max(most, axis + 1) } else { most }
    }
    let ellipsis = (0..<dots).reversed().map { Label.ellipsis($0) }
    guard let arrow else {
      var occurrences: [Character: Int] = [:]
      for case .letter(let letter) in operands.joined() { occurrences[letter, default: 0] += 1 }
      output = ellipsis + occurrences.filter { $0.value == 1 }.keys.sorted().map { .letter($0) }
      return
    }
    let target = text[arrow.upperBound...]
    output = try EinsumEquation.labels(of: target, ellipsis: ellipsis)
    let known = Set(operands.joined())
    try require(
      Set(output).count == output.count && output.allSatisfy(known.contains),
      "the output of '\(equation.prefix(80))' repeats a letter or has one of its own")
  }

  private static func labels(of term: Substring, rank: Int) throws -> [Label] {
    let letters = term.count { $0 != "." }
    try require(letters <= rank, "'\(term)' names more than \(rank) axes")
    let labels = try labels(of: term, ellipsis: (0..<(rank - letters)).reversed().map { .ellipsis($0) })
    try require(labels.count == rank, "'\(term)' does not name \(rank) axes")
    return labels
  }

  private static func labels(of term: Substring, ellipsis: [Label]) throws -> [Label] {
    var labels: [Label] = []
    var rest = term
    while let character = rest.first {
      if rest.hasPrefix("...") {
        labels += ellipsis
        rest = rest.dropFirst(3)
        try require(!rest.contains("."), "'\(term)' has more than one ellipsis")
      } else {
        try require(character.isASCII && character.isLetter, "'\(term)' has '\(character)', which is no letter")
        labels.append(.letter(character))
        rest = rest.dropFirst()
      }
    }
    return labels
  }
}
