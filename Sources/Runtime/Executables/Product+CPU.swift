import GraphIR
import KernelInterface
import Kernels
import Operations
import Tensors

/// An operation that multiplies matrices of 32-bit floats, to whose results an elementwise program may be applied.
protocol ProductOperation: GraphOperation {
  /// The layouts of the operands as `[batch…, rows, depth]` and `[batch…, depth, columns]`, given those of the inputs; nil where it
  /// is no such product. Batch axes broadcast.
  func matrices(_ left: StridedLayout, _ right: StridedLayout) -> (left: StridedLayout, right: StridedLayout)?

  /// Adds what follows the product to `program`.
  func finish(_ product: ProgramValue, addend: ProgramValue?, into program: inout ProgramBuilder) -> ProgramValue
}

extension MatMul: ProductOperation {
  func matrices(_ left: StridedLayout, _ right: StridedLayout) -> (left: StridedLayout, right: StridedLayout)? {
    left.shape.count >= 2 && right.shape.count >= 2 ? (left, right) : nil
  }

  func finish(_ product: ProgramValue, addend: ProgramValue?, into program: inout ProgramBuilder) -> ProgramValue {
    product
  }
}

extension Gemm: ProductOperation {
  func matrices(_ left: StridedLayout, _ right: StridedLayout) -> (left: StridedLayout, right: StridedLayout)? {
    guard left.shape.count == 2, right.shape.count == 2 else { return nil }
    return (transposesLeft ? left.permuted([1, 0]) : left, transposesRight ? right.permuted([1, 0]) : right)
  }

  func finish(_ product: ProgramValue, addend: ProgramValue?, into program: inout ProgramBuilder) -> ProgramValue {
    let scaled = alpha == 1 ? product : program.add(.multiply, product, program.number(Float(alpha)))
    guard let addend, beta != 0 else { return scaled }
    return program.add(
      .add, scaled, beta == 1 ? addend : program.add(.multiply, addend, program.number(Float(beta))))
  }
}

extension MatMulBiasActivation: ProductOperation {
  func matrices(_ left: StridedLayout, _ right: StridedLayout) -> (left: StridedLayout, right: StridedLayout)? {
    guard left.shape.count >= 2, right.shape.count >= 2 else { return nil }
    return (left, transposesRight ? right.permuted([1, 0]) : right)
  }

  func finish(_ product: ProgramValue, addend: ProgramValue?, into program: inout ProgramBuilder) -> ProgramValue {
    let sum = program.add(.add, product, addend)
    switch activation {
    case .relu: return program.add(.maximum, sum, program.number(0))
    case .sigmoid: return program.add(.sigmoid, sum)
    case .tanh: return program.add(.hyperbolicTangent, sum)
    case .gelu: return program.add(.gelu, sum)
    case .tanhGelu: return program.add(.tanhGelu, sum)
    case .swish: return program.add(.swish, sum, parameter: Float(alpha))
    }
  }
}

/// Products of matrices with what is done to their elements afterwards.
///
/// Its inputs are the left matrices, the right ones unless they are packed, then the operands of the program.
struct ProductKernel: Kernel {
  private let rows: Int
  private let columns: Int
  private let depth: Int
  private let leftStrides: (row: Int, column: Int)
  private let rightStrides: (row: Int, column: Int)
  private let packed: PackedMatrix?
  private let instructions: [ElementwiseInstruction]
  private let numbers: [Float]
  /// The elements that each input must have.
  private let inputCounts: [Int]
  private let operandStrides: [(row: Int, column: Int)]
  /// Where left, right, the operands and last the target of each product start.
  private let offsets: [[Int]]

