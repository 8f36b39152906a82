import Foundation
import GraphIR
import Tensors

/// A window function over `size` points: a sum of cosines of multiples of an angle that goes around once.
///
/// It goes around in `size` points where `periodic`, and ends with the last point otherwise.
protocol WindowOperation: GraphOperation {
  var element: ElementType { get set }
  var isPeriodic: Bool { get set }
  /// The factors of the cosines of 0, 1, 2 … times the angle.
  static var factors: [Double] { get }
}

extension WindowOperation {
  static func windowSchema(_ name: String) -> Schema<Self> {
    Schema(
      name, inputs: ["size"], attributes: [.init("output_datatype", \.element), .init("periodic", \.isPeriodic)],
      spellings: [.onnx(name, since: 17)])
  }

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    [ValueInfo(element, [try inputs[0].contents?.first?.asSize ?? .unknown])]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let size = try inputs[0].scalarInteger()
    try require((0...(1 << 24)).contains(size), "\(size) is no size of a window")
    let turn = 2 * Double.pi / Double(max(isPeriodic ? size : size - 1, 1))
    let points = (0..<size).map { point in
      Self.factors.enumerated().reduce(0) { $0 + $1.element * cos(turn * Double(point * $1.offset)) }
    }
    return [try Tensor(doubles: points, element: element, shape: [size])]
  }
}

/// The window of Hann: a raised cosine.
public struct HannWindow: WindowOperation {
  public var element = ElementType.float32
  public var isPeriodic = true

  public init() {}

  public static let schema = windowSchema("HannWindow")

  static let factors = [0.5, -0.5]
}

/// The window of Hamming: a raised cosine that does not quite go down to 0.
public struct HammingWindow: WindowOperation {
  public var element = ElementType.float32
  public var isPeriodic = true

  public init() {}

  public static let schema = windowSchema("HammingWindow")

  static let factors = [25.0 / 46, -21.0 / 46]
}

/// The window of Blackman.
public struct BlackmanWindow: WindowOperation {
  public var element = ElementType.float32
  public var isPeriodic = true

  public init() {}

  public static let schema = windowSchema("BlackmanWindow")

  static let factors = [0.42, -0.5, 0.08]
}
