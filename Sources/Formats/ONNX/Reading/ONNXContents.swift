import Foundation
import Tensors

/// Where in an ONNX file the raw data of its large initializers lie, so that they can stay there.
struct ONNXContents {
  struct Place {
    let file: TensorStorage
    let bytes: Range<Int>
  }

  private var places: [Int: Place] = [:]

  /// Data smaller than this are decoded with the message.
  private static let leastLeftInFile = 1 << 12

  // Numbers of fields: of the graph in a model, an initializer in a graph, the raw data in a tensor.
  private static let graphField = 7
  private static let initializerField = 5
  private static let rawDataField = 9

  var isEmpty: Bool { places.isEmpty }

  /// The place of the contents of the initializer with this position; nil where the message has them.
  subscript(initializer: Int) -> Place? { places[initializer] }

  /// The message of the model in `file` without the raw data of large initializers, and where those are.
  ///
  /// Nil where there are none, or the file is not a well-formed message as far as this looks at it.
  static func separated(from file: TensorStorage) -> (message: Data, contents: ONNXContents)? {
    file.withBytes { bytes -> (message: Data, contents: ONNXContents)? in
      var message = Data()
      var contents = ONNXContents()
      var initializers = 0
      for field in WireFields(bytes, 0..<bytes.count) {
        guard let field else { return nil }
        guard field.number == graphField, field.isMessage else {
          message.append(contentsOf: bytes[field.range])
          continue
        }
        guard let graph = contents.graph(file, bytes, field.payload, &initializers) else { return nil }
        message.appendMessage(graph, field: graphField)
      }
      return contents.isEmpty ? nil : (message, contents)
    }
  }

  private mutating func graph(
    _ file: TensorStorage, _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ initializers: inout Int
  ) -> Data? {
    var message = Data()
    for field in WireFields(bytes, range) {
      guard let field else { return nil }
      guard field.number == Self.initializerField, field.isMessage else {
        message.append(contentsOf: bytes[field.range])
        continue
      }
      var data: Range<Int>?
      var tensor = Data()
      for part in WireFields(bytes, field.payload) {
        guard let part else { return nil }
        if part.number == Self.rawDataField {
          // A field that comes again replaces the one before it; nobody writes that.
          guard part.isMessage, data == nil else { return nil }
          data = part.payload
          if part.payload.count >= Self.leastLeftInFile { continue }
        }
        tensor.append(contentsOf: bytes[part.range])
      }
      if let data, data.count >= Self.leastLeftInFile { places[initializers] = Place(file: file, bytes: data) }
      message.appendMessage(tensor, field: Self.initializerField)
      initializers += 1
    }
    return message
  }
}

/// The fields of a protobuf message in the order in which they lie there; nil, as the last one, where it is malformed.
private struct WireFields: Sequence, IteratorProtocol {
  struct Field {
    let number: Int
    /// Whether it is bytes with a length before them.
    let isMessage: Bool
    /// Of the whole field, and of those bytes.
    let range: Range<Int>
    let payload: Range<Int>
  }

  private let bytes: UnsafeRawBufferPointer
  private var position: Int
  private let end: Int

  /// `range` lies within `bytes`.
  init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
    (self.bytes, position, end) = (bytes, range.lowerBound, range.upperBound)
  }

  mutating func next() -> Field?? {
    guard position < end else { return nil }
    let start = position
    guard let tag = varint(), let number = Int(exactly: tag >> 3), number > 0 else { return malformed() }
    let length: UInt64
    switch tag & 7 {
    case 0:
      guard varint() != nil else { return malformed() }
      length = 0
    case 1: length = 8
    case 2:
      guard let given = varint() else { return malformed() }
      length = given
    case 5: length = 4
    default: return malformed()
    }
    guard length <= UInt64(end - position) else { return malformed() }
    let payload = position..<position + Int(length)
    position = payload.upperBound
    return .some(Field(number: number, isMessage: tag & 7 == 2, range: start..<position, payload: payload))
  }

  private mutating func malformed() -> Field?? {
    position = end
    return .some(nil)
  }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < end else { return nil }
      let byte = bytes[position]
      position += 1
      if shift < 64 { value |= UInt64(byte & 0x7f) << shift }
      if byte < 0x80 { return value }
    }
    return nil
  }
}

extension Data {
  /// Appends a field that is a message.
  fileprivate mutating func appendMessage(_ message: Data, field: Int) {
    appendVarint(UInt64(field << 3 | 2))
    appendVarint(UInt64(message.count))
    append(message)
  }

  private mutating func appendVarint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }
}
