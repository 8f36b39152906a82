import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@Suite struct OperationWorkTests {
  private func f32(_ shape: Int...) -> TensorType { TensorType(.float32, Shape(shape)) }

  private func gemm(transposed: Bool) -> Gemm {
    var gemm = Gemm()
    gemm.transposesLeft = transposed
    return gemm
  }

  @Test func aProductCountsMultiplyAddsTwice() {
    let work = OperationWork(of: MatMul(), inputs: [f32(2, 3, 5), f32(2, 5, 7)], outputs: [f32(2, 3, 7)])
    #expect(work.operations == 2 * 2 * 3 * 5 * 7)
    #expect(work.bytes == 4 * Double(2 * 3 * 5 + 2 * 5 * 7 + 2 * 3 * 7))
  }

  @Test(arguments: [false, true])
  func aTransposedProductIsTheSameWork(_ transposed: Bool) {
    let left = transposed ? f32(5, 3) : f32(3, 5)
    let work = OperationWork(of: gemm(transposed: transposed), inputs: [left, f32(5, 7), f32(7)], outputs: [f32(3, 7)])
    #expect(work.operations == 3 * 7 * (2 * 5 + 1))
  }

  @Test func anEinsumIsTheProductOfItsSizes() {
    let work = OperationWork(of: Einsum("bij,bjk->bik"), inputs: [f32(2, 3, 5), f32(2, 5, 7)], outputs: [f32(2, 3, 7)])
    #expect(work.operations == 2 * 2 * 3 * 5 * 7)
  }

  @Test func aGroupedConvolutionReadsItsOwnChannels() {
    var conv = Conv()
    conv.group = 2
    let work = OperationWork(of: conv, inputs: [f32(1, 4, 8, 8), f32(6, 2, 3, 3)], outputs: [f32(1, 6, 6, 6)])
    #expect(work.operations == 2 * (6 * 6 * 6) * (2 * 3 * 3))
  }

  @Test func fusedAttentionDoesTheProductsOfItsDecomposition() throws {
    for variant in try AttentionVariant.all() where variant.operation.causal == .none {
      let types = variant.inputs.map { $0.map { TensorType($0.element, Shape($0.shape)) } }
      let query = try #require(types[0]?.shape.sizes)
      let (keys, values) = (try #require(types[1]?.shape.sizes), try #require(types[2]?.shape.sizes))
      let work = OperationWork(of: variant.operation, inputs: types, outputs: [])
      let scores = query[0] * query[1] * query[2] * keys[2]
      #expect(work.operations == Double(2 * scores * (query[3] + values[3])), "\(variant)")
    }
  }

  @Test func whatOnlyMovesElementsCountsNoArithmetic() {
    let work = OperationWork(of: Transpose([1, 0]), inputs: [f32(3, 5)], outputs: [f32(5, 3)])
    #expect(work == OperationWork(operations: 0, bytes: 120))
  }

  @Test func unknownSizesCountAsNothing() {
    let work = OperationWork(
      of: MatMul(), inputs: [TensorType(.float32, .unranked), nil], outputs: [TensorType(.float32, [.unknown])])
    #expect(work == .none)
  }
}
