import GraphIR
import Tensors

/// What all recurrent layers can be told.
public struct RecurrenceAttributes: Hashable, Sendable {
  public enum Direction: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    case forward
    case reverse
    case bidirectional
  }

  /// Parameters of those activations that have them, in their order.
  public var activationAlpha: [Double] = []
  public var activationBeta: [Double] = []
  /// The functions of one direction, or of both one after the other; empty: the layer's own.
  public var activations: [String] = []
  /// What goes into an activation is kept within ±this.
  public var clip: Double?
  public var direction = Direction.forward
  /// Of no meaning: the weights say it.
  public var hiddenSize = 0
  /// Whether the batch comes first in data, states and results.
  public var layout = 0

  public init() {}
}

/// A recurrent layer: a cell that goes along the sequences `data [length, batch, features]`, in one or both directions.
///
/// Weights are `[directions, gates · hidden, features]`, recurrent weights `[directions, gates · hidden, hidden]`, the bias `[directions,
/// 2 · gates · hidden]` holds those of both. Sequences may be shorter than `data`: the results behind their end are 0. Results are all hidden
/// states `[length, directions, batch, hidden]` and the last of each kind of state `[directions, batch, hidden]`.
protocol RecurrentOperation: GraphOperation {
  var recurrence: RecurrenceAttributes { get set }
  static var gateCount: Int { get }
  /// The functions where none are named.
  static var activations: [String] { get }
  /// Where the initial states are among the inputs: the hidden state, then the cell's own if it has one.
  static var stateInputs: [Int] { get }

  /// The states after `features`, from the ones before.
  func step(_ cell: RecurrentCell, _ features: ArraySlice<Double>, _ states: [[Double]]) -> [[Double]]
}

extension RecurrentOperation {
  static var sharedAttributes: [Attribute<Self>] {
    [
      .init("activation_alpha", \.recurrence.activationAlpha), .init("activation_beta", \.recurrence.activationBeta),
      .init("activations", \.recurrence.activations), .init("clip", \.recurrence.clip),
      .init("direction", \.recurrence.direction), .init("hidden_size", \.recurrence.hiddenSize),
      .init("layout", \.recurrence.layout),
    ]
  }

  private var directionCount: Int { recurrence.direction == .bidirectional ? 2 : 1 }

  private var batchFirst: Bool { recurrence.layout != 0 }

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    let weights = try inputs[1]
    for input in [data, weights, try inputs[2]] {
      if let rank = input.rank { try require(rank == 3, "3 axes were expected, found \(input.type)") }
    }
    let sizes = data.shape.dimensions ?? [.unknown, .unknown, .unknown]
    let (length, batch) = batchFirst ? (sizes[1], sizes[0]) : (sizes[0], sizes[1])
    let hidden = try inputs[2].shape.dimensions?[2] ?? .unknown
    let directions = Dimension(directionCount)
    let all: Shape = batchFirst ? [batch, length, directions, hidden] : [length, directions, batch, hidden]
    let last: Shape = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]
    return [ValueInfo(data.element, all)] + Self.stateInputs.map { _ in ValueInfo(data.element, last) }
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    func lengthFirst(_ tensor: Tensor) throws -> Tensor {
      try require(tensor.rank == 3, "3 axes were expected, found \(tensor.shape)")
      return batchFirst ? try Transpose([1, 0, 2]).evaluate(Operands([tensor]))[0] : tensor
    }
    let data = try lengthFirst(try inputs[0])
    let (length, batch, features) = (data.shape[0], data.shape[1], data.shape[2])
    let cells = try RecurrentCell.cells(of: self, inputs, features: features, directions: directionCount)
    let hidden = cells[0].hiddenSize
    let stateShape = [directionCount, batch, hidden]
    let initial = try Self.stateInputs.map { index -> [Double] in
      guard let given = try inputs.optional(index).map(lengthFirst) else {
        return try zeros(stateShape)
      }
      try require(given.shape == stateShape, "a state of shape \(stateShape) was expected, found \(given.shape)")
      return try given.doubles()
    }
    let allShape = [length, directionCount, batch, hidden]
    var all = try zeros(allShape)
    var last = initial
    let values = try data.doubles()
    // Without units there is nothing to compute, however many sequences there may be.
    let lengths = try hidden == 0 ? [] : inputs.optional(4)?.integers() ?? Array(repeating: length, count: batch)
    try require(
      (lengths.count == batch || hidden == 0) && lengths.allSatisfy { (0...length).contains($0) },
      "there must be \(batch) lengths of at most \(length), found \(lengths.prefix(8))")
    for (direction, cell) in cells.enumerated() {
      let isReverse = recurrence.direction == .reverse || direction == 1
      for entry in lengths.indices {
        let place = (direction * batch + entry) * hidden
        var states = initial.map { Array($0[place..<(place + hidden)]) }
        for step in 0..<lengths[entry] {
          let time = isReverse ? lengths[entry] - 1 - step : step
          let start = (time * batch + entry) * features
          states = self.step(cell, values[start..<(start + features)], states)
          let target = ((time * directionCount + direction) * batch + entry) * hidden
          all.replaceSubrange(target..<(target + hidden), with: states[0])
        }
        for (kind, state) in states.enumerated() { last[kind].replaceSubrange(place..<(place + hidden), with: state) }
      }
    }
    let element = data.element
    let results =
      [try Tensor(doubles: all, element: element, shape: allShape)]
      + (try last.map { try Tensor(doubles: $0, element: element, shape: stateShape) })
    guard batchFirst else { return results }
    return try results.enumerated().map { index, tensor in
      try Transpose(index == 0 ? [2, 0, 1, 3] : [1, 0, 2]).evaluate(Operands([tensor]))[0]
    }
  }
}

