import GraphIR
import Operations
import Rewriting
import Tensors

/// (x − mean(x)) / √(mean((x − mean(x))²) + ε) · scale + bias  →  LayerNormalization(x, scale, bias)
///
/// Scale and bias may be missing. One normalisation without them that is an operation already takes in those that follow it.
public struct LayerNormalizationFusionPass: PatternFusionPass {
  public let name = "LayerNormalizationFusionPass"
  private let x = Capture<Value>("x")
  private let mean = Capture<Value>("mean")
  private let variance = Capture<Value>("variance")
  private let epsilon = Capture<Double>("ε")
  private let plain = Capture<Value>("plain")
  private let scale = Capture<Value>("scale")
  private let bias = Capture<Value>("bias")

  public init() {}

  public var pattern: Pattern {
    let x = Pattern.value(x)
    let distance = x - ReduceMean.of(x).named(mean)
    let variance = ReduceMean.of(distance.squared).named(variance).anchored
    let spelled = distance * (variance + .number(epsilon)).inverseRoot
    let plain = LayerNormalization.of(x).anchored.named(plain).checked { value, _, graph in
      let node = graph[value.node]
      guard node.outputs.count == 1, node.inputs.count == 2, let scale = node.inputs[1], graph.isOnes(scale) else {
        throw Reason("has-scale", "the normalisation is scaled already")
      }
    }
    let normalized = Pattern.oneOf([spelled, plain])
    let scale = Pattern.value(scale).checked(isPerFeature)
    let bias = Pattern.value(bias).checked(isPerFeature)
    return .oneOf([normalized * scale + bias, normalized + bias, normalized * scale, spelled])
  }

  private func isPerFeature(_ parameter: Value, _ match: Match, _ graph: Graph) throws {
    try graph.requireFeatures(parameter, of: match[x], from: firstAxis(match, graph))
  }

  /// The first of the axes that are normalised.
  private func firstAxis(_ match: Match, _ graph: Graph) throws -> Int {
    if let plain = match.value(plain), let layer = graph.operation(of: plain, as: LayerNormalization.self) {
      return try normalizedAxis(layer.axis, rank: graph.type(of: match[x]).rank ?? 0)
    }
    let first = try graph.firstAxis(ofMean: match[variance])
    guard try graph.firstAxis(ofMean: match[mean]) == first else {
      throw Reason("other-axes", "mean and variance are taken over different axes")
    }
    return first
  }

  public func replacement(for match: Match, in draft: inout GraphDraft) throws -> Value {
    let x = try match[x]
    let first = try firstAxis(match, draft.graph)
    var layer = LayerNormalization()
    layer.axis = first - (draft.graph.type(of: x).rank ?? 0)
    layer.epsilon =
      try match.value(plain).flatMap { draft.graph.operation(of: $0, as: LayerNormalization.self)?.epsilon }
      ?? match[epsilon]
    let scale = try match.value(scale) ?? draft.constant(draft.graph.ones(of: x, from: first))
    var inputs = [x, scale]
    if let bias = match.value(bias) { inputs.append(bias) }
    return try draft.fuse(layer, inputs)
  }

  public func isFused(_ node: Node, in graph: Graph) -> Bool { node.is(LayerNormalization.self) }
}
