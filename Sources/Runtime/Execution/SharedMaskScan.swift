import Kernels

/// What the attentions of a plan that read the same mask find in it: the first of a run looks, the others take over.
///
/// Runs of a plan take turns, and so do the steps of a run.
final class SharedMaskScan: @unchecked Sendable {
  /// Whether the mask is the same in every run.
  private let isConstant: Bool
  private var known: MaskScan?

  init(isConstant: Bool) { self.isConstant = isConstant }

  /// - Parameter isFirst: Whether `attention` is the first of a run to read the mask.
  func scan(for attention: FlashAttention, isFirst: Bool, on pool: WorkerPool) -> MaskScan? {
    if known == nil || isFirst && !isConstant { known = attention.maskScan(on: pool) }
    return known
  }
}

extension FlashAttentionKernel {
  /// Lets the attentions among a plan's steps, which are in the order in which they run, share what they find in their masks.
  static func shareMasks(_ steps: inout [PlannedStep], mask: (PlannedStep) -> StridedSource?) {
    var scans: [StridedSource: SharedMaskScan] = [:]
    for index in steps.indices {
      guard case .kernel(let kernel) = steps[index].method, var attention = kernel as? FlashAttentionKernel,
        let mask = mask(steps[index])
      else { continue }
      var isConstant = false
      if case .constant = steps[index].inputs[maskInput] { isConstant = true }
      attention.readsMaskFirst = scans[mask] == nil
      let scan = scans[mask] ?? SharedMaskScan(isConstant: isConstant)
      scans[mask] = scan
      attention.sharedMask = scan
      steps[index].method = .kernel(attention)
    }
  }
}
