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

  /// The matrix that `layout`, of two axes, is of `tensor`; nil where it is not 32-bit floats.
  func packed(_ tensor: Tensor, _ layout: StridedLayout, on workers: Workers) -> PackedMatrix? {
    guard tensor.element == .float32, layout.shape.count == 2, layout.end <= tensor.count else { return nil }
    let key = Key(memory: tensor.storageIdentity.id, offset: tensor.storageOffset, layout: layout)
    if let known = entries.withLock({ $0[key] }) { return known.packed }
    let packed = tensor.withUnalignedBytes { bytes -> PackedMatrix? in
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
