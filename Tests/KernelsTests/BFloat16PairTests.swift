import KernelInterface
import Testing

@testable import Kernels

/// Products of bfloat16 pairs, on lengths that pairs and tiles don't divide.
struct BFloat16PairTests {
  static func run(queryLength: Int = 21, keyLength: Int, headSize: Int = 8, valueSize: Int = 8) -> KernelRun {
    var run = KernelRun(element: .bfloat16, tiles: AttentionTiles(queryRows: 48, keys: 16), fewestRoundedKeys: 0)
    run.shape = AttentionShape(
      queryLength: queryLength, keyLength: keyLength, headSize: headSize, valueSize: valueSize)
    return run
  }

  @Test(arguments: [1, 2, 3, 15, 16, 17, 33, 90], [13, 100])
  func keyLengths(_ length: Int, _ queryLength: Int) throws {
    try Self.run(queryLength: queryLength, keyLength: length).expectAccurate()
  }

  @Test(arguments: [(2, 1), (64, 64), (10, 33), (128, 80)])
  func headSizes(_ headSize: Int, _ valueSize: Int) throws {
    try Self.run(keyLength: 37, headSize: headSize, valueSize: valueSize).expectAccurate()
  }

  @Test(arguments: Layout.allCases)
  func layouts(_ layout: Layout) throws {
    var run = Self.run(keyLength: 35)
    run.layout = layout
    try run.expectAccurate()
  }

  @Test(arguments: [Causality.upperLeft, .lowerRight], [nil, 3, 4])
  func order(_ causal: Causality, _ left: Int?) throws {
    var run = Self.run(queryLength: 70, keyLength: 75)
    run.modifiers.causal = causal
    run.modifiers.window = AttentionWindow(left: left)
    try run.expectAccurate()
  }

  @Test(arguments: [false, true])
  func modifiers(_ isMasked: Bool) throws {
    var generator = SplitMix(state: 3)
    var run = Self.run(queryLength: 30, keyLength: 41)
    run.modifiers.sinks = [1, -2]
    run.modifiers.validKeyLengths = [39]
    try run.expectAccurate()
    run.modifiers.softcap = 2
    run.modifiers.bias = ScoreTensor(broadcast: [true, false, false, false], run.shape) { _ in generator.normal() }
    if isMasked {
      run.modifiers.maskedScore = -1e9
      run.modifiers.mask = ScoreTensor(broadcast: [true, true, false, false], run.shape) { $0 < 41 ? 0 : Float($0 % 3) }
    }
    try run.expectAccurate()
  }

  @Test func splitKeys() throws {
    var run = Self.run(queryLength: 20, keyLength: 2501)
    run.shape.queryHeads = 1
    run.shape.keyHeads = 1
    run.modifiers.sinks = [2]
    try run.expectAccurate()
  }

  /// With enough keys roundings average out: the error's root mean square stays below a thousandth of the output's
  /// largest magnitude, and no element is further off than two thousandths, its own rounding aside.
  @Test(arguments: [256, 600, 1500], [Causality.none, .lowerRight])
  func longKeysAreAccurate(_ length: Int, _ causal: Causality) throws {
    var run = KernelRun(element: .bfloat16, seed: UInt64(length))
    run.shape = AttentionShape(queryLength: 64, keyLength: length, headSize: 64, valueSize: 64)
    run.modifiers.scale = 0.125
    run.modifiers.causal = causal
    let inputs = run.inputs
    let exact = NaiveAttention<Double>(run.shape, run.modifiers, inputs).output()
    let actual = try run.output(of: inputs)
    let scale = exact.map(abs).max() ?? 0
    let errors = zip(actual, exact).map { abs(Double($0) - $1) }
    let meanSquare = errors.map { $0 * $0 }.reduce(0, +) / Double(errors.count)
    #expect(meanSquare.squareRoot() < 1e-3 * scale)
    // The output itself is rounded as well.
    let excess = zip(errors, exact).map { $0 - KernelElement.bfloat16.roundingError * abs($1) }.max() ?? 0
    #expect(excess < 2e-3 * scale)
  }

  @Test func onlyWhereOperandsAllowIt() throws {
    func uses(_ change: (inout FlashAttentionArguments) -> Void) throws -> Bool {
      let run = Self.run(keyLength: 300)
      return try run.withArguments(of: run.inputs) { arguments, _ in
        var arguments = arguments
        change(&arguments)
        return try FlashAttention(arguments).usesBFloat16Dots
      }
    }
    #expect(try uses { _ in } == InstructionSet.current.hasBFloat16Dots)
    #expect(try !uses { $0.keyLength = 255 })
    #expect(try !uses { $0.scale = -1 })
    #expect(try !uses { $0.headSize = 7 })
    #expect(try !uses { $0.query.element = .float16 })
  }
}
