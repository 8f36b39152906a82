import GraphIR
import Tensors

/// Columns of blocks added up to the image that they were taken from: `[batch, channels · block, positions]` becomes
/// `[batch, channels, image…]`.
public struct Col2Im: GraphOperation {
  public var dilations: [Int] = []
  public var pads: [Int] = []
  public var strides: [Int] = []

  public init() {}

  public static let schema = Schema<Self>(
    "Col2Im", inputs: ["input", "image_shape", "block_shape"],
    attributes: [.init("dilations", \.dilations), .init("pads", \.pads), .init("strides", \.strides)],
    spellings: [.onnx("Col2Im", since: 18)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let input = try inputs[0]
    guard let image = try inputs[1].listedSizes() else { return [ValueInfo(input.element, .unranked)] }
    var shape: [Dimension] = [.unknown, .unknown]
    if let dimensions = input.shape.dimensions {
      try require(dimensions.count == 3, "3 axes were expected, found \(input.type)")
      shape[0] = dimensions[0]
      if let block = try inputs[2].contents {
        shape[1] = .floorDivision(dimensions[1], block.reduce(Dimension(1)) { $0 * $1 })
      }
    }
    return [ValueInfo(input.element, Shape(shape + image.map(\.asSize)))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let input = try inputs[0]
    let image = try inputs[1].listedIntegers()
    let block = try inputs[2].listedIntegers()
    let window = try SlidingWindow(
      kernel: block, strides: strides, dilations: dilations, pads: pads, automatic: .notSet)
    let (positions, before) = try window.resolved(image)
    let size = try checkedProduct(block)
    try require(
      input.rank == 3 && input.shape[1] % size == 0 && input.shape[2] == (try checkedProduct(positions)),
      "columns \(input.shape) don't fit blocks of \(block) in an image of \(image)")
    return [
      try Columns(input: input, image: image, window: window, positions: positions, before: before)
        .dispatch(on: input.element)
    ]
  }

  private struct Columns: NumberComputation {
    let input: Tensor
    let image: [Int]
    let window: SlidingWindow
    let positions: [Int]
    let before: [Int]

    func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
      let block = product(window.kernel)
      let channels = input.shape[1] / block
      return try input.withElements(as: Scalar.self) { values in
        try Tensor.filled(Scalar.self, [input.shape[0], channels] + image) { result in
          guard result.count > 0 else { return }
          let taps = try window.taps(input: image, output: positions, before: before)
          let (imageSize, count) = (product(image), input.shape[2])
          var sums = [Scalar.Number](repeating: .zero, count: imageSize)
          for plane in 0..<result.count / imageSize {
            for i in 0..<imageSize { sums[i] = .zero }
            for (tap, runs) in taps.enumerated() {
              for run in runs {
                let start = (plane &* block &+ tap) &* count &+ run.target
                for i in 0..<run.count {
                  let index = run.source &+ i &* run.step
                  sums[index] = sums[index].plus(values[start &+ i].number)
                }
              }
            }
            for i in 0..<imageSize { result[plane &* imageSize &+ i] = Scalar(number: sums[i]) }
          }
        }
      }
    }
  }
}
