import Tensors

/// Small computations in 16 bits are done as the standard's reference does them: in single steps, each rounded to the element type, a
/// sum of bfloat16 with every addend. So they give what it gives, bit for bit.
///
/// Long sums so rounded stop growing, hence the limit: beyond it all steps are in 32 bits.
enum StepwiseRounding {
  /// The longest row that is summed up so.
  static let rowLimit = 16
  /// The most elements of all rows together: few enough that no fused kernel would be faster.
  static let elementLimit = 256

  /// Whether a sum of such elements is rounded with every addend, not once.
  static func roundsPartialSums(of element: ElementType) -> Bool { element == .bfloat16 }

  /// Whether `rows` rows of `length` elements are computed so.
  static func applies(to element: ElementType, rows: Int, length: Int) -> Bool {
    element.isFloatingPoint && element.byteCount == 2 && length <= rowLimit && rows <= elementLimit
      && rows * length <= elementLimit
  }
}

extension FlashAttention {
  /// Whether scores `[batch, heads, queries, keys]` of operands of type `element` are computed in the source's own steps.
  package func isStepwise(_ element: ElementType, scores: [Int]) -> Bool {
    stepScales.count == 3 && scores.count == 4
      && StepwiseRounding.applies(to: element, rows: product(scores[..<3]), length: scores[3])
  }

  /// Whether scores of these sizes, as far as they are known, might be computed in the source's own steps.
  package static func mayBeStepwise(_ element: ElementType, scores: [Dimension]) -> Bool {
    let known = scores.map { $0.constant ?? 1 }
    return known.count == 4
      && StepwiseRounding.applies(to: element, rows: product(known[..<3]), length: known[3])
  }
}

extension ElementType {
  /// `number` as elements of this type hold it.
  func rounded(_ number: Double) -> Double {
    switch self {
    case .float16: Double(Float16(number: Float(number)).number)
    case .bfloat16: Double(BFloat16(number: Float(number)).number)
    case .float32: Double(Float(number))
    default: number
    }
  }
}
