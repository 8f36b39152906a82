import Foundation
import GraphIR
import SwiftProtobuf
import TestSupport

@testable import Formats

/// Small ONNX models for tests, said in few words.
enum ONNXTestModels {
  static func model(
    opset: Int = 17, irVersion: Int = 8, inputs: [Onnx_ValueInfoProto] = [float("x", [2, 3])],
    initializers: [Onnx_TensorProto] = [], _ nodes: [Onnx_NodeProto],
    outputs: [Onnx_ValueInfoProto] = [float("y", nil)]
  ) -> Onnx_ModelProto {
    var model = Onnx_ModelProto()
    model.irVersion = Int64(irVersion)
    model.opsetImport = [operatorSet("", opset)]
    model.graph.name = "test"
    model.graph.input = inputs
    model.graph.output = outputs
    model.graph.initializer = initializers
    model.graph.node = nodes
    return model
  }

  static func operatorSet(_ domain: String, _ version: Int) -> Onnx_OperatorSetIdProto {
    var entry = Onnx_OperatorSetIdProto()
    entry.domain = domain
    entry.version = Int64(version)
    return entry
  }

  static func node(
    _ type: String, _ inputs: [String], _ outputs: [String], name: String = "", domain: String = "",
    _ attributes: [String: AttributeValue] = [:]
  ) throws -> Onnx_NodeProto {
    var node = Onnx_NodeProto()
    node.opType = type
    node.domain = domain
    node.name = name
    node.input = inputs
    node.output = outputs
    node.attribute = try attributes.sorted { $0.key < $1.key }.map { try Onnx_AttributeProto($0.key, $0.value) }
    return node
  }

  /// A value of 32-bit floats; `nil` sizes are unknown, an absent list is an unknown rank.
  static func float(_ name: String, _ sizes: [Any?]?) -> Onnx_ValueInfoProto {
    value(name, .float, sizes)
  }

  static func value(
    _ name: String, _ element: Onnx_TensorProto.DataType, _ sizes: [Any?]?
  ) -> Onnx_ValueInfoProto {
    var info = Onnx_ValueInfoProto()
    info.name = name
    info.type.tensorType.elemType = Int32(element.rawValue)
    if let sizes {
      info.type.tensorType.shape.dim = sizes.map { size in
        var dimension = Onnx_TensorShapeProto.Dimension()
        if let number = size as? Int { dimension.dimValue = Int64(number) }
        if let name = size as? String { dimension.dimParam = name }
        return dimension
      }
    }
    return info
  }

  static func tensor(_ name: String, _ values: [Float], _ sizes: [Int]) -> Onnx_TensorProto {
    var tensor = Onnx_TensorProto()
    tensor.name = name
    tensor.dataType = Int32(Onnx_TensorProto.DataType.float.rawValue)
    tensor.dims = sizes.map { Int64($0) }
    tensor.floatData = values
    return tensor
  }

  static func external(_ name: String, _ sizes: [Int], _ entries: [String: String]) -> Onnx_TensorProto {
    var tensor = tensor(name, [], sizes)
    tensor.dataLocation = .external
    tensor.externalData = entries.sorted { $0.key < $1.key }.map { key, value in
      var entry = Onnx_StringStringEntryProto()
      entry.key = key
      entry.value = value
      return entry
    }
    return tensor
  }

  /// The graph that a chain of element-wise operations over external weights makes of `x`.
  static func identity() throws -> Onnx_ModelProto { try model([node("Identity", ["x"], ["y"])]) }
}

/// Writes `model` to a folder of its own and reads it from there.
func readONNX(_ model: Onnx_ModelProto, json: Bool = false, in folder: TemporaryDirectory? = nil) throws -> Document {
  let folder = try folder ?? TemporaryDirectory()
  let data = json ? try model.jsonUTF8Data() : try model.serializedData()
  return try Document.read(path: folder.write(data, to: "model.onnx"))
}
