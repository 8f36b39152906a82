import GraphIR
import Operations
import Rewriting
import Tensors

extension Cost {
  /// What the fusion of `steps`, the operations between the two products, into the `FlashAttention` node `id` saves on this machine.
  ///
  /// Sizes that are symbols leave the bytes unknown and are taken to be long for the tile.
  init(of id: NodeID, steps: [String], in graph: Graph) {
    let shapes = graph[id].inputs.prefix(3).map { $0.flatMap { graph.info(of: $0).shape.dimensions } ?? [] }
    let element = graph[id].inputs.first.flatMap { $0 }.map { graph.info(of: $0).element } ?? .float32
    // Larger sizes are no attention's: they would only overflow.
    let limits = [1 << 24, 1 << 20, 1 << 32, 1 << 20]
    let sizes = shapes.map { shape in
      zip(shape, limits).map { size, limit in size.constant.map { min(max($0, 0), limit) } }
    }
    let known = sizes.allSatisfy { $0.count == 4 && $0.allSatisfy { $0 != nil } }
    let size = { (operand: Int, axis: Int) -> Int in
      let typical = [1, 1, 4096, 64][axis]
      return sizes.indices.contains(operand) && sizes[operand].indices.contains(axis)
        ? sizes[operand][axis] ?? typical : typical
    }
    let workload = AttentionWorkload(
      batch: size(0, 0), heads: size(0, 1), keyHeads: size(1, 1), queryLength: size(0, 2), keyLength: size(1, 2),
      headSize: size(0, 3), valueSize: size(2, 3), element: element, scoreSteps: steps)
    let tile = workload.tile(for: .cpu)
    let unfused = known ? workload.unfusedPasses()?.reduce(0) { $0 + $1.bytes } : nil
    let fused = known ? workload.fusedPasses(queryRows: tile.queryRows)?.reduce(0) { $0 + $1.bytes } : nil
    self.init(bytesUnfused: unfused, bytesFused: fused, queryTile: tile.queryRows, keyTile: tile.keyRows)
  }
}
