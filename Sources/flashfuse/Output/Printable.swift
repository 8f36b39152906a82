extension String {
  /// The text without control characters: names come from files, and could otherwise command the terminal, or turn the order of
  /// what is on its lines.
  var printable: String {
    guard unicodeScalars.contains(where: \.isControl) else { return self }
    var scalars = UnicodeScalarView()
    for scalar in unicodeScalars { scalars.append(scalar.isControl ? "\u{FFFD}" : scalar) }
    return String(scalars)
  }

  /// The beginning and the end of a text that is too long for a message: names and shapes in a file may have any length.
  var shortened: String {
    let limit = 1000
    guard count > limit else { return self }
    return "\(prefix(limit - 200)) … \(suffix(200))"
  }
}

extension Unicode.Scalar {
  fileprivate var isControl: Bool {
    switch properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: true
    case .format: properties.isBidiControl
    default: false
    }
  }
}
