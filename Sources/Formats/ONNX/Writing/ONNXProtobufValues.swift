import Foundation
import GraphIR
import Tensors

extension Onnx_TensorProto {
  /// The tensor with its bytes inside.
  init(_ tensor: Tensor, name: String = "") throws {
    self.init()
    dims = tensor.shape.map { Int64($0) }
    dataType = Int32(try tensor.element.onnxCode)
    rawData = tensor.withBytes { Data($0) }
    if !name.isEmpty { self.name = name }
  }
}

extension Onnx_AttributeProto {
  init(_ name: String, _ value: AttributeValue) throws {
    self.init()
    self.name = name
    switch value {
    case .integer(let integer):
      type = .int
      i = Int64(integer)
    case .boolean(let flag):
      type = .int
      i = flag ? 1 : 0
    case .element(let element):
      type = .int
      i = Int64(try element.onnxCode)
    case .float(let number):
      type = .float
      f = Float(number)
    case .string(let text), .text(let text):
      type = .string
      s = Data(text.utf8)
    case .integers(let integers):
      type = .ints
      ints = integers.map { Int64($0) }
    case .floats(let numbers):
      type = .floats
      floats = numbers.map { Float($0) }
    case .strings(let texts):
      type = .strings
      strings = texts.map { Data($0.utf8) }
    case .tensor(let tensor):
      type = .tensor
      t = try Onnx_TensorProto(tensor)
    case .graph:
      throw ModelError.unsupported("a graph can't be written as the attribute '\(name)'")
    }
  }

  /// The attribute `name`, which has the value of its function's attribute `reference` at each call.
  init(_ name: String, referringTo reference: String, type: AttributeType) {
    self.init()
    self.name = name
    refAttrName = reference
    self.type = type
  }
}
