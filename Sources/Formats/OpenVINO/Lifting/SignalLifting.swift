import GraphIR
import Tensors

extension LiftingRules {
  static let signal: [String: LiftingRule] = [
    "DFT": { lifting in [try lifting.transformed(try lifting.input(0), isInverse: false)] },
    "IDFT": { lifting in [try lifting.transformed(try lifting.input(0), isInverse: true)] },
    // Real numbers to the half of their spectrum that says it all: halved along the last axis, the first to be transformed.
    "RDFT": { lifting in
      let complex = try lifting.add("Unsqueeze", [try lifting.input(0), try lifting.constant([-1])])
      return [try lifting.transformed(complex, isInverse: false, halvesLast: true)]
    },
    "IRDFT": { lifting in
      let real = try lifting.transformed(try lifting.input(0), isInverse: true, halvesLast: true)
      return [try lifting.add("Squeeze", [real, try lifting.constant([-1])])]
    },
    "STFT": { lifting in
      let (signal, window) = (try lifting.input(0), try lifting.input(1))
      let rank = try lifting.rank(signal)
      let (frame, step) = (try lifting.scalar(try lifting.indices(2)), try lifting.scalar(try lifting.indices(3)))
      guard let length = lifting.info(frame).integers, lifting.info(window).shape.sizes == length else {
        throw Unliftable()
      }
      let axes = rank == 1 ? [0, -1] : [-1]
      let complex = try lifting.add("Unsqueeze", [signal, try lifting.constant(axes)])
      var result = try lifting.add("STFT", [complex, step, window])
      if try lifting.attribute("transpose_frames", false) {
        result = try lifting.add("Transpose", [result], ["perm": .integers([0, 2, 1, 3])])
      }
      return [rank == 1 ? try lifting.add("Squeeze", [result, try lifting.constant([0])]) : result]
    },
    "RandomUniform": { lifting in
      let element: ElementType = try lifting.attribute("output_type")
      guard element.isFloatingPoint else { throw Unliftable() }
      let seed = try lifting.attribute("global_seed", 0) &* 31 &+ (try lifting.attribute("op_seed", 0))
      let sample = try lifting.add(
        "RandomUniform", [try lifting.indices(0)], ["dtype": .element(element), "seed": .integer(seed)])
      let low = try lifting.scalar(try lifting.input(1))
      let range = try lifting.add("Sub", [try lifting.scalar(try lifting.input(2)), low])
      return [try lifting.add("Add", [try lifting.add("Mul", [sample, range]), low])]
    },
    "Eye": { lifting in
      let sizes = try (0..<2).map { index in
        try lifting.add("Reshape", [try lifting.indices(index), try lifting.constant([1])])
      }
      let shape = try lifting.add("Concat", sizes, ["axis": .integer(0)])
      let attributes: [String: AttributeValue] = [
        "k": .integer(try lifting.integer(2)), "dtype": .element(try lifting.attribute("output_type")),
      ]
      let matrix = try lifting.add("EyeLike", [try lifting.add("ConstantOfShape", [shape])], attributes)
      guard lifting.inputs.count > 3 else { return [matrix] }
      let whole = try lifting.add("Concat", [try lifting.indices(3), shape], ["axis": .integer(0)])
      return [try lifting.add("Expand", [matrix, whole])]
    },
  ]
}

extension Lifting {
  /// The transform of complex numbers along all axes that input 1 names, to the sizes of input 2 where it has one.
  ///
  /// With `halvesLast` the last of them is real on one side: it comes first forwards, last backwards.
  fileprivate mutating func transformed(_ data: Value, isInverse: Bool, halvesLast: Bool = false) throws -> Value {
    // The last axis holds real and imaginary parts; axes are counted without it.
    let rank = try rank(data) - 1
    let axes = try integers(1).map { try normalizedAxis($0, rank: rank) }
    let sizes = inputs.count > 2 ? try integers(2) : axes.map { _ in -1 }
    try require(sizes.count == axes.count, "\(sizes.count) sizes for \(axes.count) axes")
    let order = halvesLast && !isInverse ? Array(axes.indices.reversed()) : Array(axes.indices)
    return try order.reduce(data) { value, index in
      let isHalved = halvesLast && index == axes.count - 1
      let length = sizes[index] == -1 ? nil : try constant(Tensor(scalar: Int64(sizes[index])))
      let axis = try constant(Tensor(scalar: Int64(axes[index])))
      return try add(
        "DFT", [value, length, axis], ["inverse": .boolean(isInverse), "onesided": .boolean(isHalved)])
    }
  }
}
