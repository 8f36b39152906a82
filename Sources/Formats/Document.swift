import GraphIR

/// A model as it was read: its graph, and the untouched file that the graph came from.
public struct Document: Sendable {
  public let graph: Graph
  public let source: any ModelSource

  public init(graph: Graph, source: any ModelSource) {
    self.graph = graph
    self.source = source
  }

  /// The name of the format in logs: `openvino`, `onnx`, `onnx-json`, `ge` or `json`.
  public var format: String { source.format }

  /// Inputs of the graph that are weights of the model, whose values the file does not hold.
  public var missingWeights: Set<String> { source.missingWeights }

  /// What to tell of a fused node of `graph` for which the format has no operator; nil for any other.
  public func remark(on id: NodeID, in graph: Graph) -> String? { source.remark(on: id, in: graph) }

  /// Writes the model with `rewritten`, which passes made from `graph`, in its place; whatever no pass touched is written as it was.
  ///
  /// Files that exist are replaced only by complete ones.
  public func write(_ rewritten: Graph, to path: String, options: WriteOptions = WriteOptions()) throws {
    try source.write(rewritten, of: graph, to: path, options: options)
  }
}

/// The content of a model file, kept so that it can be written back.
public protocol ModelSource: Sendable {
  var format: String { get }

  /// Inputs of the graph that are weights of the model, whose values are not in the file.
  var missingWeights: Set<String> { get }

  /// What to tell of a fused node of `graph` for which the format has no operator; nil for any other.
  func remark(on id: NodeID, in graph: Graph) -> String?

  /// Writes the file at `path` (and what belongs beside it): this content, with what differs between `original` and `rewritten` changed.
  func write(_ rewritten: Graph, of original: Graph, to path: String, options: WriteOptions) throws
}

extension ModelSource {
  public var missingWeights: Set<String> { [] }

  public func remark(on id: NodeID, in graph: Graph) -> String? { nil }
}

/// Choices when writing a model.
public struct WriteOptions: Hashable, Sendable {
  /// How ONNX files spell fused attention.
  public enum AttentionOperator: String, Hashable, Sendable, CaseIterable {
    /// The standard `Attention`, operator set 23 or later.
    case onnx
    /// `com.microsoft.MultiHeadAttention` and relatives, in any operator set.
    case microsoft
    /// A model-local function `flashfuse.FlashAttention` whose body is the decomposition, in any operator set.
    case function
  }

  /// Nil: `onnx` where the model's operator set has it, otherwise `microsoft`.
  public var attentionOperator: AttentionOperator?

  public init(attentionOperator: AttentionOperator? = nil) { self.attentionOperator = attentionOperator }
}
