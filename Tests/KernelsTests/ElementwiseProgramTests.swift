import Foundation
import KernelInterface
import Kernels
import Testing

/// Elementwise programs and row kernels of every instruction set against the C library in 64 bits.
@Suite struct ElementwiseProgramTests {
  /// What an operation gives in 64 bits.
  static func exact(_ operation: ElementwiseOperation, _ x: Double, _ y: Double) -> Double {
    func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    return switch operation {
    case .add: x + y
    case .subtract: x - y
    case .multiply: x * y
    case .divide: x / y
    case .maximum: x.isNaN || y.isNaN ? .nan : max(x, y)
    case .minimum: x.isNaN || y.isNaN ? .nan : min(x, y)
    case .negate: -x
    case .absolute: abs(x)
    case .reciprocal: 1 / x
    case .squareRoot: x.squareRoot()
    case .exponential: exp(x)
    case .errorFunction: erf(x)
    case .hyperbolicTangent: tanh(x)
    case .sigmoid: logistic(x)
    case .swish: x * logistic(1.5 * x)
    case .gelu: 0.5 * x * (1 + erf(x / 2.0.squareRoot()))
    case .tanhGelu: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    }
  }

  static let values: [Float] = {
    var values: [Float] = [
      0, -0.0, 1, -1, 0.5, 0.999_999, 1.000_001, 4, -4, 3.999, 1e-8, -1e-8, 88.7, 88.9, -87, -110, 1e30, -1e30,
      .infinity, -.infinity, .nan, .greatestFiniteMagnitude, .leastNormalMagnitude,
    ]
    var generator = SplitMix(state: 11)
    for scale in [0.1, 1, 5, 30, 80] as [Float] {
      values += (0..<300).map { _ in Float.random(in: -scale...scale, using: &generator) }
    }
    return values
  }()

  static func run(
    _ set: InstructionSet, _ instructions: [ElementwiseInstruction], _ operands: [[Float]], rows: Int, columns: Int
  ) -> [Float] {
    var result = [Float](repeating: 0, count: rows * columns)
    let flat = operands.flatMap { $0 }
    flat.withUnsafeBufferPointer { numbers in
      result.withUnsafeMutableBufferPointer { result in
        guard let base = numbers.baseAddress, let target = result.baseAddress else { return }
        var start = 0
        let strips = operands.map { operand in
          defer { start += operand.count }
          return StripOperand(
            base: base + start, rowStride: operand.count == rows * columns ? columns : operand.count == rows ? 1 : 0,
            columnStride: operand.count >= columns && operand.count != rows ? 1 : 0)
        }
        strips.withUnsafeBufferPointer { strips in
          instructions.withUnsafeBufferPointer { instructions in
            set.compute(
              ElementwiseStrip(
                instructions: instructions, operands: strips, target: target, targetStride: columns, rows: rows,
                columns: columns),
              on: WorkerPool(workerCount: 2))
          }
        }
      }
    }
    return result
  }

  @Test(arguments: ElementwiseOperation.allCases)
  func operationsAreAccurateAndKeepSpecialValues(_ operation: ElementwiseOperation) {
    let left = Self.values
    let right = Array(Self.values.reversed())
    for set in InstructionSet.allCases where set.isAvailable {
      let instruction = ElementwiseInstruction(operation, 0, 1, register: 0, parameter: 1.5)
      let actual = Self.run(set, [instruction], [left, right], rows: 1, columns: left.count)
      for index in left.indices {
        let expected = Self.exact(operation, Double(left[index]), Double(right[index]))
        let value = Double(actual[index])
        // Numbers below the smallest normal one may be 0; sums of opposite terms cancel alike in any 32-bit formula.
        let scale =
          operation == .gelu || operation == .tanhGelu ? max(abs(expected), abs(Double(left[index]))) : abs(expected)
        // The logistic function of a rounded product is off by that rounding, times its argument.
        let condition = operation == .swish ? 1 + abs(Double(left[index])) : 1
        let isClose =
          expected.isNaN
          ? value.isNaN
          : Float(expected).isInfinite
            ? value == expected || abs(value) > 3.4e38
            : abs(value - expected) <= condition * (5e-7 * scale + 2e-38)
        if !isClose {
          Issue.record("\(set): \(operation) of \(left[index]), \(right[index]) is \(value), not \(expected)")
        }
      }
    }
  }

  @Test(arguments: [(1, 1), (3, 5), (4, 256), (2, 257), (5, 600), (70, 1000)])
  func operandsRepeatAlongRowsAndColumns(_ size: (Int, Int)) {
    let (rows, columns) = size
    let count = rows * columns
    let whole = (0..<count).map { Float($0 % 17) }
    let row = (0..<columns).map { Float($0 % 7) }
    // (whole · row + 3) − whole, in one register and one more.
    let instructions = [
      ElementwiseInstruction(.multiply, 0, 1, register: 0), ElementwiseInstruction(.add, 3, 2, register: 0),
      ElementwiseInstruction(.subtract, 3, 0, register: 1),
    ]
    let expected = (0..<count).map { whole[$0] * row[$0 % columns] + 3 - whole[$0] }
    for set in InstructionSet.allCases where set.isAvailable {
      guard rows > 1, columns > rows else { continue }
      #expect(Self.run(set, instructions, [whole, row, [3]], rows: rows, columns: columns) == expected)
    }
  }

  @Test(arguments: [1, 2, 15, 16, 17, 64, 100, 1000], [true, false])
  func rowsAreNormalised(_ columns: Int, _ centers: Bool) {
    let rows = 7
    var generator = SplitMix(state: 5)
    let source = (0..<rows * columns).map { _ in Float.random(in: -2...6, using: &generator) }
    let scale = (0..<columns).map { _ in Float.random(in: 0...2, using: &generator) }
    for set in InstructionSet.allCases where set.isAvailable {
      var actual = source
      actual.withUnsafeMutableBufferPointer { target in
        scale.withUnsafeBufferPointer { scale in
          guard let base = target.baseAddress else { return }
          set.normalize(
            RowProblem(source: UnsafePointer(base), target: base, rows: rows, columns: columns),
            RowNormalization(centers: centers, epsilon: 1e-5, scale: scale.baseAddress, bias: scale.baseAddress),
            on: WorkerPool(workerCount: 2))
        }
      }
      for row in 0..<rows {
        let numbers = source[(row * columns)..<((row + 1) * columns)].map { Double($0) }
        let mean = centers ? numbers.reduce(0, +) / Double(columns) : 0
        let square = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
        for column in 0..<columns {
          let factor = Double(scale[column])
          let expected = (numbers[column] - mean) / (square + 1e-5).squareRoot() * factor + factor
          #expect(abs(Double(actual[row * columns + column]) - expected) < 3e-5)
        }
      }
    }
  }
}
