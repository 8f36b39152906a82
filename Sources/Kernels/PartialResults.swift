import Foundation
import KernelInterface

/// What the shares of split keys found: per row a maximum, a sum and unnormalised outputs.
final class PartialResults: @unchecked Sendable {
  private let splits: Int
  private let valueSize: Int
  private let floatsPerShare: Int
  private let storage: UnsafeMutablePointer<Float>

  init(_ division: WorkDivision, splits: Int, valueSize: Int) {
    self.splits = splits
    self.valueSize = valueSize
    floatsPerShare = division.largestItem * (valueSize + 2)
    storage = .allocate(capacity: max(1, division.count * splits * floatsPerShare))
  }

  deinit {
    storage.deallocate()
  }

  func state(ofItem index: Int, split: Int) -> UnsafeMutablePointer<Float> {
    storage + (index * splits + split) * floatsPerShare
  }

  /// Merges an item's shares by the logarithms of their sums, and writes its rows of the output.
  func merge(_ item: AttentionItem, index: Int, into arguments: FlashAttentionArguments) {
    var sums = [Float](repeating: 0, count: valueSize)
    for row in 0..<item.rowCount {
      let states = (0..<splits).map { state(ofItem: index, split: $0) + row * (valueSize + 2) }
      let maximum = states.map { $0[0] }.max() ?? -.infinity
      var total: Float = 0
      for column in sums.indices { sums[column] = 0 }
      for state in states {
        // A share without visible keys has no maximum, but may hold the NaN of a sink.
        let factor = state[0] == -.infinity ? 0 : exp(state[0] - maximum)
        total += state[1] * factor
        for column in sums.indices { sums[column] += state[column + 2] * factor }
      }
      let isZero = arguments.guardsNaN && !(total > 0)
      let (head, query) = (item.firstRow + row).quotientAndRemainder(dividingBy: arguments.queryLength)
      for column in sums.indices {
        arguments.output.store(
          isZero ? 0 : Double(sums[column] / total), item.batch, item.firstHead + head, query, column)
      }
    }
  }
}
