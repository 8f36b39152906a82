import KernelInterface
import Kernels
import Synchronization
import Tensors

/// Weights in the layout that products read, shared by all plans of a session.
final class WeightCache: Sendable {
  private struct Key: Hashable {
    let source: ConstantExpression
    let layout: StridedLayout
  }

  private let entries = Mutex<[Key: PackedMatrix]>([:])

  var count: Int { entries.withLock { $0.count } }

  /// The matrix that `layout`, of two axes, is of what `source` describes; nil where `contents` is not floats of 16 or 32 bits.
  ///
  /// - Parameter contents: Computes it; called where nobody has asked for the same before.
  func packed(
    _ source: ConstantExpression, _ layout: StridedLayout, on workers: Workers, contents: () throws -> Tensor?
  ) throws -> PackedMatrix? {
    let key = Key(source: source, layout: layout)
    if let known = entries.withLock({ $0[key] }) { return known }
    guard let tensor = try contents(), tensor.element == .float32 || tensor.element.isHalfPrecision,
      layout.shape.count == 2, layout.end <= tensor.count
    else { return nil }
    let wide = try tensor.element == .float32 ? tensor : tensor.inSinglePrecision()
    let packed = wide.withUnalignedBytes { bytes -> PackedMatrix? in
      guard let base = bytes.baseAddress?.assumingMemoryBound(to: Float.self) else { return nil }
      return PackedMatrix(
        StridedMatrix(base: base + layout.offset, rowStride: layout.strides[0], columnStride: layout.strides[1]),
        depth: layout.shape[0], columns: layout.shape[1], instructionSet: workers.kernels, on: workers.pool)
    }
    guard let packed else { return nil }
    source.releasePages()
    entries.withLock { $0[key] = packed }
    return packed
  }
}

extension ConstantExpression {
  /// What was read from a file once can be read again.
  fileprivate func releasePages() {
    switch self {
    case .tensor(let tensor): tensor.releasePages()
    case .result(_, _, let inputs): for input in inputs { input?.releasePages() }
    }
  }
}

extension Tensor {
  /// 16-bit floats in 32 bits.
  fileprivate func inSinglePrecision() throws -> Tensor {
    switch element {
    case .float16: try Tensor(values(as: Float16.self).map { Float($0) }, shape: shape)
    default: try Tensor(values(as: BFloat16.self).map(\.float), shape: shape)
    }
  }
}
