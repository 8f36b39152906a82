/// Rows of text in columns, wrapped so that no line is longer than the columns and the gaps between them.
struct TextTable {
  struct Column {
    var title: String
    var width: Int
    var isRightAligned = false
    /// The style of a cell with this text.
    var style: (String) -> TerminalStyle? = { _ in nil }
  }

  static let lineWidth = 80

  private let columns: [Column]
  private var rows: [[String]] = []

  init(_ columns: [Column]) { self.columns = columns }

  mutating func add(_ row: [String]) { rows.append(row) }

  /// The table with its titles, each line ending in a line break; empty where there are no rows.
  var text: String {
    guard !rows.isEmpty else { return "" }
    let narrowed = columns.enumerated().map { index, column in
      let widest = rows.map { $0[index].count }.max() ?? 0
      return Column(
        title: column.title, width: min(column.width, max(widest, column.title.count)),
        isRightAligned: column.isRightAligned, style: column.style)
    }
    let titleColumns = narrowed.map { column in
      Column(title: column.title, width: column.width, isRightAligned: column.isRightAligned) { _ in .bold }
    }
    return Self.format(narrowed.map(\.title), titleColumns) + rows.map { Self.format($0, narrowed) }.joined()
  }

  private static func format(_ row: [String], _ columns: [Column]) -> String {
    let cells = zip(row, columns).map { wrap($0, width: $1.width) }
    let height = cells.map(\.count).max() ?? 0
    let styles = zip(row, columns).map { $1.style($0) }
    return (0..<height).map { line in
      var text = ""
      var gap = ""
      for (index, column) in columns.enumerated() {
        let cell = line < cells[index].count ? cells[index][line] : ""
        let padding = String(repeating: " ", count: max(column.width - cell.count, 0))
        // Spaces are only written before something: no line ends in one.
        if !cell.isEmpty { text += gap + (column.isRightAligned ? padding : "") + (styles[index]?(cell) ?? cell) }
        gap = cell.isEmpty ? gap + padding : column.isRightAligned ? "" : padding
        gap += "  "
      }
      return text + "\n"
    }.joined()
  }

  /// A space after which no line is broken; printed as any other.
  static let unbreakableSpace = "\u{A0}"

  /// Splits `text` into lines of at most `width` characters, after a space or a character that separates parts of a name.
  static func wrap(_ text: String, width: Int) -> [String] {
    broken(text, width: width).map { $0.replacing(unbreakableSpace, with: " ") }
  }

  private static func broken(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var rest = Substring(text.printable)
    while rest.count > width {
      let head = rest.prefix(width)
      let afterSpace = rest.prefix(width + 1).lastIndex(of: " ").map { rest.index(after: $0) }
      let afterSeparator = head.lastIndex { "/._-:".contains($0) }.map { rest.index(after: $0) }
      let earliest = rest.index(rest.startIndex, offsetBy: max(width / 3, 1))
      let end = [afterSpace, afterSeparator].compactMap { $0 }.first { $0 > earliest } ?? head.endIndex
      let line = rest[..<end]
      lines.append(String(line.last == " " ? line.dropLast() : line))
      rest = rest[end...]
    }
    return lines + [String(rest)]
  }
}
