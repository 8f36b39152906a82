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

  /// The text with all changes made, in blocks that are worth a call of the system each.
  func finish() -> [Data] {
    var blocks: [Data] = []
    var block = Data()
    func add(_ bytes: UnsafeRawBufferPointer) {
      block.append(contentsOf: bytes)
      guard block.count >= Pieces.leastBlock else { return }
      blocks.append(block)
      block = Data()
    }
    text.withBytes { bytes in
      var position = 0
      // Insertions at one place stay in the order in which they came, and come before what is removed there.
      let order = changes.indices.sorted {
        let (first, second) = (changes[$0].range, changes[$1].range)
        return (first.lowerBound, first.upperBound, $0) < (second.lowerBound, second.upperBound, $1)
      }
      for index in order {
        let range = changes[index].range
        if range.lowerBound > position { add(UnsafeRawBufferPointer(rebasing: bytes[position..<range.lowerBound])) }
        var replacement = changes[index].text
        replacement.withUTF8 { add(UnsafeRawBufferPointer($0)) }
        position = max(position, range.upperBound)
      }
      add(UnsafeRawBufferPointer(rebasing: bytes[position...]))
    }
    return blocks + [block]
  }

  private static let leastBlock = 1 << 20

  private func whiteSpace(before end: Int) -> Int {
    text.withBytes { bytes in
      bytes[..<end].reversed().prefix { [0x20, 0x09, 0x0A, 0x0D].contains($0) }.count
    }
  }

  private func string(_ range: Range<Int>) -> String {
    text.withBytes { String(decoding: $0[range], as: UTF8.self) }
  }
}
