import Rewriting

extension FusionPipeline {
  /// All fusions of flashfuse.
  public static let standard = FusionPipeline([FlashAttentionFusionPass()])
}
