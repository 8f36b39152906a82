import GraphIR
import KernelInterface
import Operations
import Tensors

/// An operation that is one instruction.
protocol SingleInstruction: ElementwiseExecutable {
  static var instruction: ElementwiseOperation { get }
}

extension SingleInstruction {
  package func emit(
    _ inputs: [ProgramValue], infos: [ValueInfo], into program: inout ProgramBuilder
  ) -> ProgramValue? {
    guard inputs.count == (Self.instruction.isBinary ? 2 : 1) else { return nil }
    return program.add(Self.instruction, inputs[0], inputs.count > 1 ? inputs[1] : nil)
  }
}

extension Add: SingleInstruction { static var instruction: ElementwiseOperation { .add } }
extension Sub: SingleInstruction { static var instruction: ElementwiseOperation { .subtract } }
extension Mul: SingleInstruction { static var instruction: ElementwiseOperation { .multiply } }
extension Div: SingleInstruction { static var instruction: ElementwiseOperation { .divide } }
extension Neg: SingleInstruction { static var instruction: ElementwiseOperation { .negate } }
extension Abs: SingleInstruction { static var instruction: ElementwiseOperation { .absolute } }
extension Reciprocal: SingleInstruction { static var instruction: ElementwiseOperation { .reciprocal } }
extension Sqrt: SingleInstruction { static var instruction: ElementwiseOperation { .squareRoot } }
extension Exp: SingleInstruction { static var instruction: ElementwiseOperation { .exponential } }
extension Erf: SingleInstruction { static var instruction: ElementwiseOperation { .errorFunction } }
extension Tanh: SingleInstruction { static var instruction: ElementwiseOperation { .hyperbolicTangent } }
extension Sigmoid: SingleInstruction { static var instruction: ElementwiseOperation { .sigmoid } }

extension Relu: ElementwiseExecutable {
  package func emit(
    _ inputs: [ProgramValue], infos: [ValueInfo], into program: inout ProgramBuilder
  ) -> ProgramValue? {
    program.add(.maximum, inputs[0], program.number(0))
  }
}

extension Gelu: ElementwiseExecutable {
  package func emit(
    _ inputs: [ProgramValue], infos: [ValueInfo], into program: inout ProgramBuilder
  ) -> ProgramValue? {
    program.add(approximate == .tanh ? .tanhGelu : .gelu, inputs[0])
  }
}

extension Swish: ElementwiseExecutable {
  package func emit(
    _ inputs: [ProgramValue], infos: [ValueInfo], into program: inout ProgramBuilder
  ) -> ProgramValue? {
    program.add(.swish, inputs[0], parameter: Float(alpha))
  }
}

extension SwiGLU: ElementwiseExecutable {
  package func emit(
    _ inputs: [ProgramValue], infos: [ValueInfo], into program: inout ProgramBuilder
  ) -> ProgramValue? {
    program.add(.multiply, program.add(.swish, inputs[0], parameter: Float(alpha)), inputs[1])
  }
}

extension Pow: ElementwiseExecutable {
  /// Small whole exponents are products, which round like the power to within one unit in the last place.
  package func emit(
    _ inputs: [ProgramValue], infos: [ValueInfo], into program: inout ProgramBuilder
  ) -> ProgramValue? {
    guard inputs.count == 2, let exponent = infos[1].scalar, infos[1].shape.sizes?.count ?? 9 <= infos[0].rank ?? 0
    else { return nil }
    switch exponent {
    case 2: return program.add(.multiply, inputs[0], inputs[0])
    case 3: return program.add(.multiply, program.add(.multiply, inputs[0], inputs[0]), inputs[0])
    default: return nil
    }
  }
}

/// An elementwise program over a whole tensor.
struct ElementwiseKernel: Kernel {
  private let instructions: [ElementwiseInstruction]
  private let numbers: [Float]
  /// Of the operands that are tensors, the elements that each must have.
  private let operandCounts: [Int]
  private let count: Int
  private let rows: Int
  private let columns: Int
  private let rowStrides: [Int]
  private let columnStrides: [Int]
  /// Where the operands, and last the target, of each strip start.
  private let offsets: [[Int]]
  /// The first operands whose elements lie where those of the result do.
  let inPlaceOperands: [Int]

