/// What one instruction of an elementwise program computes from the elements of its sources.
package enum ElementwiseOperation: UInt8, Sendable, CaseIterable {
  case add, subtract, multiply, divide
  /// NaN where either is.
  case maximum, minimum
  case negate, absolute, reciprocal, squareRoot
  case exponential, errorFunction, hyperbolicTangent
  /// 1 / (1 + e⁻ˣ)
  case sigmoid
  /// x · sigmoid(`first parameter` · x)
  case swish
  /// ½·x·(1 + erf(x/√2)), and with the tanh that approximates it.
  case gelu, tanhGelu

  /// Whether it reads a second source.
  package var isBinary: Bool { rawValue <= ElementwiseOperation.minimum.rawValue }
}

/// One instruction: sources are numbered with the operands first and the program's registers after them.
package struct ElementwiseInstruction: Hashable, Sendable {
  package var operation: ElementwiseOperation
  package var first: Int
  package var second: Int
  /// The register that gets the result; that of the last instruction is the result of the program.
  package var register: Int
  package var parameter: Float

  package init(_ operation: ElementwiseOperation, _ first: Int, _ second: Int = 0, register: Int, parameter: Float = 0)
  {
    self.operation = operation
    self.first = first
    self.second = second
    self.register = register
    self.parameter = parameter
  }
}

/// Rows of numbers that an elementwise program reads.
package struct StripOperand: @unchecked Sendable {
  package var base: UnsafePointer<Float>
  /// Numbers from one row to the next, 0 where all rows are the same.
  package var rowStride: Int
  /// 1, or 0 where a row is one number.
  package var columnStride: Int

  package init(base: UnsafePointer<Float>, rowStride: Int, columnStride: Int) {
    self.base = base
    self.rowStride = rowStride
    self.columnStride = columnStride
  }
}

/// An elementwise program applied to some rows.
///
/// An operand may be the target itself, row by row and number by number.
package struct ElementwiseStrip: @unchecked Sendable {
  package var instructions: UnsafeBufferPointer<ElementwiseInstruction>
  package var operands: UnsafeBufferPointer<StripOperand>
  package var target: UnsafeMutablePointer<Float>
  package var targetStride: Int
  package var rows: Int
  package var columns: Int

  package init(
    instructions: UnsafeBufferPointer<ElementwiseInstruction>, operands: UnsafeBufferPointer<StripOperand>,
    target: UnsafeMutablePointer<Float>, targetStride: Int, rows: Int, columns: Int
  ) {
    self.instructions = instructions
    self.operands = operands
    self.target = target
    self.targetStride = targetStride
    self.rows = rows
    self.columns = columns
  }

  /// The most registers that a program may have.
  package static let registerLimit = 16
  /// The numbers that a register holds: of several rows, where they are short.
  package static let registerLength = 1024
  /// The scratch that running a program needs.
  package static let scratchBytes = 4 * registerLimit * registerLength
}
