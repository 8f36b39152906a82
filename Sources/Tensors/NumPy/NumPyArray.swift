import Foundation

/// An array of a `.npy` file, in row-major order and in this machine's byte order.
///
/// The file may not say what its elements are, only how wide (`V2`: bfloat16 as NumPy writes it); who reads it then has to.
public struct NumPyArray: Sendable {
  public let shape: [Int]
  /// The element type, nil where the file does not say.
  public let element: ElementType?
  /// Bytes of one element.
  public let elementByteCount: Int
  private let storage: TensorStorage
  private let byteOffset: Int

  /// Reads the file at `path`, which is mapped into memory.
  ///
  /// Throws `ModelError`: `notFound` where there is no such file, `invalid` where it is no `.npy` file or is cut off,
  /// `unsupported` for arrays of records, strings or complex numbers.
  public init(contentsOfFile path: String) throws {
    let storage = try TensorStorage(mappingFileAt: path)
    self = try locating(path) {
      let (header, offset) = try storage.withBytes { bytes in
        let offset = try NumPyHeader.dataOffset(prefix: Array(bytes.prefix(NumPyHeader.prefixLength)))
        return (try NumPyHeader(Array(bytes.prefix(offset))), offset)
      }
      return try NumPyArray(header, storage: storage, byteOffset: offset)
    }
  }

  /// The array that `header` describes, its elements in `storage` from `byteOffset` on.
  init(_ header: NumPyHeader, storage: TensorStorage, byteOffset: Int = 0) throws {
    shape = header.shape
    elementByteCount = header.element.byteCount
    if case .known(let element) = header.element { self.element = element } else { element = nil }
    let byteCount = try header.byteCount
    try require(
      byteOffset <= storage.byteCount && byteCount <= storage.byteCount - byteOffset,
      "\(byteCount) bytes were expected for an array of shape \(shape), found \(max(storage.byteCount - byteOffset, 0))"
    )
    let rearranged = header.isBigEndian || (header.isFortranOrder && header.shape.count > 1)
    if rearranged {
      self.storage = try storage.rearranged(from: byteOffset, header: header, byteCount: byteCount)
      self.byteOffset = 0
    } else {
      self.storage = storage
      self.byteOffset = byteOffset
    }
  }

  /// The array as a tensor; `declared` says what elements are of which the file gives only the width.
  ///
  /// Throws where the file does not say what its elements are and `declared` is unknown or of another width.
  public func tensor(declared: ElementType = .unknown) throws -> Tensor {
    guard let type = element ?? (declared == .unknown ? nil : declared) else {
      throw ModelError.invalid("the elements are \(elementByteCount) raw bytes, and nothing says what they mean")
    }
    try require(
      type.byteCount == elementByteCount,
      "the elements are \(elementByteCount) raw bytes, but \(type.rawValue) has \(type.byteCount)")
    return try Tensor(element: type, shape: shape, storage: storage, byteOffset: byteOffset)
  }
}

extension NumPyHeader {
  /// The bytes of all elements.
  var byteCount: Int {
    get throws {
      let count = try Tensor.elementCount(of: shape, element: .uint8)
      let (bytes, overflow) = count.multipliedReportingOverflow(by: element.byteCount)
      try require(!overflow, "an array of shape \(shape) has more bytes than can be addressed")
      return bytes
    }
  }
}

extension TensorStorage {
  /// A copy with the elements in row-major order and little-endian.
  fileprivate func rearranged(from offset: Int, header: NumPyHeader, byteCount: Int) throws -> TensorStorage {
    let width = header.element.byteCount
    let count = byteCount / width
    // The sizes and strides of the source, innermost axis of the copy first.
    let sizes = Array(header.shape.reversed())
    var strides: [Int] = []
    for axis in header.shape.indices.reversed() {
      let inner = header.isFortranOrder ? header.shape[..<axis] : header.shape[(axis + 1)...]
      strides.append(inner.reduce(1, *))
    }
    return try withBytes { bytes in
      let source = UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + byteCount)])
      return try TensorStorage(byteCount: byteCount) { target in
        var index = [Int](repeating: 0, count: sizes.count)
        var position = 0
        for element in 0..<count {
          for byte in 0..<width {
            let from = header.isBigEndian ? width - 1 - byte : byte
            target[element * width + byte] = source[position * width + from]
          }
          for axis in sizes.indices {
            index[axis] += 1
            position += strides[axis]
            if index[axis] < sizes[axis] { break }
            position -= strides[axis] * sizes[axis]
            index[axis] = 0
          }
        }
      }
    }
  }
}

extension Tensor {
  /// The bytes of a `.npy` file before this tensor's elements.
  var numPyHeader: [UInt8] {
    get throws {
      guard element.byteCount > 0 else {
        throw ModelError.unsupported("npy has no elements of type \(element.rawValue)")
      }
      return NumPyHeader(element: element, shape: shape).encoded
    }
  }

  /// Writes the tensor as a `.npy` file; one that exists is replaced only by a complete one.
  public func write(toFile path: String) throws {
    var output = AtomicOutput()
    try output.add(path, chunks: [Data(try numPyHeader), withBytes { Data($0) }])
    try output.commit()
  }
}