/// The weights and functions of a layer's cell in one direction.
struct RecurrentCell {
  let hiddenSize: Int
  private let featureCount: Int
  private let weights: ArraySlice<Double>
  private let recurrentWeights: ArraySlice<Double>
  private let bias: ArraySlice<Double>
  private let peepholes: ArraySlice<Double>
  private let functions: [RecurrentActivation]
  private let clip: Double?

  /// The cells of all directions. Throws where shapes or the number of functions don't fit.
  static func cells<Operation: RecurrentOperation>(
    of operation: Operation, _ inputs: Operands<Tensor>, features: Int, directions: Int
  ) throws -> [RecurrentCell] {
    let recurrentWeights = try inputs[2]
    let hidden = recurrentWeights.shape.last ?? 0
    try require(hidden <= 1 << 24, "a layer of \(hidden) units is too large")
    let rows = Operation.gateCount * hidden
    func parameter(_ tensor: Tensor?, _ shape: [Int], _ name: String) throws -> [Double] {
      guard let tensor else { return try zeros(shape) }
      try require(tensor.shape == shape, "\(name) of shape \(shape) were expected, found \(tensor.shape)")
      return try tensor.doubles()
    }
    let all = (
      weights: try parameter(try inputs[1], [directions, rows, features], "weights"),
      recurrent: try parameter(recurrentWeights, [directions, rows, hidden], "recurrent weights"),
      bias: try parameter(inputs.optional(3), [directions, 2 * rows], "biases"),
      peepholes: try parameter(inputs.optional(7), [directions, 3 * hidden], "peepholes")
    )
    let functions = try RecurrentActivation.list(operation.recurrence, default: Operation.activations, directions)
    return (0..<directions).map { direction in
      func part(_ list: [Double]) -> ArraySlice<Double> {
        let count = list.count / directions
        return list[(direction * count)..<((direction + 1) * count)]
      }
      return RecurrentCell(
        hiddenSize: hidden, featureCount: features, weights: part(all.weights), recurrentWeights: part(all.recurrent),
        bias: part(all.bias), peepholes: part(all.peepholes), functions: functions[direction],
        clip: operation.recurrence.clip)
    }
  }

  /// What the features add to each unit of `gate`.
  func input(_ gate: Int, _ features: ArraySlice<Double>) -> [Double] {
    products(weights, gate, features, bias: gate * hiddenSize)
  }

  /// What the hidden state adds to each unit of `gate`.
  func recurrent(_ gate: Int, _ state: [Double]) -> [Double] {
    products(recurrentWeights, gate, state[...], bias: bias.count / 2 + gate * hiddenSize)
  }

  /// What the cell's state adds to each unit of the gate that has peephole `index`.
  func peephole(_ index: Int, _ state: [Double]) -> [Double] {
    state.indices.map { peepholes[peepholes.startIndex + index * hiddenSize + $0] * state[$0] }
  }

  /// Function number `index` of the sum of `terms`.
  func activated(_ index: Int, _ terms: [Double]...) -> [Double] {
    (0..<hiddenSize).map { unit in
      let sum = terms.reduce(0) { $0 + $1[unit] }
      return functions[index](clip.map { min(max(sum, -$0), $0) } ?? sum)
    }
  }

  private func products(
    _ matrix: ArraySlice<Double>, _ gate: Int, _ vector: ArraySlice<Double>, bias start: Int
  ) -> [Double] {
    (0..<hiddenSize).map { unit in
      let row = matrix.startIndex + (gate * hiddenSize + unit) * vector.count
      return zip(matrix[row...], vector).reduce(bias[bias.startIndex + start + unit]) { $0 + $1.0 * $1.1 }
    }
  }
}
