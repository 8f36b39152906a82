import KernelInterface
import Testing

@testable import Kernels

/// One attention to be run by a kernel and compared.
struct KernelRun: Sendable {
  var shape = AttentionShape()
  var modifiers = AttentionModifiers()
  var element = KernelElement.float32
  var layout = Layout.headMajor
  var biasElement = KernelElement.float32
  var tiles: AttentionTiles?
  var seed: UInt64 = 1
  var magnitude: Float = 1
  /// The keys from which on bfloat16 weights may be rounded.
  var fewestRoundedKeys = 256
  /// Whether steps may be paired; nil where it pays.
  var pairsSteps: Bool?

  var inputs: AttentionInputs {
    AttentionInputs(shape, seed: seed, magnitude: magnitude).rounded(to: element)
  }

  static let pool = WorkerPool(workerCount: 2)

  /// The output in `[batch, queryHeads, queryLength, valueSize]` order.
  func output(
    of inputs: AttentionInputs, on instructionSet: InstructionSet = .current, pool: WorkerPool = KernelRun.pool
  ) throws -> [Float] {
    try withArguments(of: inputs) { arguments, output in
      try FlashAttention(
        arguments, tiles: tiles, instructionSet: instructionSet, fewestRoundedKeys: fewestRoundedKeys,
        pairsSteps: pairsSteps
      ).run(on: pool)
      return output.numbers
    }
  }

  /// Calls `body` with arguments whose operands live during the call.
  func withArguments<Result>(
    of inputs: AttentionInputs, _ body: (FlashAttentionArguments, OperandStorage) throws -> Result
  ) throws -> Result {
    let sizes = (shape.batch, shape.keyHeads, shape.keyLength)
    let query = OperandStorage(
      element, layout, size: (shape.batch, shape.queryHeads, shape.queryLength, shape.headSize),
      filledWith: inputs.query)
    let key = OperandStorage(
      element, layout, size: (sizes.0, sizes.1, sizes.2, shape.headSize), filledWith: inputs.key)
    let value = OperandStorage(
      element, layout, size: (sizes.0, sizes.1, sizes.2, shape.valueSize), filledWith: inputs.value)
    let output = OperandStorage(
      element, layout, size: (shape.batch, shape.queryHeads, shape.queryLength, shape.valueSize))
    var arguments = FlashAttentionArguments(
      query: query.buffer, key: key.buffer, value: value.buffer, output: output.output,
      batch: shape.batch, queryHeads: shape.queryHeads, keyHeads: shape.keyHeads, queryLength: shape.queryLength,
      keyLength: shape.keyLength, headSize: shape.headSize, valueSize: shape.valueSize, scale: modifiers.scale)
    arguments.softcap = modifiers.softcap
    arguments.maskedScore = modifiers.maskedScore
    arguments.causal = modifiers.causal
    arguments.window = modifiers.window
    arguments.validKeyLengths = modifiers.validKeyLengths
    arguments.sinks = modifiers.sinks
    arguments.guardsNaN = modifiers.guardsNaN
    let bias = modifiers.bias.map { flatStorage($0, biasElement) }
    if let bias, let tensor = modifiers.bias {
      var buffer = bias.buffer
      buffer.strides = tensor.strides
      arguments.bias = buffer
    }
    let maskBytes = (modifiers.mask?.numbers ?? []).map { UInt8($0 == 0 ? 0 : 3) }
    return try maskBytes.withUnsafeBytes { bytes in
      if let mask = modifiers.mask {
        let base = try #require(bytes.baseAddress)
        arguments.mask = BooleanBuffer(base: base, byteCount: bytes.count, strides: mask.strides)
      }
      return try withExtendedLifetime((query, key, value, bias)) { try body(arguments, output) }
    }
  }

  private func flatStorage(_ tensor: ScoreTensor, _ element: KernelElement) -> OperandStorage {
    OperandStorage(element, .headMajor, size: (1, 1, 1, tensor.numbers.count), filledWith: tensor.numbers)
  }

  /// Runs on every instruction set of this machine and compares with fp64.
  ///
  /// In fp32 the largest error may be twice that of the unfused fp32 computation; the constant covers shapes so small
  /// that the unfused error happens to be next to nothing. Narrow types may add 1e-3 and the rounding of the output;
  /// weights rounded to bfloat16, of which few keys average nothing out, 4e-3 instead.
  func expectAccurate(_ sourceLocation: SourceLocation = #_sourceLocation) throws {
    let inputs = inputs
    let exact = NaiveAttention<Double>(shape, modifiers, inputs).output()
    let unfused = element == .float32 ? NaiveAttention<Float>(shape, modifiers, inputs).output() : []
    let scale = exact.filter(\.isFinite).map(abs).max() ?? 0
    let unfusedError = zip(unfused, exact).map { abs(Double($0) - $1) }.filter(\.isFinite).max() ?? 0
    let narrowTolerance = shape.keyLength < fewestRoundedKeys ? 1e-3 : 4e-3
    let tolerance = element == .float32 ? 2 * unfusedError + 1e-6 * scale : narrowTolerance * scale
    for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
      let actual = try output(of: inputs, on: instructionSet)
      #expect(actual.count == exact.count, sourceLocation: sourceLocation)
      let worst = zip(actual, exact).enumerated().first { _, pair in
        let allowed = tolerance + element.roundingError * abs(pair.1)
        return pair.1.isNaN ? !pair.0.isNaN : !(abs(Double(pair.0) - pair.1) <= allowed)
      }
      if let worst {
        let (index, (actual, exact)) = worst
        Issue.record(
          """
          \(instructionSet): \(actual) at \(index) where fp64 gives \(exact), allowed error \(tolerance); \
          \(shape), \(layout), \(element)
          """, sourceLocation: sourceLocation)
      }
    }
  }
}
