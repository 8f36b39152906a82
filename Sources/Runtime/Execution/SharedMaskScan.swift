import Kernels

/// What the attentions of a plan that read the same mask or bias find in it: the first of a run looks, the others take over.
///
/// Runs of a plan take turns, and so do the steps of a run.
final class SharedMaskScan: @unchecked Sendable {
  /// Whether the mask is the same in every run.
  private let isConstant: Bool
  private var known: MaskScan?

  init(isConstant: Bool) { self.isConstant = isConstant }

  /// - Parameter isFirst: Whether the attention that asks is the first of a run to read the mask.
  func scan(isFirst: Bool, _ look: () -> MaskScan?) -> MaskScan? {
    if known == nil || isFirst && !isConstant { known = look() }
    return known
  }
}

/// A kernel's part in a ``SharedMaskScan``.
struct MaskShare: Sendable {
  let scan: SharedMaskScan
  /// Whether it is the first of a run to read the mask.
  let isFirst: Bool

  func scan(_ look: () -> MaskScan?) -> MaskScan? { scan.scan(isFirst: isFirst, look) }
}

extension FlashAttentionKernel {
  /// Lets the attentions among a plan's steps, which are in the order in which they run, share what they find in their masks.
  static func shareMasks(_ steps: inout [PlannedStep], source: (PlannedStep, _ input: Int) -> StridedSource?) {
    var scans: [StridedSource: SharedMaskScan] = [:]
    func share(_ step: PlannedStep, _ input: Int) -> MaskShare? {
      guard let source = source(step, input) else { return nil }
      if let scan = scans[source] { return MaskShare(scan: scan, isFirst: false) }
      var isConstant = false
      if case .constant = step.inputs[input] { isConstant = true }
      let scan = SharedMaskScan(isConstant: isConstant)
      scans[source] = scan
      return MaskShare(scan: scan, isFirst: true)
    }
    for index in steps.indices {
      guard case .kernel(let kernel) = steps[index].method, var attention = kernel as? FlashAttentionKernel
      else { continue }
      attention.bias = share(steps[index], biasInput)
      attention.mask = share(steps[index], maskInput)
      steps[index].method = .kernel(attention)
    }
  }
}
