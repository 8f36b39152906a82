import KernelInterface
import Kernels
import Synchronization
import Tensors

/// Weights in the layout that products read, shared by all plans of a session.
final class WeightCache: Sendable {
  private struct Key: Hashable {
    let memory: ObjectIdentifier
    let offset: Int
    let layout: StridedLayout
  }

  private struct Entry {
    /// Kept, so that its memory is no other tensor's.
    let tensor: Tensor
    let packed: PackedMatrix
  }

  private let entries = Mutex<[Key: Entry]>([:])

  /// The matrix that `layout`, of two axes, is of `tensor`; nil where it is not floats of 16 or 32 bits.
  func packed(_ tensor: Tensor, _ layout: StridedLayout, on workers: Workers) throws -> PackedMatrix? {
    guard tensor.element == .float32 || tensor.element.isHalfPrecision,
      layout.shape.count == 2, layout.end <= tensor.count
    else { return nil }
    let key = Key(memory: tensor.storageIdentity.id, offset: tensor.storageOffset, layout: layout)
    if let known = entries.withLock({ $0[key] }) { return known.packed }
    let wide = try tensor.element == .float32 ? tensor : tensor.inSinglePrecision()
    let packed = wide.withUnalignedBytes { bytes -> PackedMatrix? in
      guard let base = bytes.baseAddress?.assumingMemoryBound(to: Float.self) else { return nil }
      return PackedMatrix(
        StridedMatrix(base: base + layout.offset, rowStride: layout.strides[0], columnStride: layout.strides[1]),
        depth: layout.shape[0], columns: layout.shape[1], instructionSet: workers.kernels, on: workers.pool)
    }
    guard let packed else { return nil }
    // What was read from a file once can be read again.
    tensor.releasePages()
    entries.withLock { $0[key] = Entry(tensor: tensor, packed: packed) }
    return packed
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
