import Foundation
import SwiftProtobuf
import Tensors

/// ONNX as protobuf, with tensors inside or in files beside it.
package enum ONNXFormat: GraphFormat {
  package static let name = "ONNX (protobuf)"

  /// A tag of one of `ModelProto`'s fields comes first. Text starts with bytes that are none.
  package static func recognises(_ file: ModelFile) -> Bool {
    guard let tag = file.prefix(1).first else { return false }
    let (field, wireType) = (tag >> 3, tag & 7)
    return (1...14).contains(field) && (wireType == 0 || wireType == 2)
  }

  package static func read(_ file: ModelFile) throws -> Document {
    guard let (message, contents) = ONNXContents.separated(from: file.storage) else {
      return try ONNXReader.document(of: try wholeModel(in: file), file: file, encoding: .protobuf)
    }
    let model = try decoding { try Onnx_ModelProto(serializedBytes: message) }
    return try ONNXReader.document(of: model, contents: contents, file: file, encoding: .protobuf)
  }

  /// The whole message in `file`, with the contents of all tensors.
  static func wholeModel(in file: ModelFile) throws -> Onnx_ModelProto {
    try decoding { try file.storage.withData { try Onnx_ModelProto(serializedBytes: $0) } }
  }
}

/// ONNX as the JSON that protobuf defines for its messages.
package enum ONNXJSONFormat: GraphFormat {
  package static let name = "ONNX (protobuf JSON)"

  /// An object with a key that only `ModelProto` has: flashfuse's own graphs and Ascend's have none of them.
  package static func recognises(_ file: ModelFile) -> Bool {
    guard file.firstSignificantByte == UInt8(ascii: "{") else { return false }
    return file.storage.withBytes { bytes in
      TopLevelKeys(of: bytes).contains { ["irVersion", "ir_version", "opsetImport", "opset_import"].contains($0) }
    }
  }

  package static func read(_ file: ModelFile) throws -> Document {
    let model = try decoding { try file.storage.withData { try Onnx_ModelProto(jsonUTF8Bytes: $0) } }
    return try ONNXReader.document(of: model, file: file, encoding: .json)
  }
}

/// Runs `body`, whose failures are the file's.
private func decoding(_ body: () throws -> Onnx_ModelProto) throws -> Onnx_ModelProto {
  do {
    return try body()
  } catch BinaryDecodingError.truncated {
    throw ModelError.invalid("no ONNX model: the protobuf message is cut off")
  } catch BinaryDecodingError.messageDepthLimit, JSONDecodingError.messageDepthLimit {
    throw ModelError.invalid("no ONNX model: messages are nested more than 100 deep")
  } catch BinaryDecodingError.invalidUTF8 {
    throw ModelError.invalid("no ONNX model: a name is not UTF-8")
  } catch let error as BinaryDecodingError {
    throw ModelError.invalid("no ONNX model: malformed protobuf (\(error))")
  } catch let error as JSONDecodingError {
    throw ModelError.invalid("no ONNX model: malformed protobuf JSON (\(error))")
  } catch {
    let reason = String(describing: error).split(whereSeparator: \.isNewline).first.map(String.init) ?? "malformed"
    throw ModelError.invalid("no ONNX model: \(reason)")
  }
}
