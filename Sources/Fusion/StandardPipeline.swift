import Rewriting

extension FusionPipeline {
  /// All fusions of flashfuse. Attention comes first, so that it sees the graph as it was read.
  public static let standard = FusionPipeline([
    FlashAttentionFusionPass(), LayerNormalizationFusionPass(), RMSNormalizationFusionPass(), GeluFusionPass(),
    SiluFusionPass(), SwiGLUFusionPass(), RotaryPositionFusionPass(), MatMulBiasActivationFusionPass(),
  ])
}
