import Tensors

/// Counts the bytes of the values that a run keeps alive. Memory that several tensors share counts once; that of inputs and
/// constants not at all.
struct ActivationMeter {
  private var references: [ObjectIdentifier: Int] = [:]
  private(set) var live = 0
  private(set) var peak = 0
  private(set) var peakScratch = 0
  let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Throws `ModelError.unsupported` where `bytes` more than are live now would exceed the limit.
  func check(_ bytes: Int) throws {
    let (total, overflow) = live.addingReportingOverflow(bytes)
    guard overflow || total > limit else { return }
    throw ModelError.unsupported(
      "needs \(overflow ? "too many" : String(total)) bytes for values, more than the memory limit of \(limit)")
  }

  mutating func noteScratch(_ bytes: Int) { peakScratch = max(peakScratch, bytes) }

  /// Counts `tensor`, a result computed from `inputs`.
  mutating func retain(_ tensor: Tensor, computedFrom inputs: [Tensor]) {
    let (id, byteCount) = tensor.storageIdentity
    if let count = references[id] {
      references[id] = count + 1
    } else if !inputs.contains(where: { $0.storageIdentity.id == id }) {
      references[id] = 1
      live += byteCount
      peak = max(peak, live)
    }
  }

  mutating func release(_ tensor: Tensor) {
    let (id, byteCount) = tensor.storageIdentity
    guard let count = references[id] else { return }
    references[id] = count > 1 ? count - 1 : nil
    if count == 1 { live -= byteCount }
  }
}
