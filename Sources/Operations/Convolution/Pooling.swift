import GraphIR
import Tensors

/// The attributes that all poolings have, and what follows from them.
protocol PoolingOperation: GraphOperation {
  var autoPad: AutomaticPadding { get }
  var roundsUp: Bool { get }
  var dilations: [Int] { get }
  var kernelShape: [Int] { get }
  var pads: [Int] { get }
  var strides: [Int] { get }
}

extension PoolingOperation {
  func window() throws -> SlidingWindow {
    try require(!kernelShape.isEmpty, "kernel_shape is missing")
    return try SlidingWindow(
      kernel: kernelShape, strides: strides, dilations: dilations, pads: pads, automatic: autoPad, roundsUp: roundsUp)
  }

  func pooledShape(_ shape: Shape) throws -> Shape {
    guard let dimensions = shape.dimensions else { return unknownShape(rank: kernelShape.count + 2) }
    try require(
      dimensions.count == kernelShape.count + 2, "\(kernelShape.count + 2) axes were expected, found \(shape)")
    let window = try window()
    return Shape(dimensions[..<2] + (try dimensions[2...].enumerated().map { try window.outputSize($0, $1) }))
  }
}

/// The greatest element in each window over the spatial axes of `[batch, channels, spatial…]`, and where in the input it lies.
public struct MaxPool: PoolingOperation {
  public var autoPad = AutomaticPadding.notSet
  public var roundsUp = false
  public var dilations: [Int] = []
  public var kernelShape: [Int] = []
  public var pads: [Int] = []
  /// 1 counts positions column by column.
  public var storageOrder = 0
  public var strides: [Int] = []

  public init() {}

