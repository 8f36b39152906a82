import TestSupport
import Testing

@testable import Reporting

@Suite struct ProfileComparisonTests {
  @Test func fusionMovesFewerBytesAndAgrees() throws {
    let comparison = try ProfiledModel(length: 64).comparison
    #expect(comparison.passes)
    #expect(comparison.fused.attention.bytesMoved < comparison.native.attention.bytesMoved)
    #expect(comparison.fused.activationBytes < comparison.native.activationBytes)
    #expect(comparison.fused.steps < comparison.native.steps)
  }

  @Test func theKindsAddUpToTheWhole() throws {
    let model = try ProfiledModel()
    let kinds = model.comparison.native.kinds
    #expect(kinds.reduce(0) { $0 + $1.count } == model.native.steps.count)
    #expect(kinds.reduce(0) { $0 + $1.operations } == model.comparison.native.operations)
    #expect(kinds.filter { $0.name.hasPrefix("MatMul") }.reduce(0) { $0 + $1.count } == 6)
    #expect(kinds.map(\.seconds) == kinds.map(\.seconds).sorted(by: >))
  }
}
