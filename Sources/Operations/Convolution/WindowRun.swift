import Tensors

/// Neighbouring positions along the last spatial axis of an output plane and the input elements that a kernel position meets there.
package struct WindowRun: Sendable {
  package var target: Int
  package var source: Int
  package var step: Int
  package var count: Int
}

extension SlidingWindow {
  /// For every kernel position, in row-major order, the runs in which it lies inside an input plane of sizes `input`.
  package func taps(input: [Int], output: [Int], before: [Int]) throws -> [[WindowRun]] {
    let last = kernel.count - 1
    let inputStrides = denseStrides(input)
    let kernelStrides = denseStrides(kernel)
    let lines = try checkedProduct(Array(output.dropLast()))
    let lineStrides = denseStrides(Array(output.dropLast()))
    return (0..<(try checkedProduct(kernel))).map { tap in
      let offsets = kernel.indices.map { tap / kernelStrides[$0] % kernel[$0] * dilations[$0] - before[$0] }
      // Output positions o with 0 ≤ o·stride + offset < size.
      let lower = offsets[last] >= 0 ? 0 : (-offsets[last] - 1) / strides[last] + 1
      let room = input[last] - 1 - offsets[last]
      let upper = room < 0 ? 0 : min(output[last], room / strides[last] + 1)
      guard lower < upper else { return [] }
      return (0..<lines).compactMap { line in
        var source = lower * strides[last] + offsets[last]
        for axis in 0..<last {
          let position = line / lineStrides[axis] % output[axis] * strides[axis] + offsets[axis]
          guard position >= 0, position < input[axis] else { return nil }
          source += position * inputStrides[axis]
        }
        return WindowRun(target: line * output[last] + lower, source: source, step: strides[last], count: upper - lower)
      }
    }
  }
}