  /// A program whose first operands are parts of tensors, which broadcast to `shape`, and whose others are `numbers`; nil where the
  /// rows of an operand do not lie as programs read them.
  init?(_ instructions: [ElementwiseInstruction], operands: [StridedLayout], numbers: [Float], shape: [Int]) {
    guard !instructions.isEmpty, !shape.contains(0) else { return nil }
    var strides: [[Int]] = []
    for operand in operands {
      guard let steps = operand.strides(broadcastTo: shape) else { return nil }
      strides.append(steps)
    }
    inPlaceOperands = operands.indices.filter { operands[$0].shape == shape && operands[$0].isDense }
    strides.append(StridedLayout(dense: shape).strides)
    var nest = LoopNest(sizes: shape, strides: strides)
    var inner = nest.removeInner()
    guard inner.strides.allSatisfy({ $0 <= 1 }) else { return nil }
    var outer = (size: 1, strides: inner.strides.map { _ in 0 })
    if nest.sizes.isEmpty, let length = (256...4096).last(where: { inner.size % $0 == 0 }) {
      // Threads share out rows, so one long row becomes many.
      outer = (inner.size / length, inner.strides.map { $0 * length })
      inner.size = length
    } else {
      outer = nest.removeInner()
    }
    (self.instructions, self.numbers) = (instructions, numbers)
    operandCounts = operands.map(\.end)
    count = shape.reduce(1, *)
    (rows, columns) = (outer.size, inner.size)
    (rowStrides, columnStrides) = (outer.strides, inner.strides)
    offsets = nest.offsets.map { offsets in
      var offsets = offsets
      for (index, operand) in operands.enumerated() { offsets[index] += operand.offset }
      return offsets
    }
  }

  func scratchByteCount(threads: Int) -> Int { ElementwiseStrip.scratchBytes * threads }

  func run(_ inputs: Operands<Tensor>, into outputs: [TensorBuffer], on workers: Workers) throws {
    let tensors = try operandCounts.indices.map { try inputs[$0] }
    guard let output = outputs.first else { throw InternalError("an elementwise program without an output") }
    try output.withElements(as: Float.self) { result in
      try withFloats(of: tensors) { pointers in
        for (pointer, count) in zip(pointers, operandCounts) { precondition(pointer.count >= count) }
        precondition(result.count >= count)
        guard let target = result.baseAddress else { return }
        numbers.withUnsafeBufferPointer { numbers in
          instructions.withUnsafeBufferPointer { instructions in
            for offset in offsets { run(pointers, numbers, instructions, target, offset, workers) }
          }
        }
      }
    }
  }

  private func run(
    _ pointers: [UnsafeBufferPointer<Float>], _ numbers: UnsafeBufferPointer<Float>,
    _ instructions: UnsafeBufferPointer<ElementwiseInstruction>, _ target: UnsafeMutablePointer<Float>, _ offset: [Int],
    _ workers: Workers
  ) {
    var operands: [StripOperand] = []
    for (index, pointer) in pointers.enumerated() {
      guard let base = pointer.baseAddress else { return }
      operands.append(
        StripOperand(base: base + offset[index], rowStride: rowStrides[index], columnStride: columnStrides[index]))
    }
    for index in numbers.indices {
      guard let base = numbers.baseAddress else { return }
      operands.append(StripOperand(base: base + index, rowStride: 0, columnStride: 0))
    }
    let last = offset.count - 1
    operands.withUnsafeBufferPointer { operands in
      workers.kernels.compute(
        ElementwiseStrip(
          instructions: instructions, operands: operands, target: target + offset[last], targetStride: rowStrides[last],
          rows: rows, columns: columns),
        on: workers.pool)
    }
  }
}

/// Calls `body` with the elements of all `tensors`, which must be 32-bit floats.
func withFloats(of tensors: [Tensor], _ body: ([UnsafeBufferPointer<Float>]) throws -> Void) throws {
  func next(_ found: [UnsafeBufferPointer<Float>]) throws {
    guard found.count < tensors.count else { return try body(found) }
    try tensors[found.count].withElements(as: Float.self) { try next(found + [$0]) }
  }
  try next([])
}
