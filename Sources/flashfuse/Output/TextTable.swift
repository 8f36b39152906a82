/// Rows of text in columns, wrapped so that no line is longer than the columns and the gaps between them.
struct TextTable {
  struct Column {
    var title: String
    var width: Int
    var isRightAligned = false
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
        isRightAligned: column.isRightAligned)
    }
    let titles = narrowed.map(\.title)
    return ([titles] + rows).map { Self.format($0, narrowed) }.joined()
  }

  private static func format(_ row: [String], _ columns: [Column]) -> String {
    let cells = zip(row, columns).map { wrap($0, width: $1.width) }
    let height = cells.map(\.count).max() ?? 0
    return (0..<height).map { line in
      let parts = zip(cells, columns).map { cell, column in
        let text = line < cell.count ? cell[line] : ""
        let padding = String(repeating: " ", count: max(column.width - text.count, 0))
        return column.isRightAligned ? padding + text : text + padding
      }
      let joined = parts.joined(separator: "  ")
      return String(joined.reversed().drop { $0 == " " }.reversed()) + "\n"
    }.joined()
  }

  /// Splits `text` into lines of at most `width` characters, after a space or a character that separates parts of a name.
  static func wrap(_ text: String, width: Int) -> [String] {
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
