import GraphIR
import Tensors

/// Decision trees over the features of each row of `[rows, features]`; the weights of the leaves that they lead to, for each target.
///
/// Inner nodes and leaves are lists, node *i* of a tree comparing feature `nodes_featureids[i]` with `nodes_splits[i]`. What is not a number
/// fails every comparison, but goes the way of the true ones where `nodes_missing_value_tracks_true` says so.
public struct TreeEnsemble: GraphOperation {
  /// How the leaves of several trees for one target are put together: 0 the mean, 1 the sum, 2 the least, 3 the greatest.
  public var aggregateFunction = 1
  public var leafTargets: [Int] = []
  public var leafWeights: Tensor?
  /// The members of each node's set in order, a NaN behind each set.
  public var memberships: Tensor?
  public var targetCount = 0
  public var falseLeafs: [Int] = []
  public var falseNodes: [Int] = []
  public var features: [Int] = []
  /// Of no meaning for the result.
  public var hitRates: Tensor?
  public var missingValuesAreTrue: [Int] = []
  /// 0 to 6: ≤, <, ≥, >, =, ≠, member of a set.
  public var modes: Tensor?
  public var splits: Tensor?
  public var trueLeafs: [Int] = []
  public var trueNodes: [Int] = []
  /// 0: none, 1: a softmax over the targets, 2: the logistic function.
  public var postTransform = 0
  public var roots: [Int] = []

  public init() {}

  public static let schema = Schema<Self>(
    "TreeEnsemble", inputs: ["data"],
    attributes: [
      .init("aggregate_function", \.aggregateFunction), .init("leaf_targetids", \.leafTargets),
      .init("leaf_weights", \.leafWeights), .init("membership_values", \.memberships),
      .init("n_targets", \.targetCount), .init("nodes_falseleafs", \.falseLeafs),
      .init("nodes_falsenodeids", \.falseNodes), .init("nodes_featureids", \.features),
      .init("nodes_hitrates", \.hitRates), .init("nodes_missing_value_tracks_true", \.missingValuesAreTrue),
      .init("nodes_modes", \.modes), .init("nodes_splits", \.splits), .init("nodes_trueleafs", \.trueLeafs),
      .init("nodes_truenodeids", \.trueNodes), .init("post_transform", \.postTransform), .init("tree_roots", \.roots),
    ],
    spellings: [.onnx("TreeEnsemble", domain: "ai.onnx.ml", since: 5)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    if let rank = data.rank { try require(rank == 2, "2 axes were expected, found \(data.type)") }
    return [ValueInfo(data.element, [data.shape.dimensions?.first ?? .unknown, Dimension(targetCount)])]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    try require(data.rank == 2, "2 axes were expected, found \(data.shape)")
    let trees = try Trees(self)
    let shape = [data.shape[0], targetCount]
    let width = data.shape[1]
    let values = try data.doubles()
    guard try !zeros(shape).isEmpty else { return [try Tensor(element: data.element, shape: shape) { _ in }] }
    let rows = try (0..<data.shape[0]).map { row -> [Double] in
      let features = values[(row * width)..<((row + 1) * width)]
      var found = [[Double]](repeating: [], count: targetCount)
      for root in roots {
        let leaf = try trees.leaf(from: root, features)
        found[leaf.target].append(leaf.weight)
      }
      return try found.map { try aggregated($0, trees: roots.count) }
    }
    let scores = try Tensor(doubles: Array(rows.joined()), element: data.element, shape: shape)
    switch postTransform {
    case 0: return [scores]
    case 1: return try Softmax().evaluate(Operands([scores]))
    case 2: return try Sigmoid().evaluate(Operands([scores]))
    default: throw ModelError.unsupported("the transform number \(postTransform) of scores")
    }
  }

  private func aggregated(_ weights: [Double], trees: Int) throws -> Double {
    switch aggregateFunction {
    case 0: weights.reduce(0, +) / Double(trees)
    case 1: weights.reduce(0, +)
    case 2: weights.min() ?? 0
    case 3: weights.max() ?? 0
    default: throw ModelError.invalid("\(aggregateFunction) is no number of an aggregation")
    }
  }

  /// The lists with all indices checked.
  private struct Trees {
    private let ensemble: TreeEnsemble
    private let modes: [Int]
    private let splits: [Double]
    private let weights: [Double]
    private let sets: [Int: Set<Double>]

    init(_ ensemble: TreeEnsemble) throws {
      self.ensemble = ensemble
      let modes = try ensemble.modes?.integers() ?? []
      self.modes = modes
      splits = try ensemble.splits?.doubles() ?? []
      weights = try ensemble.leafWeights?.doubles() ?? []
      let lists = [
        ensemble.falseLeafs, ensemble.falseNodes, ensemble.features, ensemble.trueLeafs, ensemble.trueNodes,
      ]
      try require(
        lists.allSatisfy { $0.count == modes.count } && splits.count == modes.count
          && weights.count == ensemble.leafTargets.count
          && [0, modes.count].contains(ensemble.missingValuesAreTrue.count),
        "the lists of nodes or leaves differ in length")
      try require(
        ensemble.leafTargets.allSatisfy { (0..<ensemble.targetCount).contains($0) }, "a leaf has no target")
      let members = try ensemble.memberships?.doubles().split(omittingEmptySubsequences: false) { $0.isNaN } ?? []
      var sets: [Int: Set<Double>] = [:]
      for (node, set) in zip(modes.indices.filter { modes[$0] == 6 }, members) { sets[node] = Set(set) }
      self.sets = sets
    }

    func leaf(from root: Int, _ features: ArraySlice<Double>) throws -> (target: Int, weight: Double) {
      var node = root
      for _ in modes.indices {
        guard modes.indices.contains(node), (0..<features.count).contains(ensemble.features[node]) else { break }
        let isTrue = try compares(node, features[features.startIndex + ensemble.features[node]])
        let next = isTrue ? ensemble.trueNodes[node] : ensemble.falseNodes[node]
        guard (isTrue ? ensemble.trueLeafs[node] : ensemble.falseLeafs[node]) != 0 else {
          node = next
          continue
        }
        guard weights.indices.contains(next) else { break }
        return (ensemble.leafTargets[next], weights[next])
      }
      throw ModelError.invalid("the tree from node \(root) on leads to no leaf")
    }

    private func compares(_ node: Int, _ feature: Double) throws -> Bool {
      if feature.isNaN, !ensemble.missingValuesAreTrue.isEmpty, ensemble.missingValuesAreTrue[node] != 0 { return true }
      let split = splits[node]
      switch modes[node] {
      case 0: return feature <= split
      case 1: return feature < split
      case 2: return feature >= split
      case 3: return feature > split
      case 4: return feature == split
      case 5: return feature != split
      case 6: return sets[node]?.contains(feature) ?? false
      default: throw ModelError.invalid("\(modes[node]) is no number of a comparison")
      }
    }
  }
}
