import Foundation
import Tensors

/// Tensors in `.safetensors` files beside a model, mapped into memory.
struct SafetensorsFiles {
  private var files: SiblingFiles
  private var read: [String: [String: Tensor]] = [:]

  init(of modelPath: String) { files = SiblingFiles(of: modelPath) }

  /// The tensor called `name` in the file called `file`.
  mutating func tensor(_ name: String, in file: String) throws -> Tensor {
    let tensors: [String: Tensor]
    if let known = read[file] {
      tensors = known
    } else {
      tensors = try Safetensors.tensors(in: try files.storage(file))
      read[file] = tensors
    }
    guard let tensor = tensors[name] else { throw ModelError.invalid("there is no tensor '\(name.prefix(80))'") }
    return tensor
  }
}

/// The format of `.safetensors` files: the length of a header, the header in JSON, then bytes.
///
/// Source: https://github.com/huggingface/safetensors, "Format".
enum Safetensors {
  private struct Entry {
    let name: String
    let type: String
    let shape: [Int]
    let offsets: [Int]
  }

  /// All tensors of the file `storage`, which share its bytes. Throws where the header claims what the file does not hold.
  static func tensors(in storage: TensorStorage) throws -> [String: Tensor] {
    let (entries, start) = try storage.withBytes { bytes in
      guard bytes.count >= 8 else { throw ModelError.invalid("no safetensors file: it has \(bytes.count) bytes") }
      let claimed = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
      guard let length = Int(exactly: claimed), length <= bytes.count - 8 else {
        throw ModelError.invalid(
          "no safetensors file: a header of \(claimed) bytes is claimed, but the file has \(bytes.count)")
      }
      return (try locating("header") { try headerEntries(Array(bytes[8..<(8 + length)])) }, 8 + length)
    }
    var tensors: [String: Tensor] = [:]
    var end = 0
    for entry in entries.sorted(by: { $0.offsets.lexicographicallyPrecedes($1.offsets) }) {
      try locating("tensor '\(entry.name.prefix(80))'") {
        let element = try element(of: entry.type)
        let bytes = try Tensor.elementCount(of: entry.shape, element: element) * element.byteCount
        let offsets = entry.offsets
        guard offsets.count == 2, offsets[0] >= 0, offsets[1] >= offsets[0], offsets[1] <= storage.byteCount - start
        else { throw ModelError.invalid("its offsets \(offsets) are not in the file") }
        try require(
          offsets[1] - offsets[0] == bytes,
          "\(element.rawValue)\(entry.shape) takes \(bytes) bytes, but its offsets are \(offsets)")
        try require(offsets[0] >= end, "it overlaps another tensor")
        end = offsets[1]
        tensors[entry.name] = try Tensor(
          element: element, shape: entry.shape, storage: storage, byteOffset: start + offsets[0])
      }
    }
    return tensors
  }

  private static func headerEntries(_ header: [UInt8]) throws -> [Entry] {
    try JSONField(JSONValue(parsing: header)).object().filter { $0.key != "__metadata__" }.map { name, entry in
      Entry(
        name: name, type: try entry.required("dtype").string(),
        shape: try entry.required("shape").list().map { try $0.integer() },
        offsets: try entry.required("data_offsets").list().map { try $0.integer() })
    }
  }

  private static func element(of name: String) throws -> ElementType {
    let own = name.lowercased()
    guard let element = ElementType(rawValue: own), element != .unknown, own != name else {
      throw ModelError.unsupported("the element type '\(name.prefix(40))'")
    }
    return element
  }
}
