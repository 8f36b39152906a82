import GraphIR
import Tensors

/// The inputs one after the other along `axis`; all other axes have equal sizes.
public struct Concat: GraphOperation {
  public var axis = 0

  public init() {}

  public init(axis: Int) { self.axis = axis }

  public static let schema = Schema<Self>(
    "Concat", inputs: [.variadic("inputs")], attributes: [.init("axis", \.axis)],
    spellings: [.onnx("Concat", since: 4), .openVINO("Concat")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let parts = inputs.present
    let element = try commonElement(parts)
    try require(!parts.isEmpty, "at least one input is needed")
    let shapes = parts.compactMap(\.shape.dimensions)
    guard let first = shapes.first else { return [ValueInfo(element, .unranked)] }
    let rank = first.count
    try require(shapes.allSatisfy { $0.count == rank }, "the inputs must have one rank")
    let axis = try normalizedAxis(axis, rank: rank)
    var sizes = first
    for shape in shapes.dropFirst() {
      for other in 0..<rank where other != axis {
        if let a = sizes[other].constant, let b = shape[other].constant {
          try require(a == b, "axis \(other) has the sizes \(a) and \(b)")
        }
        if sizes[other].constant == nil, shape[other].constant != nil { sizes[other] = shape[other] }
      }
      sizes[axis] = sizes[axis] + shape[axis]
    }
    if shapes.count < parts.count { sizes[axis] = .unknown }
    sizes[axis] = sizes[axis].asSize
    let result = ValueInfo(element, Shape(sizes))
    return movingContents(inputs, moved: Array(0..<inputs.count), into: [result])
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let parts = inputs.present
    guard let first = parts.first else { throw ModelError.invalid("at least one input is needed") }
    let axis = try normalizedAxis(axis, rank: first.rank)
    var shape = first.shape
    shape[axis] = 0
    for part in parts {
      var others = part.shape
      try require(
        part.rank == first.rank && part.element == first.element,
        "\(part.element.rawValue)\(part.shape) does not fit \(first.element.rawValue)\(first.shape)")
      let (sum, overflow) = shape[axis].addingReportingOverflow(part.shape[axis])
      try require(!overflow, "the sizes along axis \(axis) overflow")
      others[axis] = shape[axis]
      try require(others == shape, "the shapes \(first.shape) and \(part.shape) differ outside axis \(axis)")
      shape[axis] = sum
    }
    guard first.element.byteCount > 0 else {
      throw ModelError.unsupported("moving elements of type \(first.element.rawValue)")
    }
    let result = try Tensor(element: first.element, shape: shape) { bytes in
      // Rows of the result are rows of the inputs, one after the other.
      let inner = product(shape[(axis + 1)...]) &* first.element.byteCount
      let rowBytes = shape[axis] &* inner
      var column = 0
      for part in parts {
        let partBytes = part.shape[axis] &* inner
        guard partBytes > 0, rowBytes > 0 else { continue }
        part.withBytes { source in
          for row in 0..<bytes.count / rowBytes {
            let target = UnsafeMutableRawBufferPointer(
              rebasing: bytes[(row &* rowBytes &+ column)..<(row &* rowBytes &+ column &+ partBytes)])
            target.copyMemory(
              from: UnsafeRawBufferPointer(rebasing: source[(row &* partBytes)..<(row &* partBytes &+ partBytes)]))
          }
        }
        column &+= partBytes
      }
    }
    return [result]
  }
}
