import GraphIR
import Operations
import Tensors

extension Conv: CPUExecutable {
  package func prepare(_ inputs: Operands<ValueInfo>, outputs: [TensorType]) throws -> (any Kernel)? {
    guard let data = try inputs[0].shape.sizes, let weights = try inputs[1].shape.sizes, let type = outputs.first,
      let output = type.shape.sizes, data.count >= 3, weights.count == data.count, type.element == .float32
    else { return nil }
    let filters = weights[0]
    guard group > 0, filters % group == 0, weights[1].multipliedReportingOverflow(by: group) == (data[1], false) else {
      return nil
    }
    // A product needs more than one channel and filter to be worth its preparation.
    guard weights[1] > 1 || filters / group > 1 else { return nil }
    let window = try window(kernel: Array(weights[2...]))
    let resolved = try window.resolved(Array(data[2...]))
    try require(resolved.output == Array(output[2...]), "the result has shape \(output), not \(resolved.output)")
    return try ConvolutionKernel(
      data: data, weights: weights, output: resolved.output, group: group,
      taps: window.taps(input: Array(data[2...]), output: resolved.output, before: resolved.before),
      isPointwise: weights[2...].allSatisfy { $0 == 1 } && resolved.output == Array(data[2...])
        && window.strides.allSatisfy { $0 == 1 } && resolved.before.allSatisfy { $0 == 0 })
  }
}

/// Convolution as a product of the filters with a matrix that has the elements under the window as columns.
///
/// That matrix is made for a block of output positions at a time, by each thread for its own.
private struct ConvolutionKernel: Kernel {
  private let batch: Int
  private let group: Int
  /// Channels, and filters, of one group.
  private let channels: Int
  private let filters: Int
  private let inputSize: Int
  private let positions: Int
  private let taps: [[WindowRun]]
  private let isPointwise: Bool
  /// Output positions in a block.
  private let blockLength: Int

  /// What a block's matrix may take, so that it stays in a core's cache.
  private static let blockBytes = 1 << 19

  init(data: [Int], weights: [Int], output: [Int], group: Int, taps: [[WindowRun]], isPointwise: Bool) throws {
    (batch, channels, filters) = (data[0], weights[1], weights[0] / group)
    (self.group, self.taps, self.isPointwise) = (group, taps, isPointwise)
    inputSize = try Tensor.elementCount(of: Array(data[2...]), element: .float32)
    positions = try Tensor.elementCount(of: output, element: .float32)
    let depth = max(channels * taps.count, 1)
    blockLength = max(32, min(positions, Self.blockBytes / 4 / depth))
    try require(max(depth, filters, inputSize, positions) <= Int(Int32.max), "a convolution of this size is too large")
  }

  private var depth: Int { channels * taps.count }

  private var scratchPerThread: Int { isPointwise ? 0 : depth * blockLength * 4 }

  func scratchByteCount(threads: Int) -> Int { scratchPerThread * threads }

  func run(_ inputs: Operands<Tensor>, into outputs: [TensorBuffer], on workers: Workers) throws {
    let bias = try inputs.optional(2)?.values(as: Float.self)
    try require(bias.map { $0.count == filters * group } ?? true, "the bias must have \(filters * group) elements")
    try inputs[0].withElements(as: Float.self) { data in
      try inputs[1].withElements(as: Float.self) { weights in
        try outputs[0].withElements(as: Float.self) { result in
          precondition(data.count >= batch * group * channels * inputSize)
          precondition(weights.count >= group * filters * depth && result.count >= batch * group * filters * positions)
          guard let source = data.baseAddress, let matrix = weights.baseAddress, let target = result.baseAddress,
            !result.isEmpty
          else { return }
          let memory = Memory(data: source, weights: matrix, result: target)
          let blocks = (positions + blockLength - 1) / blockLength
          workers.pool.run(count: batch * group * blocks, scratchBytes: scratchPerThread) { item, scratch in
            let (plane, block) = item.quotientAndRemainder(dividingBy: blocks)
            convolve(plane, block, memory, bias, scratch.assumingMemoryBound(to: Float.self))
          }
        }
      }
    }
  }

  private struct Memory: @unchecked Sendable {
    let data: UnsafePointer<Float>
    let weights: UnsafePointer<Float>
    let result: UnsafeMutablePointer<Float>
  }

  /// Computes a block of positions for all filters of a group: `plane` counts the groups of all batch entries.
  private func convolve(
    _ plane: Int, _ block: Int, _ memory: Memory, _ bias: [Float]?, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let start = block * blockLength
    let length = min(blockLength, positions - start)
    let source = memory.data + plane * channels * inputSize
    let target = memory.result + plane * filters * positions + start
    let groupIndex = plane % group
    if let bias {
      for filter in 0..<filters {
        (target + filter * positions).update(repeating: bias[groupIndex * filters + filter], count: length)
      }
    }
    if !isPointwise { unfold(source, start, length, into: scratch) }
    let columns = isPointwise ? source + start : UnsafePointer(scratch)
    Float.multiply(
      MatrixSizes(rows: filters, columns: length, depth: depth), alpha: 1,
      memory.weights + groupIndex * filters * depth, depth, columns, isPointwise ? inputSize : length,
      beta: bias == nil ? 0 : 1, target, positions)
  }

  /// Writes, for every channel and kernel position, the elements that the positions of a block meet, 0 in the padding.
  private func unfold(
    _ source: UnsafePointer<Float>, _ start: Int, _ length: Int, into columns: UnsafeMutablePointer<Float>
  ) {
    for (tap, runs) in taps.enumerated() {
      let clipped = runs.compactMap { run -> WindowRun? in
        let (first, last) = (max(run.target, start), min(run.target + run.count, start + length))
        guard first < last else { return nil }
        var part = run
        part.source += (first - run.target) * run.step
        (part.target, part.count) = (first - start, last - first)
        return part
      }
      for channel in 0..<channels {
        let line = columns + (channel * taps.count + tap) * length
        let plane = source + channel * inputSize
        line.update(repeating: 0, count: length)
        for run in clipped {
          if run.step == 1 {
            (line + run.target).update(from: plane + run.source, count: run.count)
          } else {
            for index in 0..<run.count { line[run.target + index] = plane[run.source + index * run.step] }
          }
        }
      }
    }
  }
}
