import Foundation
import Fusion
import GraphIR
import Operations
import Rewriting
import Tensors
import TestSupport
import Testing

/// Formulas spelled at random: legal ones fuse, flawed ones don't, and the numbers stay.
@Suite struct FormulaPropertyTests {
  private static let formulas = ["erf", "tanh", "silu", "swiglu", "layer", "rms", "rotary", "neighbours", "linear"]

  @Test(arguments: formulas)
  func legalSpellingsFuseWithEqualResults(_ formula: String) throws {
    var generator = SplitMix64(seed: 30)
    for number in 0..<AttentionPropertyTests.cases / 3 {
      let built = try FormulaSpelling(formula, flawed: false, &generator).graph
      var fused = built
      let log = try FusionPipeline.standard.run(on: &fused)
      try fused.verify()
      let reasons = log.decisions.compactMap(\.reason?.message)
      try #require(log.decisions.contains { $0.verdict == .fused }, "\(built.goldenText) \(reasons)")
      #expect(!log.decisions.contains { $0.verdict == .declined }, "\(built.goldenText) \(reasons)")
      try #require(fused.nodes.filter { !$0.isInput }.count == 1, "\(built.goldenText)\(fused.goldenText)")
      try expectEqualResults(built, fused, seed: UInt64(number))

      // Fusing again changes nothing, and neither does fusing what was decomposed.
      let text = fused.goldenText
      _ = try FusionPipeline.standard.run(on: &fused)
      expectEqualText(fused.goldenText, text)
      try fused.decompose { node, _ in !node.isInput }
      fused.removeUnused()
      #expect(fused.nodes.filter { !$0.isInput }.count > 1)
      _ = try FusionPipeline.standard.run(on: &fused)
      expectEqualText(fused.goldenText, text)
    }
  }

  @Test(arguments: formulas)
  func flawedSpellingsKeepTheirResults(_ formula: String) throws {
    var generator = SplitMix64(seed: 31)
    for number in 0..<AttentionPropertyTests.cases / 3 {
      let built = try FormulaSpelling(formula, flawed: true, &generator).graph
      var fused = built
      let log = try FusionPipeline.standard.run(on: &fused)
      try fused.verify()
      // A part of it may be something else that is legal, but never the whole.
      #expect(fused.nodes.filter { !$0.isInput }.count > 1, "\(built.goldenText) \(log.decisions.map(\.verdict))")
      try expectEqualResults(built, fused, seed: UInt64(number))
    }
  }

  private func expectEqualResults(_ before: Graph, _ after: Graph, seed: UInt64) throws {
    let inputs = try before.inputs.enumerated().map { index, port in
      try Tensor.random(try #require(before.type(of: port.value).shape.sizes), seed: seed * 8 + UInt64(index))
    }
    let expected = try before.evaluate(inputs)[0].doubles()
    let actual = try after.evaluate(inputs)[0].doubles()
    #expect(expected.count == actual.count)
    for (expected, actual) in zip(expected, actual) {
      let close = expected == actual || expected.isNaN && actual.isNaN
      try #require(
        close || abs(expected - actual) <= 2e-5 * max(1, abs(expected)), "\(before.goldenText)\(after.goldenText)")
    }
  }
}

extension Node {
  fileprivate var isInput: Bool { operation is Parameter || operation is Constant }
}

/// One way to spell a formula: operands in any order, products and sums in any brackets, quotients as products.
private struct FormulaSpelling {
  private(set) var graph = Graph()
  private var generator: SplitMix64
  private let isFlawed: Bool
  /// How many numbers are still to come before the one that is wrong.
  private var flaw: Int

  init(_ formula: String, flawed: Bool, _ outer: inout SplitMix64) throws {
    generator = SplitMix64(seed: outer.next())
    isFlawed = flawed
    flaw = 0
    let numbers =
      ["erf": 3, "tanh": 4, "silu": 1, "swiglu": 1, "layer": 1, "rms": 1, "rotary": 2, "neighbours": 2][formula] ?? 1
    if flawed { flaw = Int.random(in: 1...numbers, using: &generator) }
    let x = try graph.addInput(["x"], TensorType(.float32, [2, 3, 4]))
    let result =
      switch formula {
      case "erf": try gelu(x, Erf(), scaled(x, by: 0.5.squareRoot()))
      case "tanh": try gelu(x, Tanh(), polynomial(x))
      case "silu": try silu(x)
      case "swiglu": try product([silu(x), graph.addInput(["v"], TensorType(.float32, [2, 3, 4]))])
      case "layer": try layer(x)
      case "rotary", "neighbours": try rotary(x, neighbours: formula == "neighbours")
      case "linear": try linear(x)
      default: try rms(x)
      }
    graph.addOutput(["y"], result)
  }

