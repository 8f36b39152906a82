import Dispatch
import GraphIR
import KernelInterface
import Kernels
import Operations
import Tensors

/// The time of one attention with tiles of a size.
package struct MeasuredTile: Sendable {
  package let queryRows: Int
  package let keyRows: Int
  /// The least of all rounds.
  package let seconds: Double
}

extension Session {
  /// Runs an attention with the tiles that are planned for it, which come first in the result, and with every other
  /// combination worth trying, and measures each in turn, `rounds` times.
  package func measuredTiles(
    of workload: AttentionWorkload, rounds: Int, progress: (_ measured: Int, _ of: Int) -> Void
  ) throws -> [MeasuredTile] {
    let query = [workload.batch, workload.heads, workload.queryLength, workload.headSize]
    let key = [workload.batch, workload.keyHeads, workload.keyLength, workload.headSize]
    let value = Array(key.dropLast()) + [workload.valueSize]
    let inputs = try [query, key, value].enumerated().map { index, shape in
      try Tensor(randomOf: workload.element, shape: shape, seed: UInt64(index))
    }
    let output = try TensorBuffer(element: workload.element, shape: Array(query.dropLast()) + [workload.valueSize])
    var operation = FlashAttention()
    operation.scale = 1 / Double(workload.headSize).squareRoot()
    operation.causal = workload.isCausal ? .lowerRight : .none
    var kernel = try FlashAttentionKernel(
      operation: operation, layouts: [query, key, value].map { StridedLayout(dense: $0) },
      target: StridedLayout(dense: Array(query.dropLast()) + [workload.valueSize]), element: workload.element)
    var candidates = [kernel.tiles]
    for queryRows in [48, 96, 144, 192, 288, 384, 576] {
      for keys in [32, 64, 96, 128, 192, 256, 384, 512] {
        let tiles = AttentionTiles(queryRows: queryRows, keys: keys)
        if tiles != kernel.tiles { candidates.append(tiles) }
      }
    }
    var least = [Double](repeating: .infinity, count: candidates.count)
    for round in 0...max(rounds, 1) {
      for (index, tiles) in candidates.enumerated() {
        progress(round * candidates.count + index, (max(rounds, 1) + 1) * candidates.count)
        kernel.tiles = tiles
        let start = DispatchTime.now().uptimeNanoseconds
        try kernel.run(Operands(inputs), into: [output], on: workers)
        let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9
        // The first round warms up.
        if round > 0 { least[index] = min(least[index], seconds) }
      }
    }
    return zip(candidates, least).map { MeasuredTile(queryRows: $0.queryRows, keyRows: $0.keys, seconds: $1) }
  }
}
