/// A dense row-major tensor: an element type, sizes, and bytes held by reference, so that copies share them.
public struct Tensor: Sendable {
  public let element: ElementType
  /// The size of every axis, outermost first; empty for a scalar.
  public let shape: [Int]
  public let count: Int
  let storage: TensorStorage
  let byteOffset: Int

  public var rank: Int { shape.count }
  public var byteCount: Int { element.byteCount(of: count) }

  /// The number of elements of `shape`, or an error where a size is negative or the bytes would overflow.
  public static func elementCount(of shape: [Int], element: ElementType) throws -> Int {
    var count = 1
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflow else {
        throw ModelError.invalid("\(shape) is no shape: a size is negative or their product overflows")
      }
      count = product
    }
    guard !count.multipliedReportingOverflow(by: max(element.byteCount, 1)).overflow else {
      throw ModelError.invalid("a tensor of shape \(shape) has more bytes than can be addressed")
    }
    return count
  }

  /// A tensor over part of `storage`, which must hold all its bytes.
  public init(element: ElementType, shape: [Int], storage: TensorStorage, byteOffset: Int = 0) throws {
    let count = try Tensor.elementCount(of: shape, element: element)
    let bytes = element.byteCount(of: count)
    guard element != .unknown else { throw ModelError.unsupported("a tensor needs a known element type") }
    guard byteOffset >= 0, byteOffset <= storage.byteCount, bytes <= storage.byteCount - byteOffset else {
      throw ModelError.invalid(
        "\(bytes) bytes at offset \(byteOffset) are needed for \(element.rawValue)\(shape), but there are \(storage.byteCount)"
      )
    }
    self.element = element
    self.shape = shape
    self.count = count
    // Of a large part of a mapped file that is not aligned, copies are made as they are needed.
    if storage.isAligned(at: byteOffset, to: element.byteCount)
      || storage.isMappedFile && bytes >= Tensor.leastLeftInFile
    {
      self.storage = storage
      self.byteOffset = byteOffset
    } else {
      self.storage = storage.copy(from: byteOffset, byteCount: bytes)
      self.byteOffset = 0
    }
  }

  private static let leastLeftInFile = 1 << 16

  /// A tensor whose bytes, zero at first, are filled in by `fill`.
  public init(
    element: ElementType, shape: [Int], filledBy fill: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    let count = try Tensor.elementCount(of: shape, element: element)
    let storage = try TensorStorage(byteCount: element.byteCount(of: count), filledBy: fill)
    try self.init(element: element, shape: shape, storage: storage)
  }

  /// A tensor of `values` in row-major order; their number must be that of `shape`.
  public init<Scalar: TensorScalar>(_ values: [Scalar], shape: [Int]) throws {
    let count = try Tensor.elementCount(of: shape, element: Scalar.elementType)
    guard values.count == count else {
      throw ModelError.invalid("\(values.count) values were given for shape \(shape), which has \(count)")
    }
    self.element = Scalar.elementType
    self.shape = shape
    self.count = count
    self.storage = TensorStorage(copying: values)
    self.byteOffset = 0
  }

  /// A tensor of one axis.
  public init<Scalar: TensorScalar>(_ values: [Scalar]) {
    element = Scalar.elementType
    shape = [values.count]
    count = values.count
    storage = TensorStorage(copying: values)
    byteOffset = 0
  }

  /// A tensor of rank 0.
  public init<Scalar: TensorScalar>(scalar: Scalar) {
    element = Scalar.elementType
    shape = []
    count = 1
    storage = TensorStorage(copying: [scalar])
    byteOffset = 0
  }

  private init(_ other: Tensor, shape: [Int]) {
    self.element = other.element
    self.shape = shape
    self.count = other.count
    self.storage = other.storage
    self.byteOffset = other.byteOffset
  }

  /// The same elements under another shape of as many elements; no bytes are copied.
  public func reshaped(to shape: [Int]) throws -> Tensor {
    guard try Tensor.elementCount(of: shape, element: element) == count else {
      throw ModelError.invalid("\(count) elements of shape \(self.shape) can't take the shape \(shape)")
    }
    return Tensor(self, shape: shape)
  }

  /// What owns the bytes, and how many it owns: two tensors of one identity share memory.
  package var storageIdentity: (id: ObjectIdentifier, byteCount: Int) {
    (ObjectIdentifier(storage), storage.byteCount)
  }

  /// Where in that memory the tensor begins, in bytes.
  package var storageOffset: Int { byteOffset }

  /// Lets the system take back the memory behind a mapped file's bytes until they are read again.
  package func releasePages() { storage.releasePages(offset: byteOffset, byteCount: byteCount) }

  private var isAligned: Bool { storage.isAligned(at: byteOffset, to: element.byteCount) }

  /// The same tensor where its bytes can be read without a copy.
  package func aligned() -> Tensor { isAligned ? self : Tensor(alignedCopyOf: self) }

  private init(alignedCopyOf other: Tensor) {
    (element, shape, count) = (other.element, other.shape, other.count)
    storage = other.storage.copy(from: other.byteOffset, byteCount: other.byteCount)
    byteOffset = 0
  }

  /// Calls `body` with the tensor's bytes, aligned to its element type.
  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    guard isAligned else { return try aligned().withBytes(body) }
    return try storage.withBytes(offset: byteOffset, byteCount: byteCount, body)
  }

  /// Calls `body` with the tensor's bytes where they lie, which may not be aligned.
  package func withUnalignedBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try storage.withBytes(offset: byteOffset, byteCount: byteCount, body)
  }

  /// Calls `body` with the elements, which must be of `type`.
  public func withElements<Scalar: TensorScalar, Result>(
    as type: Scalar.Type, _ body: (UnsafeBufferPointer<Scalar>) throws -> Result
  ) throws -> Result {
    guard Scalar.elementType == element else {
      throw ModelError.invalid(
        "a tensor of \(Scalar.elementType.rawValue) was expected, this is \(element.rawValue)\(shape)")
    }
    return try withBytes { try body($0.assumingMemoryBound(to: Scalar.self)) }
  }

  /// The elements in row-major order, which must be of `type`.
  public func values<Scalar: TensorScalar>(as type: Scalar.Type) throws -> [Scalar] {
    try withElements(as: type) { Array($0) }
  }
}

extension Tensor: Hashable {
  /// Equal types, shapes and bytes; two NaNs of the same bits are equal, 0 and −0 are not.
  public static func == (left: Tensor, right: Tensor) -> Bool {
    guard left.element == right.element, left.shape == right.shape else { return false }
    if left.storage === right.storage && left.byteOffset == right.byteOffset { return true }
    return left.withUnalignedBytes { first in right.withUnalignedBytes { first.elementsEqual($0) } }
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(element)
    hasher.combine(shape)
    withUnalignedBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0.prefix(256))) }
  }
}
