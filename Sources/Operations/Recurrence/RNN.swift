import GraphIR

/// A simple recurrent layer: *h′ = f(W·x + R·h)*.
public struct RNN: RecurrentOperation {
  public var recurrence = RecurrenceAttributes()

  public init() {}

  public static let schema = Schema<Self>(
    "RNN",
    inputs: [
      "data", "weights", "recurrent_weights", .optional("bias"), .optional("lengths"), .optional("initial_hidden"),
    ],
    outputs: 1...2, attributes: sharedAttributes, spellings: [.onnx("RNN", since: 7)])

  static let gateCount = 1
  static let activations = ["Tanh"]
  static let stateInputs = [5]

  func step(_ cell: RecurrentCell, _ features: ArraySlice<Double>, _ states: [[Double]]) -> [[Double]] {
    [cell.activated(0, cell.input(0, features), cell.recurrent(0, states[0]))]
  }
}
