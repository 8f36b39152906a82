import Foundation
import Tensors

/// Changes to a text, collected in any order and applied in one go.
struct Pieces {
  private struct Change {
    let range: Range<Int>
    let text: String
  }

  private let text: TensorStorage
  private var changes: [Change] = []

  init(_ text: TensorStorage) { self.text = text }

  /// Removes `range` with the white space before it.
  mutating func remove(_ range: Range<Int>) {
    changes.append(
      Change(range: (range.lowerBound - whiteSpace(before: range.lowerBound))..<range.upperBound, text: ""))
  }

  /// Replaces `range` with what `replacement` makes of it.
  mutating func replace(_ range: Range<Int>, _ replacement: (String) -> String) {
    changes.append(Change(range: range, text: replacement(string(range))))
  }

  /// Inserts `addition` before the element at `range`, on a line of its own where that has one.
  mutating func insert(_ addition: String, before range: Range<Int>) {
    let space = whiteSpace(before: range.lowerBound)
    let start = range.lowerBound - space
    changes.append(Change(range: start..<start, text: string(start..<range.lowerBound) + addition))
  }

  /// Inserts `addition` behind the last element before `end`, laid out as the one at `example` is.
  mutating func append(_ addition: String, atEndOf end: Int, like example: Range<Int>?) {
    let start = end - whiteSpace(before: end)
    let space = example.map { string(($0.lowerBound - whiteSpace(before: $0.lowerBound))..<$0.lowerBound) } ?? ""
    changes.append(Change(range: start..<start, text: space + addition))
  }

  /// The text with all changes made.
  func finish() -> [Data] {
    var pieces: [Data] = []
    var position = 0
    // Insertions at one place stay in the order in which they came, and come before what is removed there.
    let ordered = changes.enumerated().sorted {
      ($0.element.range.lowerBound, $0.element.range.upperBound, $0.offset)
        < ($1.element.range.lowerBound, $1.element.range.upperBound, $1.offset)
    }
    for (_, change) in ordered {
      if change.range.lowerBound > position { pieces.append(data(position..<change.range.lowerBound)) }
      if !change.text.isEmpty { pieces.append(Data(change.text.utf8)) }
      position = max(position, change.range.upperBound)
    }
    pieces.append(data(position..<text.byteCount))
    return pieces
  }

  private func whiteSpace(before end: Int) -> Int {
    text.withBytes { bytes in
      bytes[..<end].reversed().prefix { [0x20, 0x09, 0x0A, 0x0D].contains($0) }.count
    }
  }

  private func string(_ range: Range<Int>) -> String {
    String(decoding: data(range), as: UTF8.self)
  }

  private func data(_ range: Range<Int>) -> Data { text.withBytes { Data($0[range]) } }
}
