import GraphIR

/// Every operation of the canonical set: a new one is listed here, and known everywhere.
public enum StandardOperations {
  public static let all: [any GraphOperation.Type] = [
    Abs.self, Add.self, And.self, BitwiseAnd.self, BitwiseNot.self, BitwiseOr.self, BitwiseXor.self, Cast.self,
    Ceil.self,
    Concat.self, ConstantOfShape.self, Conv.self, Cos.self, Div.self, Dropout.self, Elu.self, Equal.self, Erf.self,
    Exp.self, Expand.self, FlashAttention.self, Flatten.self, Floor.self, Gather.self, GatherElements.self,
    GatherND.self,
    Gelu.self, Gemm.self, Greater.self, GreaterOrEqual.self, HardSigmoid.self, HardSwish.self, Identity.self,
    IsInf.self,
    IsNaN.self, LayerNormalization.self, LeakyRelu.self, Less.self, LessOrEqual.self, Log.self, LogSoftmax.self,
    MatMul.self, Max.self, Min.self, Mod.self, Mul.self, Neg.self, Not.self, NumberRange.self, Or.self, Pow.self,
    Reciprocal.self, ReduceL1.self, ReduceL2.self, ReduceMax.self, ReduceMean.self, ReduceMin.self, ReduceProd.self,
    ReduceSum.self, ReduceSumSquare.self, Relu.self, Reshape.self, Round.self, ScatterElements.self, ScatterND.self,
    ShapeOf.self, Sigmoid.self, Sign.self, Sin.self, Size.self, Slice.self, Softmax.self, Softplus.self, Split.self,
    Sqrt.self, Squeeze.self, Sub.self, Swish.self, Tanh.self, Tile.self, TopK.self, Transpose.self, Trilu.self,
    Unsqueeze.self, Where.self, Xor.self,
  ]

  public static let registry = OperationRegistry(all)
}
