import GraphIR
import Operations
import Tensors
import Testing

@Suite("Recurrent layers")
struct RecurrenceTests {
  private static let layers: [(any GraphOperation, gates: Int)] = [(RNN(), 1), (GRU(), 3), (LSTM(), 4)]

  private func random(_ seed: UInt64, _ shape: Int...) throws -> Tensor {
    try Tensor(randomOf: .float32, shape: shape, seed: seed)
  }

  /// Data `[5, 2, 3]` and weights of two units, for `directions`.
  private func inputs(gates: Int, directions: Int = 1, data: Tensor? = nil, lengths: Tensor? = nil) throws -> [Tensor?]
  {
    [
      try data ?? random(1, 5, 2, 3), try random(2, directions, 2 * gates, 3), try random(3, directions, 2 * gates, 2),
      try random(4, directions, 4 * gates), lengths,
    ]
  }

  private func run(_ layer: any GraphOperation, _ inputs: [Tensor?]) throws -> [Tensor] {
    let results = try layer.evaluate(Operands(inputs))
    let known = try layer.infer(Operands(inputs.map { $0.map { ValueInfo($0.element, Shape($0.shape)) } }))
    #expect(known.map(\.shape) == results.map { Shape($0.shape) })
    return results
  }

  private func isClose(_ left: Tensor, _ right: Tensor) throws -> Bool {
    try left.shape == right.shape && zip(left.doubles(), right.doubles()).allSatisfy { abs($0 - $1) < 1e-6 }
  }

  private func slice(_ tensor: Tensor, axis: Int, _ from: Int64, _ to: Int64, step: Int64 = 1) throws -> Tensor {
    try Slice().evaluate(
      Operands([tensor, integers([from]), integers([to]), integers([Int64(axis)]), integers([step])]))[0]
  }

  @Test func `gates are what the formulas say`() throws {
    // No weights, so that gates are functions of their biases alone.
    let data = try tensor([0], 1, 1, 1)
    func zeros(_ rows: Int) throws -> Tensor { try Tensor([Float](repeating: 0, count: rows), shape: [1, rows, 1]) }
    func sigmoid(_ x: Double) -> Double { 1 / (1 + (-x).exponential) }
    let initial = try tensor([0.5], 1, 1, 1)
    let biases: [Float] = [0.3, -0.7, 1.1, 0.9, 0, 0, 0, 0]
    let results = try run(
      LSTM(), [data, zeros(4), zeros(4), tensor(biases, 1, 8), nil, initial, initial, tensor([1, 2, 3], 1, 3)])
    let memory = sigmoid(1.1 + 3 * 0.5) * 0.5 + sigmoid(0.3 + 0.5) * 0.9.hyperbolicTangent
    #expect(abs(try results[2].doubles()[0] - memory) < 1e-6)
    let hidden = sigmoid(-0.7 + 2 * memory) * memory.hyperbolicTangent
    #expect(abs(try results[1].doubles()[0] - hidden) < 1e-6)

    let gate = try run(GRU(), [data, zeros(3), zeros(3), tensor([0.3, 0, 0.8, 0, 0, 0], 1, 6), nil, initial])
    let expected = (1 - sigmoid(0.3)) * 0.8.hyperbolicTangent + sigmoid(0.3) * 0.5
    #expect(abs(try gate[1].doubles()[0] - expected) < 1e-6)
  }

  @Test(arguments: layers.indices) func `a reverse layer is a forward one on reversed data`(index: Int) throws {
    let (layer, gates) = Self.layers[index]
    let data = try random(1, 5, 2, 3)
    let reversed = try slice(data, axis: 0, -1, .min, step: -1)
    let expected = try run(layer, inputs(gates: gates, data: reversed))
    let result = try run(with(layer, direction: .reverse), inputs(gates: gates, data: data))
    #expect(try isClose(result[0], slice(expected[0], axis: 0, -1, .min, step: -1)))
    #expect(try isClose(result[1], expected[1]))
    let both = try run(with(layer, direction: .bidirectional), inputs(gates: gates, directions: 2))
    #expect(both[0].shape == [5, 2, 2, 2])
  }

