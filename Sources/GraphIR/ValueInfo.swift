import Tensors

/// All that is known of a value before the model runs: its type, and its contents where they follow from constants and shapes.
public struct ValueInfo: Hashable, Sendable {
  public var type: TensorType

  /// The contents, where they are known.
  public var constant: Tensor?

  /// The elements of a small integer tensor in row-major order as expressions over the model's symbols.
  ///
  /// This is what carries `Shape → Gather → Concat → Reshape` through a model with dynamic sizes.
  public var symbols: [Dimension]?

  /// Contents of up to this many elements are followed through shape arithmetic and folded.
  public static let contentsLimit = 1 << 16

  /// Symbolic contents are kept up to this many elements: shapes, not data.
  public static let symbolsLimit = 256

  public init(_ type: TensorType) { self.type = type }

  public init(_ element: ElementType, _ shape: Shape) { type = TensorType(element, shape) }

  public init(constant: Tensor) {
    type = TensorType(constant.element, Shape(constant.shape))
    self.constant = constant
    if constant.count <= ValueInfo.symbolsLimit, constant.element.isInteger {
      symbols = (try? constant.integers())?.map { Dimension($0) }
    }
  }

  /// An integer tensor whose elements are `symbols`; a constant where all of them are numbers.
  public init(symbols: [Dimension], element: ElementType = .int64, shape: [Int]) {
    let numbers = symbols.compactMap(\.constant)
    if numbers.count == symbols.count,
      let tensor = try? Tensor(integers: numbers, element: element, shape: shape)
    {
      self.init(constant: tensor)
    } else {
      self.init(element, Shape(shape))
      if symbols.count <= ValueInfo.symbolsLimit { self.symbols = symbols }
    }
  }

  public static let unknown = ValueInfo(.unknown)

  public var element: ElementType { type.element }

  public var shape: Shape { type.shape }

  public var rank: Int? { type.shape.rank }

  /// The contents of an integer tensor, where all are known numbers.
  public var integers: [Int]? {
    guard let constant, constant.count <= ValueInfo.contentsLimit else { return nil }
    return try? constant.integers()
  }

  /// The one number of a constant with one element.
  public var scalar: Double? {
    guard let constant, constant.count == 1 else { return nil }
    return try? constant.doubles().first
  }
}
