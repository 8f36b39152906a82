import GraphIR
import Operations
import Runtime
import Tensors
import Testing

@Suite struct InputBindingTests {
  /// Two inputs that share a symbol, one of which has a size that is an expression, and a constant size.
  private func graph() throws -> Graph {
    let (batch, length) = (Dimension(symbol: "batch"), Dimension(symbol: "length"))
    var graph = Graph()
    let x = try graph.addInput(["x", "x:0"], TensorType(.float32, [batch, length, 4]))
    let y = try graph.addInput(["y"], TensorType(.float32, [batch + length]))
    graph.addOutput(["x_out"], try graph.insert(Softmax(), [x]))
    graph.addOutput(["y_out"], try graph.insert(Softmax(), [y]))
    try graph.addInput(["unused"], TensorType(.int64, [batch]))
    return graph
  }

  private func zeros(_ shape: [Int], _ element: ElementType = .float32) throws -> Tensor {
    try Tensor(integers: Array(repeating: 0, count: shape.reduce(1, *)), element: element, shape: shape)
  }

  @Test func anInputAnswersToAllItsNamesAndAnUnusedOneMayBeMissing() throws {
    let session = Session(try graph(), options: .init(threads: 1))
    for name in ["x", "x:0"] {
      let result = try session.run([name: zeros([2, 3, 4]), "y": zeros([5])])
      #expect(result.outputs.map(\.shape) == [[2, 3, 4], [5]])
    }
    _ = try session.run(["x": zeros([1, 3, 4]), "y": zeros([4]), "unused": zeros([1], .int64)])
  }

  @Test(
    arguments: [
      ([2, 3, 5], [5], "input 'x': axis 2 must be 4, found 5 in [2, 3, 5]"),
      ([2, 3], [5], "input 'x': 3 axes [batch, length, 4] were expected, found 2 [2, 3]"),
      ([2, 3, 4], [6], "input 'y': axis 0 is 6, but batch + length is 5"),
    ] as [([Int], [Int], String)])
  func sizesThatContradictAreRefused(_ x: [Int], _ y: [Int], _ message: String) throws {
    let session = Session(try graph(), options: .init(threads: 1))
    let error = try #require(throws: ModelError.self) { try session.run(["x": zeros(x), "y": zeros(y)]) }
    #expect(error.message == message)
    #expect(error.kind == .invalid)
  }

  @Test func inputsThatDisagreeAboutASymbolAreRefused() throws {
    let session = Session(try graph(), options: .init(threads: 1))
    let error = try #require(throws: ModelError.self) {
      try session.run(["x": zeros([2, 3, 4]), "y": zeros([5]), "unused": zeros([7], .int64)])
    }
    #expect(error.message == "input 'unused': axis 0 (batch) is 7, but batch is 2 in input 'x'")
  }

  @Test func wrongNamesTypesAndMissingInputsAreRefused() throws {
    let session = Session(try graph(), options: .init(threads: 1))
    let x = try zeros([2, 3, 4])
    let y = try zeros([5])
    let cases: [([String: Tensor], String)] = [
      (["x": x, "y": y, "z": y], "'z' is no input of the model, which has 'x', 'y', 'unused'"),
      (["x": x, "x:0": x, "y": y], "input 'x' is given under several of its names"),
      (["x": x], "input 'y' f32[batch + length] is not given"),
      (["x": try zeros([2, 3, 4], .float64), "y": y], "input 'x': elements of type f32 were expected, found f64"),
    ]
    for (inputs, message) in cases {
      let error = try #require(throws: ModelError.self) { try session.run(inputs) }
      #expect(error.message == message)
    }
  }
}
