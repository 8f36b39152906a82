import GraphIR
import Tensors

/// Blocks of channels moved into the two spatial axes of `[batch, channels, height, width]`.
public struct DepthToSpace: GraphOperation {
  /// Which part of the channel axis is the position in the block.
  public enum Mode: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
    /// Position first: `[block, block, channels]`.
    case depthColumnRow = "DCR"
    /// Channels first: `[channels, block, block]`.
    case columnRowDepth = "CRD"
  }

  public var blockSize = 1
  public var mode = Mode.depthColumnRow

  public init() {}

  public static let schema = Schema<Self>(
    "DepthToSpace", inputs: ["input"], attributes: [.init("blocksize", \.blockSize), .init("mode", \.mode)],
    spellings: [.onnx("DepthToSpace")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    guard let shape = try planes(input.shape, blockSize) else {
      return [ValueInfo(input.element, unknownShape(rank: 4))]
    }
    let block = Dimension(blockSize)
    if let channels = shape[1].constant {
      try require(
        channels % (blockSize * blockSize) == 0, "\(channels) channels don't make blocks of \(blockSize)×\(blockSize)")
    }
    return [
      ValueInfo(input.element, [shape[0], .floorDivision(shape[1], block * block), shape[2] * block, shape[3] * block])
    ]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    _ = try infer(Operands([ValueInfo(input.element, Shape(input.shape))]))
    let (batch, height, width) = (input.shape[0], input.shape[2], input.shape[3])
    let channels = input.shape[1] / (blockSize * blockSize)
    let isPositionFirst = mode == .depthColumnRow
    let split =
      isPositionFirst
      ? [batch, blockSize, blockSize, channels, height, width] : [batch, channels, blockSize, blockSize, height, width]
    let order = isPositionFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]
    let moved = try Transpose(order).evaluate(Operands([try input.reshaped(to: split)]))[0]
    return [try moved.reshaped(to: [batch, channels, height &* blockSize, width &* blockSize])]
  }
}

/// Blocks of the two spatial axes of `[batch, channels, height, width]` moved into the channels.
public struct SpaceToDepth: GraphOperation {
  public var blockSize = 1
  public var mode = DepthToSpace.Mode.depthColumnRow

  public init() {}

  public static let schema = Schema<Self>(
    "SpaceToDepth", inputs: ["input"], attributes: [.init("blocksize", \.blockSize), .init("mode", \.mode)],
    spellings: [.onnx("SpaceToDepth")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    guard let shape = try planes(input.shape, blockSize) else {
      return [ValueInfo(input.element, unknownShape(rank: 4))]
    }
    for size in shape[2...].compactMap(\.constant) {
      try require(size % blockSize == 0, "\(size) elements don't make blocks of \(blockSize)")
    }
    let block = Dimension(blockSize)
    let spatial = shape[2...].map { Dimension.floorDivision($0, block) }
    return [ValueInfo(input.element, Shape([shape[0], shape[1] * block * block] + spatial))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let shape = try infer(Operands([ValueInfo(input.element, Shape(input.shape))]))[0].shape.sizes ?? []
    let (height, width) = (input.shape[2] / blockSize, input.shape[3] / blockSize)
    let split = [input.shape[0], input.shape[1], height, blockSize, width, blockSize]
    let order = mode == .depthColumnRow ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4]
    let moved = try Transpose(order).evaluate(Operands([try input.reshaped(to: split)]))[0]
    return [try moved.reshaped(to: shape)]
  }
}

/// The four sizes of an image tensor, nil where they are not known. Throws where it has another rank or the block no size.
private func planes(_ shape: Shape, _ block: Int) throws -> [Dimension]? {
  try require(block > 0 && block < 1 << 16, "\(block) is no block size")
  guard let dimensions = shape.dimensions else { return nil }
  try require(dimensions.count == 4, "4 axes were expected, found \(shape)")
  return dimensions
}