  @Test(arguments: layers.indices) func `a shorter sequence is as if it were alone`(index: Int) throws {
    let (layer, gates) = Self.layers[index]
    let backward = with(layer, direction: .reverse)
    for layer in [layer, backward] {
      let data = try random(1, 5, 2, 3)
      let lengths = Tensor([Int32(5), 3])
      let result = try run(layer, inputs(gates: gates, data: data, lengths: lengths))
      let alone = try run(layer, inputs(gates: gates, data: slice(data, axis: 0, 0, 3)))
      let first = try slice(slice(result[0], axis: 0, 0, 3), axis: 2, 1, 2)
      #expect(try isClose(first, slice(alone[0], axis: 2, 1, 2)))
      #expect(try isClose(slice(result[1], axis: 1, 1, 2), slice(alone[1], axis: 1, 1, 2)))
      let behind = try slice(slice(result[0], axis: 0, 3, 5), axis: 2, 1, 2)
      #expect(try behind.doubles().allSatisfy { $0 == 0 })
    }
  }

  @Test func `odd parameters are refused`() throws {
    expectRefusal(RNN(), try random(1, 5, 2, 3), try random(2, 1, 2, 4), try random(3, 1, 2, 2))
    var layer = LSTM()
    layer.recurrence.activations = ["Tanh"]
    #expect(throws: ModelError.self) { try layer.evaluate(Operands(inputs(gates: 4))) }
    layer.recurrence.activations = ["Tanh", "Cosh", "Relu"]
    #expect(throws: ModelError.self) { try layer.evaluate(Operands(inputs(gates: 4))) }
    for lengths in [[6, 1], [-1, 1], [1]] as [[Int32]] {
      #expect(throws: ModelError.self) { try RNN().evaluate(Operands(inputs(gates: 1, lengths: Tensor(lengths)))) }
    }
  }

  private func with(
    _ layer: any GraphOperation, direction: RecurrenceAttributes.Direction
  ) -> any GraphOperation {
    switch layer {
    case var layer as RNN:
      layer.recurrence.direction = direction
      return layer
    case var layer as GRU:
      layer.recurrence.direction = direction
      return layer
    case var layer as LSTM:
      layer.recurrence.direction = direction
      return layer
    default: return layer
    }
  }

  @Test func `a linear attention reads what was written under a key`() throws {
    var attention = LinearAttention()
    (attention.keyHeads, attention.queryHeads, attention.updateRule, attention.scale) = (1, 2, .delta, 1)
    // The key (1, 0) is written twice; with a rate of 1 the second value takes the place of the first.
    let keys = try tensor([1, 0, 1, 0], 1, 2, 2)
    let values = try tensor([5, 7], 1, 2, 1)
    let queries = try tensor([1, 0, 0, 1, 1, 0, 2, 0], 1, 2, 4)
    let rates = try tensor([1, 1], 1, 2, 1)
    let results = try evaluate(attention, queries, keys, values, nil, nil, rates)
    #expect(try results[0].values(as: Float.self) == [5, 0, 7, 14])
    #expect(try results[1].values(as: Float.self) == [7, 0])
    attention.updateRule = .linear
    let sums = try evaluate(attention, queries, keys, values)[0]
    #expect(try sums.values(as: Float.self) == [5, 0, 12, 24])
    expectRefusal(attention, queries, keys, values, nil, nil, rates)
    attention.keyHeads = 0
    expectRefusal(attention, queries, keys, values)
  }
}

extension Double {
  fileprivate var exponential: Double {
    (try? Exp().evaluate(Operands([Tensor(scalar: self)]))[0].doubles()[0]) ?? .nan
  }
  fileprivate var hyperbolicTangent: Double { 1 - 2 / ((2 * self).exponential + 1) }
}
