import GraphIR
import Tensors

/// Random numbers of a shape that an input lists: the same for the same seed, whatever runs them and how often.
///
/// No two engines make the same numbers from one seed; those are what `SplitMix64` makes.
protocol RandomOperation: GraphOperation {
  var element: ElementType { get }
  var seed: Int { get }

  func next(_ generator: inout SplitMix64) -> Double
}

extension RandomOperation {
  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    [ValueInfo(element, try inputs[0].listedSizes().map { Shape($0) } ?? .unranked)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let shape = try inputs[0].listedIntegers()
    var generator = SplitMix64(seed: UInt64(bitPattern: Int64(seed)))
    let numbers = try zeros(shape).map { _ in next(&generator) }
    return [try Tensor(doubles: numbers, element: element, shape: shape)]
  }
}

/// Random numbers evenly spread from `low` up to but without `high`.
public struct RandomUniform: RandomOperation {
  public var element = ElementType.float32
  public var high = 1.0
  public var low = 0.0
  public var seed = 0

  public init() {}

  public static let schema = Schema<Self>(
    "RandomUniform", inputs: ["shape"],
    attributes: [.init("dtype", \.element), .init("high", \.high), .init("low", \.low), .init("seed", \.seed)])

  func next(_ generator: inout SplitMix64) -> Double {
    // As many bits as a 16-bit brain float holds would never round up to `high`; a wider type gets as many as it holds.
    let bits = element == .float64 ? 53 : element == .float32 ? 24 : 8
    let fraction = Double(generator.next() >> UInt64(64 - bits)) / Double(UInt64(1) << UInt64(bits))
    return low + (high - low) * fraction
  }
}

/// Random numbers of a normal distribution, by the polar method of Marsaglia.
public struct RandomNormal: RandomOperation {
  public var element = ElementType.float32
  public var mean = 0.0
  public var deviation = 1.0
  public var seed = 0

  public init() {}

  public static let schema = Schema<Self>(
    "RandomNormal", inputs: ["shape"],
    attributes: [.init("dtype", \.element), .init("mean", \.mean), .init("scale", \.deviation), .init("seed", \.seed)])

  func next(_ generator: inout SplitMix64) -> Double {
    while true {
      let (x, y) = (Double.random(in: -1...1, using: &generator), Double.random(in: -1...1, using: &generator))
      let square = x * x + y * y
      if square > 0 && square < 1 {
        return mean + deviation * x * (-2 * Double.logarithm(square) / square).squareRoot()
      }
    }
  }
}
