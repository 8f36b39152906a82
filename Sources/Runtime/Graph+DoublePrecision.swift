import GraphIR
import Tensors

extension Graph {
  /// The same graph with every floating-point type replaced by 64 bits: those of constants, inputs and attributes.
  ///
  /// What it computes is the reference for the accuracy of the original's results.
  public func promotedToDoublePrecision() throws -> Graph {
    var graph = self
    try graph.mapOperations { try $0.promotedToDoublePrecision() }
    return graph
  }
}

extension GraphOperation {
  fileprivate func promotedToDoublePrecision() throws -> any GraphOperation {
    if let parameter = self as? Parameter { return Parameter(type: parameter.type.promotedToDoublePrecision) }
    var operation: any GraphOperation = self
    for attribute in OperationDescriptor.of(self).attributes {
      switch attribute.read(self) {
      case .element(let element) where element.isFloatingPoint:
        try attribute.write(&operation, .element(.float64))
      case .tensor(let tensor) where tensor.element.isFloatingPoint:
        try attribute.write(&operation, .tensor(try tensor.promotedToDoublePrecision()))
      case .graph(let graph):
        try attribute.write(&operation, .graph(try graph.promotedToDoublePrecision()))
      default: break
      }
    }
    return operation
  }
}

extension TensorType {
  fileprivate var promotedToDoublePrecision: TensorType {
    TensorType(element.isFloatingPoint ? .float64 : element, shape)
  }
}

extension Tensor {
  /// The same numbers in 64 bits; integers and booleans as they are.
  public func promotedToDoublePrecision() throws -> Tensor {
    guard element.isFloatingPoint, element != .float64 else { return self }
    return try Tensor(doubles: doubles(), element: .float64, shape: shape)
  }
}
