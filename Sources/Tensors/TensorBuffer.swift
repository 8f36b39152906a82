import Foundation

/// Memory for a tensor that is still being written.
///
/// Whoever makes one writes every element, then takes `tensor()`, and writes nothing after that.
public final class TensorBuffer: @unchecked Sendable {
  public let element: ElementType
  public let shape: [Int]
  public let count: Int
  private let storage: TensorStorage
  private let byteOffset: Int
  private let base: UnsafeMutableRawPointer

  /// Memory of its own, aligned to a cache line, whose contents are undefined at first.
  public init(element: ElementType, shape: [Int]) throws {
    guard element != .unknown else { throw ModelError.unsupported("a tensor needs a known element type") }
    count = try Tensor.elementCount(of: shape, element: element)
    self.element = element
    self.shape = shape
    (storage, base) = try TensorStorage.uninitialized(byteCount: element.byteCount(of: count))
    byteOffset = 0
  }

  /// A part of `arena`, which must hold it.
  package init(element: ElementType, shape: [Int], in arena: TensorArena, at byteOffset: Int) throws {
    count = try Tensor.elementCount(of: shape, element: element)
    let end = byteOffset.addingReportingOverflow(element.byteCount(of: count))
    try require(
      byteOffset >= 0 && byteOffset % 64 == 0 && !end.overflow && end.partialValue <= arena.byteCount,
      "\(element.rawValue)\(shape) does not fit into the memory planned for it")
    self.element = element
    self.shape = shape
    self.byteOffset = byteOffset
    storage = arena.storage
    base = arena.base + byteOffset
  }

  /// Calls `body` with the elements, which must be of `type`.
  public func withElements<Scalar: TensorScalar, Result>(
    as type: Scalar.Type, _ body: (UnsafeMutableBufferPointer<Scalar>) throws -> Result
  ) throws -> Result {
    try require(
      Scalar.elementType == element,
      "a buffer of \(Scalar.elementType.rawValue) was expected, this is \(element.rawValue)\(shape)")
    return try body(
      UnsafeMutableBufferPointer(start: base.assumingMemoryBound(to: Scalar.self), count: count))
  }

  /// Calls `body` with the bytes.
  public func withBytes<Result>(_ body: (UnsafeMutableRawBufferPointer) throws -> Result) rethrows -> Result {
    try body(UnsafeMutableRawBufferPointer(start: base, count: element.byteCount(of: count)))
  }

  /// The finished tensor, which shares the memory.
  public func tensor() throws -> Tensor {
    try Tensor(element: element, shape: shape, storage: storage, byteOffset: byteOffset)
  }
}

/// Memory that tensors alive at different times share.
///
/// A tensor in it holds what was written until another one is planned to take its place; who hands one out copies it first.
package final class TensorArena: @unchecked Sendable {
  package let byteCount: Int
  let storage: TensorStorage
  let base: UnsafeMutableRawPointer

  package init(byteCount: Int) throws {
    self.byteCount = byteCount
    (storage, base) = try TensorStorage.uninitialized(byteCount: byteCount, inLargePages: true)
  }

  /// Whether `tensor` lies in it.
  package func holds(_ tensor: Tensor) -> Bool { tensor.storageIdentity.id == ObjectIdentifier(storage) }
}