  /// What multiplies matrices with these layouts; nil where it takes sizes that do not fit, or the rows of `operands` do not lie as
  /// programs read them.
  init?(
    left: StridedLayout, right: StridedLayout, packed: PackedMatrix?, instructions: [ElementwiseInstruction],
    operands: [StridedLayout], numbers: [Float], shape: [Int]
  ) {
    guard shape.count >= 2, !shape.contains(0), let rows = left.shape.dropLast().last, let depth = left.shape.last,
      let columns = right.shape.last, right.shape.dropLast().last == depth, shape.suffix(2) == [rows, columns]
    else { return nil }
    let batch = Array(shape.dropLast(2))
    func outer(_ layout: StridedLayout, row: Bool) -> [Int]? {
      var shapeOfBatch = layout
      shapeOfBatch.shape.removeLast(2)
      shapeOfBatch.strides.removeLast(2)
      guard let strides = shapeOfBatch.strides(broadcastTo: batch) else { return nil }
      return strides + [row ? layout.strides[layout.strides.count - 2] : 0]
    }
    guard let leftOuter = outer(left, row: true), let rightOuter = outer(right, row: false) else { return nil }
    var strides = [leftOuter, rightOuter]
    var operandColumns: [Int] = []
    for operand in operands {
      guard let steps = operand.strides(broadcastTo: shape) else { return nil }
      strides.append(Array(steps.dropLast()))
      operandColumns.append(columns == 1 ? 0 : steps[steps.count - 1])
      guard operandColumns.allSatisfy({ $0 <= 1 }) else { return nil }
    }
    strides.append(Array(StridedLayout(dense: shape).strides.dropLast()))
    var nest = LoopNest(sizes: batch + [rows], strides: strides)
    var inner: (size: Int, strides: [Int]) = (1, strides.map { _ in 0 })
    // Rows of several matrices on the left are rows of one where all else allows it; a single row leaves no axis for rows.
    if rows > 1 || nest.strides[1].last == 0 { inner = nest.removeInner() }
    self.rows = inner.size
    self.columns = columns
    self.depth = depth
    leftStrides = (inner.strides[0], left.strides[left.strides.count - 1])
    rightStrides = (right.strides[right.strides.count - 2], right.strides[right.strides.count - 1])
    self.packed = packed
    self.instructions = instructions
    self.numbers = numbers
    operandStrides = zip(inner.strides.dropFirst(2), operandColumns).map { ($0, $1) }
    inputCounts = [left.end] + (packed == nil ? [right.end] : []) + operands.map(\.end)
    offsets = nest.offsets.map { offsets in
      var offsets = offsets
      offsets[0] += left.offset
      offsets[1] += right.offset
      for (index, operand) in operands.enumerated() { offsets[index + 2] += operand.offset }
      return offsets
    }
  }

  func scratchByteCount(threads: Int) -> Int {
    // Only sizes count here; nothing is read through these pointers.
    var number: Float = 0
    return withUnsafeMutablePointer(to: &number) { pointer in
      let matrix = StridedMatrix(base: pointer, rowStride: 0, columnStride: leftStrides.column)
      let problem = ProductProblem(
        left: matrix, right: matrix, panels: packed?.panels, pairedColumns: packed?.pairedColumns, target: pointer,
        targetStride: columns, rows: rows, columns: columns, depth: depth)
      return InstructionSet.current.productScratchBytes(problem, count: offsets.count, threads: threads) * threads
    }
  }

  func run(_ inputs: Operands<Tensor>, into outputs: [TensorBuffer], on workers: Workers) throws {
    let tensors = try inputCounts.indices.map { try inputs[$0] }
    guard let output = outputs.first else { throw InternalError("a product without an output") }
    try output.withElements(as: Float.self) { result in
      try withFloats(of: tensors) { pointers in
        for (pointer, count) in zip(pointers, inputCounts) { precondition(pointer.count >= count) }
        precondition(result.count >= offsets.count * rows * columns)
        guard let target = result.baseAddress else { return }
        let bases = pointers.compactMap(\.baseAddress)
        guard bases.count == pointers.count else { return }
        numbers.withUnsafeBufferPointer { numbers in
          instructions.withUnsafeBufferPointer { instructions in
            run(bases, numbers, instructions, target, workers)
          }
        }
      }
    }
  }

  private func run(
    _ inputs: [UnsafePointer<Float>], _ numbers: UnsafeBufferPointer<Float>,
    _ instructions: UnsafeBufferPointer<ElementwiseInstruction>, _ target: UnsafeMutablePointer<Float>,
    _ workers: Workers
  ) {
    let operandBases = inputs.dropFirst(packed == nil ? 2 : 1)
    var operands: [StripOperand] = []
    for offset in offsets {
      for (index, base) in operandBases.enumerated() {
        let strides = operandStrides[index]
        operands.append(
          StripOperand(base: base + offset[index + 2], rowStride: strides.row, columnStride: strides.column))
      }
      for index in numbers.indices {
        guard let base = numbers.baseAddress else { return }
        operands.append(StripOperand(base: base + index, rowStride: 0, columnStride: 0))
      }
    }
    let operandCount = operandBases.count + numbers.count
    operands.withUnsafeBufferPointer { operands in
      let problems = offsets.enumerated().map { index, offset in
        let left = inputs[0] + offset[0]
        let right = packed == nil ? inputs[1] + offset[1] : left
        return ProductProblem(
          left: StridedMatrix(base: left, rowStride: leftStrides.row, columnStride: leftStrides.column),
          right: StridedMatrix(base: right, rowStride: rightStrides.row, columnStride: rightStrides.column),
          panels: packed?.panels, pairedColumns: packed?.pairedColumns, target: target + offset[offset.count - 1],
          targetStride: columns, rows: rows, columns: columns, depth: depth, instructions: instructions,
          operands: UnsafeBufferPointer(rebasing: operands[(index * operandCount)..<((index + 1) * operandCount)]))
      }
      workers.kernels.multiply(problems, on: workers.pool)
    }
  }
}
