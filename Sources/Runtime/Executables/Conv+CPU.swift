import GraphIR
import KernelInterface
import Kernels
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
/// That matrix is made for a block of output positions at a time, by each thread for its own, as the panels that products read.
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
  /// Blocks that are wanted at least, so that threads finish together.
  private static let leastBlocks = 16

  init(data: [Int], weights: [Int], output: [Int], group: Int, taps: [[WindowRun]], isPointwise: Bool) throws {
    (batch, channels, filters) = (data[0], weights[1], weights[0] / group)
    (self.group, self.taps, self.isPointwise) = (group, taps, isPointwise)
    inputSize = try Tensor.elementCount(of: Array(data[2...]), element: .float32)
    positions = try Tensor.elementCount(of: output, element: .float32)
    let depth = max(channels * taps.count, 1)
    // Whole panels, as products read them.
    let panel = InstructionSet.current.kernels.products.panelColumns
    let planes = max(1, min(batch, Self.leastBlocks) * min(group, Self.leastBlocks))
    let longest = min(Self.blockBytes / 4 / depth, positions / max(Self.leastBlocks / planes, 1))
    blockLength = max(longest / panel, 1) * panel
    try require(max(depth, filters, inputSize, positions) <= Int(Int32.max), "a convolution of this size is too large")
  }

  private var depth: Int { channels * taps.count }

  /// Of one thread: the matrix of a block, and what its product needs.
  private var matrixBytes: Int { isPointwise ? 0 : depth * blockLength * 4 }

  private var scratchPerThread: Int {
    // Only sizes count here; nothing is read through these pointers.
    var number: Float = 0
    return withUnsafeMutablePointer(to: &number) { pointer in
      let memory = Memory(data: pointer, weights: pointer, result: pointer, bias: nil)
      let (problem, item) = product(memory, group: 0, columns: pointer, target: pointer, length: blockLength)
      return matrixBytes + InstructionSet.current.kernels.products.scratchBytes(problem, item)
    }
  }

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
          (bias ?? []).withUnsafeBufferPointer { numbers in
            let memory = Memory(
              data: source, weights: matrix, result: target, bias: bias == nil ? nil : numbers.baseAddress)
            let blocks = (positions + blockLength - 1) / blockLength
            let kernels = workers.kernels.kernels.products
            workers.pool.run(count: batch * group * blocks, scratchBytes: scratchPerThread) { item, scratch in
              let (plane, block) = item.quotientAndRemainder(dividingBy: blocks)
              convolve(plane, block, memory, scratch, kernels)
            }
          }
        }
      }
    }
  }

  private struct Memory: @unchecked Sendable {
    let data: UnsafePointer<Float>
    let weights: UnsafePointer<Float>
    let result: UnsafeMutablePointer<Float>
    let bias: UnsafePointer<Float>?
  }

  /// Computes a block of positions for all filters of a group: `plane` counts the groups of all batch entries.
  private func convolve(
    _ plane: Int, _ block: Int, _ memory: Memory, _ scratch: UnsafeMutableRawPointer, _ kernels: ProductKernels
  ) {
    let start = block * blockLength
    let length = min(blockLength, positions - start)
    let source = memory.data + plane * channels * inputSize
    let matrix = (scratch + (scratchPerThread - matrixBytes)).assumingMemoryBound(to: Float.self)
    let columns = isPointwise ? source + start : UnsafePointer(matrix)
    let target = memory.result + plane * filters * positions + start
    var (problem, item) = product(memory, group: plane % group, columns: columns, target: target, length: length)
    if !isPointwise {
      for first in stride(from: 0, to: length, by: kernels.panelColumns) {
        let count = min(kernels.panelColumns, length - first)
        unfold(source, start + first, count, into: matrix + first * depth, stride: kernels.packedColumns(count))
      }
    }
    guard let bias = memory.bias else { return kernels.multiply(problem, item, scratch) }
    let sum = ElementwiseInstruction(.add, 0, 1, register: 0)
    let operand = StripOperand(base: bias + plane % group * filters, rowStride: 1, columnStride: 0)
    withUnsafePointer(to: sum) { sum in
      withUnsafePointer(to: operand) { operand in
        problem.instructions = UnsafeBufferPointer(start: sum, count: 1)
        problem.operands = UnsafeBufferPointer(start: operand, count: 1)
        kernels.multiply(problem, item, scratch)
      }
    }
  }

  /// The filters of a group times a matrix that has `length` positions as columns.
  private func product(
    _ memory: Memory, group: Int, columns: UnsafePointer<Float>, target: UnsafeMutablePointer<Float>, length: Int
  ) -> (ProductProblem, ProductItem) {
    let problem = ProductProblem(
      left: StridedMatrix(base: memory.weights + group * filters * depth, rowStride: depth, columnStride: 1),
      right: StridedMatrix(base: columns, rowStride: inputSize, columnStride: 1), panels: isPointwise ? nil : columns,
      target: target, targetStride: positions, rows: filters, columns: length, depth: depth)
    return (problem, ProductItem(firstRow: 0, rowCount: filters, firstColumn: 0, columnCount: length))
  }

  /// Writes, for every channel and kernel position, the elements that the positions of a panel meet, 0 in the padding and up to the next
  /// line, `stride` on.
  private func unfold(
    _ source: UnsafePointer<Float>, _ start: Int, _ length: Int, into columns: UnsafeMutablePointer<Float>, stride: Int
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
      let covered = clipped.reduce(0) { $0 + $1.count }
      for channel in 0..<channels {
        let line = columns + (channel * taps.count + tap) * stride
        let plane = source + channel * inputSize
        if covered < stride { line.update(repeating: 0, count: stride) }
        for run in clipped {
          let (target, source) = (line + run.target, plane + run.source)
          switch run.step {
          case 1: target.update(from: source, count: run.count)
          // Known steps are loads and shuffles of whole vectors.
          case 2: for index in 0..<run.count { target[index] = source[2 &* index] }
          default: for index in 0..<run.count { target[index] = source[index &* run.step] }
          }
        }
      }
    }
  }
}
