import GraphIR
import Tensors

/// ONNX Runtime's operator for attention, of which a graph holds nodes only on its way into a file.
///
/// Inputs and result are `[batch, length, heads · size]`; the bias is `[batch or 1, heads or 1, queries, keys]`.
struct MultiHeadAttention: GraphOperation {
  var heads = 0
  /// 0: one over the root of the head size.
  var scale = 0.0
  /// Whether query i sees keys j ≤ i only; of meaning for as many queries as keys.
  var isUnidirectional = false

  static let schema = Schema<Self>(
    "MultiHeadAttention",
    inputs: [
      "query", "key", "value", .optional("bias"), .optional("key_padding_mask"), .optional("attention_bias"),
    ],
    attributes: [
      .init("num_heads", \.heads), .init("scale", \.scale), .init("unidirectional", \.isUnidirectional),
    ],
    spellings: [.onnx("MultiHeadAttention", domain: "com.microsoft")])

  func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let query = try inputs[0]
    guard let sizes = query.shape.dimensions, let values = try inputs[2].shape.dimensions, sizes.count == 3,
      values.count == 3
    else { throw ModelError.invalid("query, key and value must have 3 axes") }
    return [ValueInfo(query.element, [sizes[0], sizes[1], values[2]])]
  }

  func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    throw ModelError.unsupported("MultiHeadAttention is written to files, not run")
  }
}

/// ONNX's own operator for attention in its form with four axes, of which a graph holds nodes only on its way into a file.
struct StandardAttention: GraphOperation {
  /// Nil: one over the root of the head size.
  var scale: Double?
  var softcap = 0.0
  var isCausal = false
  /// The type that the softmax is computed in; nil: that of the query.
  var softmaxType: ElementType?

  static let schema = Schema<Self>(
    "Attention", inputs: ["Q", "K", "V", .optional("attn_mask")],
    attributes: [
      .init("scale", \.scale), .init("softcap", \.softcap), .init("is_causal", \.isCausal),
      .init("softmax_precision", \.softmaxType),
    ],
    spellings: [.onnx("Attention", since: 23)])

  func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let query = try inputs[0]
    guard let sizes = query.shape.dimensions, let values = try inputs[2].shape.dimensions, sizes.count == 4,
      values.count == 4
    else { throw ModelError.invalid("query, key and value must have 4 axes") }
    return [ValueInfo(query.element, [sizes[0], sizes[1], sizes[2], values[3]])]
  }

  func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    throw ModelError.unsupported("Attention is written to files, not run")
  }
}

/// ONNX Runtime's operator for causal attention whose heads share keys, of which a graph holds nodes only on its way into a file.
///
/// Inputs and first result are `[batch, length, heads · size]`; the other results are the keys and values that a cache would hold.
struct GroupQueryAttention: GraphOperation {
  var heads = 0
  var keyHeads = 0
  /// 0: one over the root of the head size.
  var scale = 0.0
  /// 0: off.
  var softcap = 0.0
  /// How many keys a query sees, its own the last of them; −1: any number.
  var window = -1

  static let schema = Schema<Self>(
    "GroupQueryAttention",
    inputs: [
      "query", "key", "value", .optional("past_key"), .optional("past_value"), "seqlens_k", "total_sequence_length",
      .optional("cos_cache"), .optional("sin_cache"), .optional("position_ids"), .optional("attention_bias"),
      .optional("head_sink"),
    ], outputs: 1...3,
    attributes: [
      .init("num_heads", \.heads), .init("kv_num_heads", \.keyHeads), .init("scale", \.scale),
      .init("softcap", \.softcap), .init("local_window_size", \.window),
    ],
    spellings: [.onnx("GroupQueryAttention", domain: "com.microsoft")])

  func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let query = try inputs[0]
    guard let sizes = query.shape.dimensions, let keys = try inputs[1].shape.dimensions, sizes.count == 3,
      keys.count == 3, let size = keys[2].dividedExactly(by: Dimension(keyHeads))
    else { throw ModelError.invalid("query, key and value must have 3 axes, and heads of one size") }
    let cache = ValueInfo(query.element, [keys[0], Dimension(keyHeads), keys[1], size])
    return [query, cache, cache]
  }

  func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    throw ModelError.unsupported("GroupQueryAttention is written to files, not run")
  }
}
