import GraphIR
import Operations
import Rewriting
import Tensors

extension Cost {
  /// What the fusion of `steps`, the operations between the two products, into the `FlashAttention` node `id` saves on this machine.
  init(of id: NodeID, steps: [String], in graph: Graph) {
    let shapes = graph[id].inputs.prefix(3).map { $0.flatMap { graph.info(of: $0).shape.dimensions } ?? [] }
    let element = graph[id].inputs.first.flatMap { $0 }.map { graph.info(of: $0).element } ?? .float32
    self.init(shapes: shapes, element: element, steps: steps)
  }

  /// What the fusion of `match` would save.
  init(of match: AttentionMatch, in graph: Graph) {
    let labels = [match.roles.query, match.roles.key, match.roles.value]
    self.init(
      shapes: labels.map { $0.map { match.axes.size(of: match.axes.resolve($0)) } },
      element: graph.info(of: match.query.value).element, steps: match.steps)
  }

  /// Sizes that are symbols leave the bytes unknown, but for an example, and are taken to be long for the tile.
  ///
  /// - Parameter shapes: those of query, key and value.
  private init(shapes: [[Dimension]], element: ElementType, steps: [String]) {
    // Larger sizes are no attention's: they would only overflow.
    let limits = [1 << 24, 1 << 20, 1 << 32, 1 << 20]
    let sizes = shapes.map { shape in
      zip(shape, limits).map { size, limit in size.constant.map { min(max($0, 0), limit) } }
    }
    let areKnown = sizes.allSatisfy { $0.count == 4 && $0.allSatisfy { $0 != nil } }
    let size = { (operand: Int, axis: Int) -> Int in
      let typical = [1, 1, 4096, 64][axis]
      return sizes.indices.contains(operand) && sizes[operand].indices.contains(axis)
        ? sizes[operand][axis] ?? typical : typical
    }
    let workload = AttentionWorkload(
      batch: size(0, 0), heads: size(0, 1), keyHeads: size(1, 1), queryLength: size(0, 2), keyLength: size(1, 2),
      headSize: size(0, 3), valueSize: size(2, 3), element: element, scoreSteps: steps)
    let tile = workload.tile(for: .cpu)
    let unfused = workload.unfusedPasses()?.reduce(0) { $0 + $1.bytes }
    let fused = workload.fusedPasses(queryRows: tile.queryRows)?.reduce(0) { $0 + $1.bytes }
    self.init(
      bytesUnfused: areKnown ? unfused : nil, bytesFused: areKnown ? fused : nil, queryTile: tile.queryRows,
      keyTile: tile.keyRows)
    if !areKnown, let unfused, let fused {
      example = Example(sizes: workload.sizes, bytesUnfused: unfused, bytesFused: fused)
    }
  }

  /// Why the fusion is not worth it; nil where it is, or where that can't be said.
  var objection: Reason? {
    guard let before = bytesUnfused ?? example?.bytesUnfused, let after = bytesFused ?? example?.bytesFused,
      after >= before
    else { return nil }
    return Reason(
      "not-profitable", "fused it would move \(after) bytes, and moves \(before) as it is",
      hint: "--policy always fuses it all the same")
  }
}

extension AttentionWorkload {
  /// The sizes under the names that logs give them.
  fileprivate var sizes: [String: Int] {
    [
      "batch": batch, "heads": heads, "kv_heads": keyHeads, "query_length": queryLength, "key_length": keyLength,
      "head_size": headSize, "value_size": valueSize,
    ]
  }
}
