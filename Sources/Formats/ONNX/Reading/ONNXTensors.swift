import Foundation
import Tensors

/// Decodes tensors of an ONNX model, mapping the files beside it that hold some of them.
struct ONNXTensors {
  private var files: SiblingFiles

  init(folder: String) { files = SiblingFiles(folder: folder) }

  /// The tensor `proto`, nil where its element type is one that flashfuse has not.
  ///
  /// - Parameter contents: Its raw data, where the message was read without.
  mutating func decode(_ proto: Onnx_TensorProto, contents: ONNXContents.Place? = nil) throws -> Tensor? {
    try locating(proto.name.isEmpty ? "a tensor" : "tensor '\(proto.name)'") {
      let element = try ElementType(onnx: Int(proto.dataType))
      let shape = try proto.dims.map { size in
        guard let size = Int(exactly: size), size >= 0 else {
          throw ModelError.invalid("\(proto.dims) is no shape: a size is negative")
        }
        return size
      }
      // Also for an unknown type: no tensor has a shape that overflows.
      let count = try Tensor.elementCount(of: shape, element: element)
      guard element != .unknown else { return nil }
      try require(!proto.hasSegment, "segments of tensors are not read")
      if proto.dataLocation == .external {
        return try external(try ExternalPlace(proto.externalData), element, shape)
      }
      if let found = contents?.bytes.count ?? (proto.hasRawData ? proto.rawData.count : nil) {
        let bytes = element.byteCount(of: count)
        try require(found == bytes, "\(element.rawValue)\(shape) takes \(bytes) bytes, but there are \(found)")
        if let contents {
          return try Tensor(
            element: element, shape: shape, storage: contents.file, byteOffset: contents.bytes.lowerBound)
        }
        return try Tensor(element: element, shape: shape, storage: TensorStorage(proto.rawData))
      }
      return try decodeFields(proto, element, shape)
    }
  }

  private mutating func external(_ place: ExternalPlace, _ element: ElementType, _ shape: [Int]) throws -> Tensor {
    let bytes = try element.byteCount(of: Tensor.elementCount(of: shape, element: element))
    if let length = place.length {
      try require(
        length == bytes, "\(element.rawValue)\(shape) takes \(bytes) bytes, but the length given is \(length)")
    }
    let storage = try files.storage(place.location)
    return try locating("'\(place.location)'") {
      try Tensor(element: element, shape: shape, storage: storage, byteOffset: place.offset)
    }
  }

  /// The elements of the typed fields; types without a field of their own are kept in a wider one.
  private func decodeFields(_ proto: Onnx_TensorProto, _ element: ElementType, _ shape: [Int]) throws -> Tensor {
    func narrow<Scalar: TensorScalar & FixedWidthInteger>(_ type: Scalar.Type) throws -> Tensor {
      let values = try proto.int32Data.map { value in
        guard let exact = Scalar(exactly: value) else {
          throw ModelError.invalid("\(value) is no value of type \(element.rawValue)")
        }
        return exact
      }
      return try Tensor(values, shape: shape)
    }
    func bitPatterns<Bits: FixedWidthInteger>(_ type: Bits.Type) throws -> [Bits] {
      try proto.int32Data.map { value in
        guard let bits = Bits(exactly: value) else {
          throw ModelError.invalid("\(value) is no bit pattern of type \(element.rawValue)")
        }
        return bits
      }
    }
    switch element {
    case .float32: return try Tensor(proto.floatData, shape: shape)
    case .float64: return try Tensor(proto.doubleData, shape: shape)
    case .int64: return try Tensor(proto.int64Data, shape: shape)
    case .uint64: return try Tensor(proto.uint64Data, shape: shape)
    case .uint32: return try Tensor(proto.uint64Data.map { UInt32(truncatingIfNeeded: $0) }, shape: shape)
    case .int32: return try narrow(Int32.self)
    case .int16: return try narrow(Int16.self)
    case .int8: return try narrow(Int8.self)
    case .uint16: return try narrow(UInt16.self)
    case .uint8: return try narrow(UInt8.self)
    case .bool: return try Tensor(proto.int32Data.map { $0 != 0 }, shape: shape)
    case .float16: return try Tensor(bitPatterns(UInt16.self).map { Float16(bitPattern: $0) }, shape: shape)
    case .bfloat16: return try Tensor(bitPatterns(UInt16.self).map { BFloat16(bitPattern: $0) }, shape: shape)
    case .unknown: throw ModelError.unsupported("elements of an unknown type")
    default:
      // Two elements of 4 bits are one number of the field, as they are one byte elsewhere.
      let bytes = try Tensor(bitPatterns(UInt8.self))
      try require(
        bytes.count == element.byteCount(of: Tensor.elementCount(of: shape, element: element)),
        "\(bytes.count) bytes were given for \(element.rawValue)\(shape)")
      return try Tensor(element: element, shape: shape) { target in bytes.withBytes { target.copyMemory(from: $0) } }
    }
  }
}

/// Where an external tensor's bytes are: a file relative to the model's folder, and a part of it.
struct ExternalPlace: Hashable {
  let location: String
  let offset: Int
  /// Nil: up to where the shape ends.
  let length: Int?

  init(_ entries: [Onnx_StringStringEntryProto]) throws {
    var values: [String: String] = [:]
    for entry in entries { values[entry.key] = entry.value }
    func number(_ key: String) throws -> Int? {
      guard let text = values[key] else { return nil }
      guard let value = Int(text), value >= 0 else {
        throw ModelError.invalid("external data: \(key) '\(text.prefix(40))' is no number of bytes")
      }
      return value
    }
    guard let location = values["location"], !location.isEmpty else {
      throw ModelError.invalid("external data without a location")
    }
    self.location = location
    offset = try number("offset") ?? 0
    length = try number("length")
  }
}
