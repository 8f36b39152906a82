import GraphIR

/// A gated recurrent unit; the gates are update *z*, reset *r* and candidate *c*:
///
///     z = f(Wz·x + Rz·h), r = f(Wr·x + Rr·h)
///     c = g(Wc·x + Rc·(r ⊙ h)), or g(Wc·x + r ⊙ (Rc·h)) where `linear_before_reset`
///     h′ = (1 − z) ⊙ c + z ⊙ h
public struct GRU: RecurrentOperation {
  public var recurrence = RecurrenceAttributes()
  public var resetsAfterProduct = false

  public init() {}

  public static let schema = Schema<Self>(
    "GRU",
    inputs: [
      "data", "weights", "recurrent_weights", .optional("bias"), .optional("lengths"), .optional("initial_hidden"),
    ],
    outputs: 1...2, attributes: sharedAttributes + [.init("linear_before_reset", \.resetsAfterProduct)],
    spellings: [.onnx("GRU", since: 7)])

  static let gateCount = 3
  static let activations = ["Sigmoid", "Tanh"]
  static let stateInputs = [5]

  func step(_ cell: RecurrentCell, _ features: ArraySlice<Double>, _ states: [[Double]]) -> [[Double]] {
    let hidden = states[0]
    let update = cell.activated(0, cell.input(0, features), cell.recurrent(0, hidden))
    let reset = cell.activated(0, cell.input(1, features), cell.recurrent(1, hidden))
    let remembered =
      resetsAfterProduct
      ? zip(reset, cell.recurrent(2, hidden)).map { $0 * $1 }
      : cell.recurrent(2, zip(reset, hidden).map { $0 * $1 })
    let candidate = cell.activated(1, cell.input(2, features), remembered)
    return [hidden.indices.map { (1 - update[$0]) * candidate[$0] + update[$0] * hidden[$0] }]
  }
}
