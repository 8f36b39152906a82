import GraphIR
import Tensors

/// x where it is positive, `slope`·x elsewhere; the slope broadcasts to the input.
public struct PRelu: BinaryOperation {
  public init() {}

  public static let schema = Schema<Self>("PRelu", inputs: ["input", "slope"], spellings: [.onnx("PRelu", since: 7)])

  func combine<Number: Arithmetic>(_ left: Number, _ right: Number) -> Number {
    left < .zero ? left.times(right) : left
  }
}
