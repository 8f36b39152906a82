/// Rows of numbers that lie one after the other and are normalised one by one.
package struct RowProblem: @unchecked Sendable {
  package var source: UnsafePointer<Float>
  /// May be the source.
  package var target: UnsafeMutablePointer<Float>
  package var rows: Int
  package var columns: Int

  package init(source: UnsafePointer<Float>, target: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
    self.source = source
    self.target = target
    self.rows = rows
    self.columns = columns
  }
}

/// (x − mean) / √(variance + epsilon) · scale + bias; without centring, x / √(mean square + epsilon) · scale + bias.
package struct RowNormalization: @unchecked Sendable {
  package var centers: Bool
  package var epsilon: Float
  /// As many numbers as a row has, or nil.
  package var scale: UnsafePointer<Float>?
  package var bias: UnsafePointer<Float>?

  package init(centers: Bool, epsilon: Float, scale: UnsafePointer<Float>?, bias: UnsafePointer<Float>?) {
    self.centers = centers
    self.epsilon = epsilon
    self.scale = scale
    self.bias = bias
  }
}

/// What is done between the matrix products of a model, as compiled for one instruction set.
package struct RowKernels: Sendable {
  /// Runs an elementwise program. `scratch` has ``ElementwiseStrip/scratchBytes`` bytes, aligned to 64.
  package let elementwise: @Sendable (_ strip: ElementwiseStrip, _ scratch: UnsafeMutableRawPointer) -> Void
  package let normalize: @Sendable (_ rows: RowProblem, _ how: RowNormalization) -> Void
  /// exp(x − max) / Σ exp(x − max)
  package let softmax: @Sendable (_ rows: RowProblem) -> Void

  package init(
    elementwise: @escaping @Sendable (ElementwiseStrip, UnsafeMutableRawPointer) -> Void,
    normalize: @escaping @Sendable (RowProblem, RowNormalization) -> Void,
    softmax: @escaping @Sendable (RowProblem) -> Void
  ) {
    self.elementwise = elementwise
    self.normalize = normalize
    self.softmax = softmax
  }
}
