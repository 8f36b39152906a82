import Tensors

extension Onnx_ModelProto {
  /// Every tensor, wherever in the model, whose bytes are in another file.
  func externalTensors() throws -> [Onnx_TensorProto] {
    graph.externalTensors() + functions.flatMap { $0.node.flatMap { $0.externalTensors() } }
  }
}

extension Onnx_GraphProto {
  fileprivate func externalTensors() -> [Onnx_TensorProto] {
    initializer.filter { $0.dataLocation == .external }
      + sparseInitializer.flatMap { [$0.values, $0.indices] }.filter { $0.dataLocation == .external }
      + node.flatMap { $0.externalTensors() }
  }
}

extension Onnx_NodeProto {
  fileprivate func externalTensors() -> [Onnx_TensorProto] {
    attribute.flatMap { attribute in
      (attribute.hasT ? [attribute.t] : []) + attribute.tensors
    }.filter { $0.dataLocation == .external } + subgraphs.flatMap { $0.externalTensors() }
  }
}
