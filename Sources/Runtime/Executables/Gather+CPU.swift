import GraphIR
import Operations
import Tensors

extension Gather: CPUExecutable {
  package func prepare(_ inputs: Operands<ValueInfo>, outputs: [TensorType]) throws -> (any Kernel)? {
    let data = try inputs[0]
    guard let sizes = data.shape.sizes, let named = try inputs[1].shape.sizes, let result = outputs.first?.shape.sizes,
      !sizes.contains(0), !named.contains(0), data.element.byteCount > 0
    else { return nil }
    // Sizes that no tensor can have must not be multiplied.
    for shape in [sizes, result] { _ = try Tensor.elementCount(of: shape, element: data.element) }
    let axis = try normalizedAxis(axis, rank: sizes.count)
    return GatherKernel(
      outer: sizes[..<axis].reduce(1, *), size: sizes[axis], count: named.reduce(1, *),
      sliceBytes: sizes[(axis + 1)...].reduce(data.element.byteCount, *))
  }
}

/// Copies of slices that lie in one piece, such as rows of a table of embeddings.
private struct GatherKernel: Kernel {
  /// How often there is a choice of slices.
  let outer: Int
  /// The slices to choose from, and how many are chosen.
  let size: Int
  let count: Int
  let sliceBytes: Int

  /// Bytes of a work item: few enough to stay in a core's cache.
  private static let bytesPerItem = 1 << 16

  func run(_ inputs: Operands<Tensor>, into outputs: [TensorBuffer], on workers: Workers) throws {
    guard let output = outputs.first else { throw InternalError("slices without a target") }
    let chosen = try normalizedIndices(try inputs[1].integers(), size: size)
    let data = try inputs[0]
    data.withBytes { data in
      output.withBytes { result in
        precondition(
          chosen.count == count && data.count >= outer * size * sliceBytes
            && result.count >= outer * count * sliceBytes)
        guard let source = data.baseAddress, let target = result.baseAddress else { return }
        nonisolated(unsafe) let places = (source, target)
        let slices = max(1, Self.bytesPerItem / sliceBytes)
        workers.pool.run(count: (outer * count + slices - 1) / slices) { item in
          for slice in item * slices..<min((item + 1) * slices, outer * count) {
            let (block, place) = slice.quotientAndRemainder(dividingBy: count)
            (places.1 + slice * sliceBytes)
              .copyMemory(from: places.0 + (block * size + chosen[place]) * sliceBytes, byteCount: sliceBytes)
          }
        }
      }
    }
  }
}