  public static let schema = Schema<Self>(
    "MaxPool", inputs: ["data"], outputs: 1...2,
    attributes: [
      .init("auto_pad", \.autoPad), .init("ceil_mode", \.roundsUp), .init("dilations", \.dilations),
      .init("kernel_shape", \.kernelShape), .init("pads", \.pads), .init("storage_order", \.storageOrder),
      .init("strides", \.strides),
    ],
    spellings: [.onnx("MaxPool")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    let shape = try pooledShape(data.shape)
    return [ValueInfo(data.element, shape), ValueInfo(.int64, shape)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    try require(data.rank == kernelShape.count + 2, "\(kernelShape.count + 2) axes were expected, found \(data.shape)")
    let pool = MaximumPool(data: data, window: try window(), countsColumns: storageOrder == 1)
    return try pool.dispatch(on: data.element)
  }
}

private struct MaximumPool: NumberComputation {
  let data: Tensor
  let window: SlidingWindow
  let countsColumns: Bool

  func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> [Tensor] {
    let input = Array(data.shape[2...])
    let (output, before) = try window.resolved(input)
    let (inputSize, outputSize) = (product(input), product(output))
    let shape = data.shape[..<2] + output
    var places: [Int64] = []
    let maxima = try data.withElements(as: Scalar.self) { values in
      try Tensor.filled(Scalar.self, Array(shape)) { result in
        guard result.count > 0 else { return }
        let taps = try window.taps(input: input, output: output, before: before)
        places = [Int64](repeating: 0, count: result.count)
        var best = [Scalar.Number](repeating: .lowest, count: outputSize)
        var place = [Int](repeating: -1, count: outputSize)
        for plane in 0..<result.count / outputSize {
          for i in 0..<outputSize { (best[i], place[i]) = (.lowest, -1) }
          for run in taps.joined() {
            for i in 0..<run.count {
              let index = run.source &+ i &* run.step
              let value = values[plane &* inputSize &+ index].number
              if place[run.target &+ i] < 0 || value > best[run.target &+ i] || value.isNotANumber {
                best[run.target &+ i] = value
                place[run.target &+ i] = index
              }
            }
          }
          for i in 0..<outputSize {
            result[plane &* outputSize &+ i] = Scalar(number: best[i])
            places[plane &* outputSize &+ i] = Int64(plane &* inputSize &+ position(place[i], in: input))
          }
        }
      }
    }
    return [maxima, try Tensor(places, shape: Array(shape))]
  }

  /// `index` counted with the first axis innermost, if it is to be.
  private func position(_ index: Int, in sizes: [Int]) -> Int {
    guard countsColumns, index >= 0 else { return index }
    var (rest, stride, result) = (index, product(sizes), 0)
    for size in sizes.reversed() {
      stride /= size
      result += rest % size * stride
      rest /= size
    }
    return result
  }
}

/// The mean of each window over the spatial axes of `[batch, channels, spatial…]`; padding counts where `count_include_pad` says so.
public struct AveragePool: PoolingOperation {
  public var autoPad = AutomaticPadding.notSet
  public var roundsUp = false
  public var countsPadding = false
  public var dilations: [Int] = []
  public var kernelShape: [Int] = []
  public var pads: [Int] = []
  public var strides: [Int] = []

  public init() {}

  public static let schema = Schema<Self>(
    "AveragePool", inputs: ["data"],
    attributes: [
      .init("auto_pad", \.autoPad), .init("ceil_mode", \.roundsUp), .init("count_include_pad", \.countsPadding),
      .init("dilations", \.dilations), .init("kernel_shape", \.kernelShape), .init("pads", \.pads),
      .init("strides", \.strides),
    ],
    spellings: [.onnx("AveragePool")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    return [ValueInfo(data.element, try pooledShape(data.shape))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    try require(data.rank == kernelShape.count + 2, "\(kernelShape.count + 2) axes were expected, found \(data.shape)")
    let pool = SummingPool(
      data: data, window: try window(), exponent: 1, divides: true, countsPadding: countsPadding)
    return [try pool.dispatch(on: data.element)]
  }
}

/// (Σ |x|ᵖ)^(1/p) of each window over the spatial axes of `[batch, channels, spatial…]`.
public struct LpPool: PoolingOperation {
  public var autoPad = AutomaticPadding.notSet
  public var roundsUp = false
  public var dilations: [Int] = []
  public var kernelShape: [Int] = []
  public var exponent = 2
  public var pads: [Int] = []
  public var strides: [Int] = []

  public init() {}

  public static let schema = Schema<Self>(
    "LpPool", inputs: ["data"],
    attributes: [
      .init("auto_pad", \.autoPad), .init("ceil_mode", \.roundsUp), .init("dilations", \.dilations),
      .init("kernel_shape", \.kernelShape), .init("p", \.exponent), .init("pads", \.pads), .init("strides", \.strides),
    ],
    spellings: [.onnx("LpPool", since: 2)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    return [ValueInfo(data.element, try pooledShape(data.shape))]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let data = try inputs[0]
    try require(data.rank == kernelShape.count + 2, "\(kernelShape.count + 2) axes were expected, found \(data.shape)")
    let magnitudes = try Abs().evaluate(Operands([data]))[0]
    let pool = SummingPool(
      data: magnitudes, window: try window(), exponent: Double(exponent), divides: false, countsPadding: false)
    return [try pool.dispatch(on: data.element)]
  }
}

/// Sums over windows of powers of elements: the mean where it `divides`, the root of that power of the sum otherwise.
private struct SummingPool: RealComputation {
  let data: Tensor
  let window: SlidingWindow
  let exponent: Double
  let divides: Bool
  let countsPadding: Bool

  func run<Scalar: RealScalar>(_ type: Scalar.Type) throws -> Tensor {
    let input = Array(data.shape[2...])
    let (output, before) = try window.resolved(input)
    let (inputSize, outputSize) = (product(input), product(output))
    return try data.withElements(as: Scalar.self) { values in
      try Tensor.filled(Scalar.self, data.shape[..<2] + output) { result in
        guard result.count > 0 else { return }
        let taps = try window.taps(input: input, output: output, before: before)
        let divisors = divides ? divisors(taps, input, output, before).map { Scalar.Number($0) } : []
        var sums = [Scalar.Number](repeating: .zero, count: outputSize)
        for plane in 0..<result.count / outputSize {
          for i in 0..<outputSize { sums[i] = .zero }
          for run in taps.joined() {
            for i in 0..<run.count {
              let value = values[plane &* inputSize &+ run.source &+ i &* run.step].number
              sums[run.target &+ i] += exponent == 1 ? value : value.raised(to: exponent)
            }
          }
          for i in 0..<outputSize {
            result[plane &* outputSize &+ i] = Scalar(
              number: divides ? sums[i] / divisors[i] : sums[i].raised(to: 1 / exponent))
          }
        }
      }
    }
  }

  /// How many elements each window counts.
  private func divisors(_ taps: [[WindowRun]], _ input: [Int], _ output: [Int], _ before: [Int]) -> [Int] {
    var counts = [Int](repeating: 0, count: product(output))
    guard countsPadding else {
      for run in taps.joined() {
        for i in 0..<run.count { counts[run.target &+ i] += 1 }
      }
      return counts
    }
    // Along each axis the positions of the window that lie in the input or its padding.
    let along = output.indices.map { axis -> [Int] in
      let after =
        switch window.automatic {
        case .notSet: window.after[axis]
        case .valid: 0
        case .sameUpper, .sameLower: window.extent(axis)
        }
      let end = input[axis] + after
      return (0..<output[axis]).map { position in
        (0..<window.kernel[axis]).count { tap in
          position * window.strides[axis] - before[axis] + tap * window.dilations[axis] < end
        }
      }
    }
    let strides = denseStrides(output)
    for index in counts.indices {
      counts[index] = output.indices.reduce(1) { $0 * along[$1][index / strides[$1] % output[$1]] }
    }
    return counts
  }
}
