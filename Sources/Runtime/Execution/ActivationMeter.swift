import Tensors

/// Counts the bytes of the values that a run keeps alive. Memory that several tensors share counts once, the arena as a whole; that
/// of inputs and constants counts not at all.
struct ActivationMeter {
  private var references: [ObjectIdentifier: Int] = [:]
  private(set) var live: Int
  private(set) var peak: Int
  private(set) var peakScratch = 0
  let limit: Int
  private let arena: TensorArena

  /// Of `arena`, `planned` bytes are in use throughout.
  init(limit: Int, arena: TensorArena, planned: Int) {
    (self.limit, self.arena, live, peak) = (limit, arena, planned, planned)
  }

  /// Throws `ModelError.unsupported` where `bytes` more than are live now would exceed the limit.
  func check(_ bytes: Int) throws {
    let (total, overflow) = live.addingReportingOverflow(bytes)
    guard overflow || total > limit else { return }
    throw ModelError.unsupported(
      "needs \(overflow ? "too many" : String(total)) bytes for values, more than the memory limit of \(limit)")
  }

  /// Counts what was alive at most inside of a node beside what is alive around it.
  mutating func noteInside(_ statistics: RunStatistics) {
    peak = max(peak, live + statistics.activationBytes)
    noteScratch(statistics.scratchBytes)
  }

  mutating func noteScratch(_ bytes: Int) { peakScratch = max(peakScratch, bytes) }

  /// Counts `tensor`, a result computed from `inputs`.
  mutating func retain(_ tensor: Tensor, computedFrom inputs: [Tensor]) {
    guard !arena.holds(tensor) else { return }
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
