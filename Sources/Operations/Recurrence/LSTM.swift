import GraphIR

/// A long short-term memory; the gates are input *i*, output *o*, forget *f* and candidate *c*, *p* the peepholes:
///
///     i = f(Wi·x + Ri·h + pi ⊙ s), f = f(Wf·x + Rf·h + pf ⊙ s), or 1 − i where `input_forget`
///     s′ = f ⊙ s + i ⊙ g(Wc·x + Rc·h)
///     o = f(Wo·x + Ro·h + po ⊙ s′)
///     h′ = o ⊙ h(s′)
public struct LSTM: RecurrentOperation {
  public var recurrence = RecurrenceAttributes()
  public var couplesInputAndForget = false

  public init() {}

  public static let schema = Schema<Self>(
    "LSTM",
    inputs: [
      "data", "weights", "recurrent_weights", .optional("bias"), .optional("lengths"), .optional("initial_hidden"),
      .optional("initial_cell"), .optional("peepholes"),
    ],
    outputs: 1...3, attributes: sharedAttributes + [.init("input_forget", \.couplesInputAndForget)],
    spellings: [.onnx("LSTM", since: 7)])

  static let gateCount = 4
  static let activations = ["Sigmoid", "Tanh", "Tanh"]
  static let stateInputs = [5, 6]

  func step(_ cell: RecurrentCell, _ features: ArraySlice<Double>, _ states: [[Double]]) -> [[Double]] {
    let (hidden, memory) = (states[0], states[1])
    func sums(_ gate: Int) -> [Double] {
      zip(cell.input(gate, features), cell.recurrent(gate, hidden)).map { $0 + $1 }
    }
    let enter = cell.activated(0, sums(0), cell.peephole(0, memory))
    let keep = couplesInputAndForget ? enter.map { 1 - $0 } : cell.activated(0, sums(2), cell.peephole(2, memory))
    let candidate = cell.activated(1, sums(3))
    let next = memory.indices.map { keep[$0] * memory[$0] + enter[$0] * candidate[$0] }
    let leave = cell.activated(0, sums(1), cell.peephole(1, next))
    return [zip(leave, cell.activated(2, next)).map { $0 * $1 }, next]
  }
}