  private mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &generator) }

  private mutating func number(_ value: Double) throws -> Value {
    if isFlawed {
      flaw -= 1
      if flaw == 0 { return try graph.addConstant(Tensor(scalar: Float(value + 1))) }
    }
    return try graph.addConstant(Tensor(scalar: Float(value)))
  }

  private mutating func product(_ factors: [Value]) throws -> Value {
    var factors = factors.shuffled(using: &generator)
    while factors.count > 1 {
      let (right, left) = (factors.removeLast(), factors.remove(at: pick(factors.count)))
      factors.append(try graph.insert(Mul(), [left, right]))
    }
    return factors[0]
  }

  private mutating func sum(_ left: Value, _ right: Value) throws -> Value {
    try graph.insert(Add(), pick(2) == 0 ? [left, right] : [right, left])
  }

  private mutating func scaled(_ value: Value, by factor: Double) throws -> Value {
    if pick(2) == 0 { return try graph.insert(Div(), [value, number(1 / factor)]) }
    return try product([value, number(factor)])
  }

  private mutating func gelu(_ x: Value, _ function: any GraphOperation, _ argument: Value) throws -> Value {
    let gate = try sum(graph.insert(function, [argument]), number(1))
    return try product([x, gate, number(0.5)])
  }

  private mutating func polynomial(_ x: Value) throws -> Value {
    let cube: [Value]
    switch pick(3) {
    case 0: cube = [x, x, x]
    case 1: cube = [x, try graph.insert(Pow(), [x, graph.addConstant(Tensor(scalar: Float(2)))])]
    default: cube = [try graph.insert(Pow(), [x, graph.addConstant(Tensor(scalar: Float(3)))])]
    }
    let factor = try number(0.044715)
    return try scaled(sum(x, product(cube + [factor])), by: (2 / Double.pi).squareRoot())
  }

  private mutating func silu(_ x: Value) throws -> Value {
    if isFlawed || pick(2) == 0 {
      // 1 / (1 + e⁻ˣ)
      let gate = try sum(graph.insert(Exp(), [graph.insert(Neg(), [x])]), number(1))
      return pick(2) == 0
        ? try graph.insert(Div(), [x, gate]) : try product([x, graph.insert(Reciprocal(), [gate])])
    }
    return try product([x, graph.insert(Sigmoid(), [x])])
  }

  private mutating func square(_ x: Value) throws -> Value {
    if isFlawed || pick(2) == 0 { return try graph.insert(Pow(), [x, number(2)]) }
    return try product([x, x])
  }

  private mutating func mean(_ x: Value) throws -> Value {
    let axis = try graph.addConstant(Tensor([pick(2) == 0 ? -1 : 2] as [Int64]))
    return try graph.insert(ReduceMean(), [x, axis])
  }

  /// x / √(variance + ε)
  private mutating func normalized(_ x: Value, _ variance: Value) throws -> Value {
    let padded = try sum(variance, graph.addConstant(Tensor(scalar: Float(1e-3))))
    switch pick(3) {
    case 0: return try graph.insert(Div(), [x, graph.insert(Sqrt(), [padded])])
    case 1: return try product([x, graph.insert(Reciprocal(), [graph.insert(Sqrt(), [padded])])])
    default: return try product([x, graph.insert(Pow(), [padded, graph.addConstant(Tensor(scalar: Float(-0.5)))])])
    }
  }

  private mutating func rms(_ x: Value) throws -> Value {
    try product([normalized(x, mean(square(x))), graph.addConstant(.random([4], seed: 3))])
  }

  private mutating func layer(_ x: Value) throws -> Value {
    let distance = try graph.insert(Sub(), [x, mean(x)])
    let scaled = try product([
      normalized(distance, mean(square(distance))), graph.addConstant(.random([4], seed: 3)),
    ])
    return pick(3) == 0 ? scaled : try sum(scaled, graph.addConstant(.random([4], seed: 4)))
  }

  private mutating func integers(_ values: [Int]) throws -> Value {
    try graph.addConstant(Tensor(integers: values, shape: [values.count]))
  }

  private mutating func slice(_ x: Value, from start: Int, to end: Int, step: Int) throws -> Value {
    let last = pick(2) == 0 ? -1 : 2
    let bounds = try [start, end == 4 && pick(2) == 0 ? Int.max : end, last, step].map { try integers([$0]) }
    return try graph.insert(Slice(), [x] + bounds)
  }

  private mutating func rotary(_ x: Value, neighbours: Bool) throws -> Value {
    var parts: [Value]
    if neighbours {
      // A flaw takes one of the two from the wrong place.
      let start = isFlawed ? 0 : 1
      parts = try [slice(x, from: 0, to: 4, step: 2), slice(x, from: start, to: 4, step: 2)].map {
        try graph.insert(Unsqueeze(), [$0, integers([-1])])
      }
    } else if !isFlawed, pick(2) == 0 {
      let split = try graph.add(Split(axis: -1), [x, integers([2, 2])], outputs: 2)
      parts = [Value(split, 0), Value(split, 1)]
    } else {
      let at = isFlawed ? 1 : 2
      parts = try [slice(x, from: 0, to: at, step: 1), slice(x, from: at, to: 4, step: 1)]
    }
    let minus = try graph.addConstant(Tensor(scalar: Float(-1)))
    parts[1] = try pick(2) == 0 ? graph.insert(Neg(), [parts[1]]) : product([parts[1], minus])
    var turned = try graph.insert(Concat(axis: -1), [parts[1], parts[0]])
    if neighbours { turned = try graph.insert(Reshape(), [turned, integers([2, 3, 4])]) }
    let angles = try (0..<2).map { try graph.addConstant(.random([3, 4], seed: UInt64(50 + $0))) }
    return try sum(product([x, angles[0]]), product([turned, angles[1]]))
  }

  private mutating func linear(_ x: Value) throws -> Value {
    let product = try graph.insert(MatMul(), [x, graph.addConstant(.random([4, 5], seed: 6))])
    // A flaw is a bias that differs by row.
    let biased = try sum(product, graph.addConstant(.random(isFlawed ? [3, 1] : [5], seed: 7)))
    let functions: [any GraphOperation] = [
      Relu(), Sigmoid(), Tanh(), Gelu(), Gelu(approximate: .tanh), Swish(alpha: 2),
    ]
    return try graph.insert(functions[pick(functions.count)], [biased])
  }
}
