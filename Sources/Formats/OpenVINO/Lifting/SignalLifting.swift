import GraphIR
import Tensors

/// Fourier transforms along several axes, one after the other; the last axis holds the parts of complex numbers. Other makers of signals.
extension LiftingRules {
  static let signal: [String: LiftingRule] = [
    "DFT": { lifting in [try lifting.transformed(try lifting.input(0), inverse: false)] },
    "IDFT": { lifting in [try lifting.transformed(try lifting.input(0), inverse: true)] },
    // Real numbers to the half of their spectrum that says it all: halved along the last axis, the first to be transformed.
    "RDFT": { lifting in
      let complex = try lifting.add("Unsqueeze", [try lifting.input(0), try lifting.constant([-1])])
      return [try lifting.transformed(complex, inverse: false, isReal: true)]
    },
    "IRDFT": { lifting in
      let real = try lifting.transformed(try lifting.input(0), inverse: true, isReal: true)
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
  /// `signal`, with the parts of complex numbers in a last axis, transformed along the layer's axes. Where `isReal`, one half says all along
  /// the last of these, which comes first on the way there and last on the way back.
  fileprivate mutating func transformed(_ signal: Value, inverse: Bool, isReal: Bool = false) throws -> Value {
    let count = try rank(signal) - 1
    let axes = try integers(1).map { try normalizedAxis($0, rank: count) }
    try require(Set(axes).count == axes.count && !axes.isEmpty, "the axes \(axes) are none, or name one twice")
    var result = signal
    let steps = Array(axes.indices)
    for step in isReal && !inverse ? steps.reversed() : steps {
      let size = try transformSize(step, of: axes[step], in: result)
      let axis = try constant(Tensor(scalar: Int64(axes[step])))
      let halves = isReal && step == axes.count - 1
      result = try add("DFT", [result, size, axis], ["inverse": .boolean(inverse), "onesided": .boolean(halves)])
    }
    return result
  }

  /// How long the transform along the layer's axis number `step` is; nil where it is as long as `signal`.
  private mutating func transformSize(_ step: Int, of axis: Int, in signal: Value) throws -> Value? {
    guard let sizes = optionalInput(2) else { return nil }
    if let known = info(sizes).integers {
      try require(known.indices.contains(step), "there are more axes than sizes \(known)")
      return known[step] == -1 ? nil : try constant(Tensor(scalar: Int64(known[step])))
    }
    let size = try cast(add("Gather", [sizes, constant(Tensor(scalar: Int64(step)))]), to: .int64)
    let whole = try add("Gather", [add("Shape", [signal]), constant(Tensor(scalar: Int64(axis)))])
    let isWhole = try add("Less", [size, constant(Tensor(scalar: Int64(0)))])
    return try add("Where", [isWhole, whole, size])
  }
}
