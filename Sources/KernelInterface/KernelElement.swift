/// How one number of a buffer is stored.
package enum KernelElement: String, Sendable, CaseIterable {
  case float64, float32, bfloat16, float16

  /// The size of one element in bytes.
  package var byteCount: Int {
    switch self {
    case .float64: 8
    case .float32: 4
    case .bfloat16, .float16: 2
    }
  }
}
