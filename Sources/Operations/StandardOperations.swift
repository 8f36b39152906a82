import GraphIR

/// Every operation of the canonical set: a new one is listed here, and known everywhere.
public enum StandardOperations {
  public static let all: [any GraphOperation.Type] = [
    Abs.self, Acos.self, Acosh.self, Adagrad.self, Adam.self, Add.self, AffineGrid.self, And.self, ArgMax.self,
    ArgMin.self, Asin.self, Asinh.self, Atan.self, Atanh.self, AveragePool.self, BatchNormalization.self, BitCast.self,
    BitShift.self, BitwiseAnd.self, BitwiseNot.self, BitwiseOr.self, BitwiseXor.self, BlackmanWindow.self, Call.self,
    Cast.self, CastLike.self, CausalConvWithState.self, Ceil.self, Celu.self, CenterCropPad.self, Clip.self,
    Col2Im.self, Compress.self, Concat.self, ConstantOfShape.self, Conv.self, ConvInteger.self, ConvTranspose.self,
    Cos.self, Cosh.self, CTCGreedyDecoder.self, CumProd.self, CumSum.self, DeformConv.self, DepthToSpace.self,
    DequantizeLinear.self, Det.self, DFT.self, Div.self, Dropout.self, DynamicQuantizeLinear.self, Einsum.self,
    Elu.self, Equal.self, Erf.self, Exp.self, Expand.self, EyeLike.self, FakeQuantize.self, FlashAttention.self,
    Flatten.self, Floor.self, Gather.self, GatherElements.self, GatherND.self, GatherTree.self, Gelu.self, Gemm.self,
    GlobalAveragePool.self, GlobalMaxPool.self, Greater.self, GreaterOrEqual.self, GridSample.self,
    GroupNormalization.self, GRU.self, HammingWindow.self, HannWindow.self, Hardmax.self, HardSigmoid.self,
    HardSwish.self, Identity.self, If.self, InstanceNormalization.self, Inverse.self, IsInf.self, IsNaN.self,
    LayerNormalization.self,
    LeakyRelu.self, Less.self, LessOrEqual.self, LinearAttention.self, Log.self, LogSoftmax.self, Loop.self,
    LpNormalization.self, LpPool.self, LRN.self, LSTM.self, MatMul.self, MatMulBiasActivation.self, MatMulInteger.self,
    Max.self, MaxPool.self,
    MaxUnpool.self, Mean.self, MeanVarianceNormalization.self, MelWeightMatrix.self, Min.self, Mish.self, Mod.self,
    Momentum.self, Mul.self, Neg.self, NegativeLogLikelihoodLoss.self, NonMaxSuppression.self, NonZero.self, Not.self,
    NumberRange.self, OneHot.self, Or.self, Pad.self, Pow.self, PRelu.self, QLinearConv.self, QLinearMatMul.self,
    QuantizeLinear.self, RandomNormal.self, RandomUniform.self, ReadValue.self, Reciprocal.self, ReduceL1.self,
    ReduceL2.self,
    ReduceLogSum.self, ReduceLogSumExp.self, ReduceMax.self, ReduceMean.self, ReduceMin.self, ReduceProd.self,
    ReduceSum.self, ReduceSumSquare.self, Relu.self, Reshape.self, Resize.self, ReverseSequence.self,
    RMSNormalization.self, RNN.self, RoiAlign.self, RotaryEmbedding.self, RotaryPosition.self, Round.self, Scan.self,
    ScatterElements.self,
    ScatterND.self, Selu.self, ShapeOf.self, Shrink.self, Sigmoid.self, Sign.self, Sin.self, Sinh.self, Size.self,
    Slice.self, Softmax.self, SoftmaxCrossEntropyLoss.self, Softplus.self, Softsign.self, SpaceToDepth.self, Split.self,
    Sqrt.self, Squeeze.self, STFT.self, Sub.self, Sum.self, SwiGLU.self, Swish.self, Tan.self, Tanh.self,
    TensorScatter.self, TfIdfVectorizer.self, ThresholdedRelu.self, Tile.self, TopK.self, Transpose.self,
    TreeEnsemble.self, Trilu.self, Unique.self, Unsqueeze.self, Where.self, Xor.self,
  ]

  public static let registry = OperationRegistry(all)
}
