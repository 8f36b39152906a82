import Tensors
import Testing

@Suite struct RandomTests {
  /// The first outputs of the reference implementation for seed 1234567.
  @Test func splitMixIsTheReference() {
    var generator = SplitMix64(seed: 1_234_567)
    #expect((0..<3).map { _ in generator.next() } == [6457827717110365317, 3203168211198807973, 9817491932198370423])
  }

  @Test func normalNumbersHaveMeanAndDeviation() throws {
    let values = try Tensor(randomOf: .float64, shape: [100, 1000], seed: 3, scale: 2).doubles()
    let mean = values.reduce(0, +) / Double(values.count)
    let deviation = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
    // The standard errors are 0.006 and 0.004.
    #expect(abs(mean) < 0.03 && abs(deviation - 2) < 0.02)
    #expect(values.allSatisfy { abs($0) <= 2 * 3.4642 })
    #expect(values != (try Tensor(randomOf: .float64, shape: [100, 1000], seed: 4, scale: 2).doubles()))
  }

  @Test func onlyFloatsAreRandom() throws {
    #expect(throws: ModelError.self) { try Tensor(randomOf: .int64, shape: [2], seed: 0) }
    #expect(throws: ModelError.self) { try Tensor(randomOf: .float16, shape: [1 << 62, 4], seed: 0) }
    #expect(try Tensor(randomOf: .bfloat16, shape: [2, 3], seed: 0).shape == [2, 3])
  }
}
