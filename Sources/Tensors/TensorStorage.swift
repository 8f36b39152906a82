import Foundation

/// Bytes that never change once made: allocated here, or a file mapped into memory.
///
/// Sendable although it holds a pointer: nothing writes through it after `init`.
public final class TensorStorage: @unchecked Sendable {
  private let base: UnsafeRawPointer
  public let byteCount: Int
  private let release: () -> Void
  let isMappedFile: Bool

  private init(
    base: UnsafeRawPointer, byteCount: Int, isMappedFile: Bool = false, release: @escaping () -> Void
  ) {
    self.base = base
    self.byteCount = byteCount
    self.isMappedFile = isMappedFile
    self.release = release
  }

  deinit { release() }

  /// Zeroed bytes, aligned to a cache line, that `fill` then writes.
  public convenience init(byteCount: Int, filledBy fill: (UnsafeMutableRawBufferPointer) throws -> Void) throws {
    let pointer = try Self.allocate(byteCount)
    do {
      memset(pointer, 0, byteCount)
      try fill(UnsafeMutableRawBufferPointer(start: pointer, count: byteCount))
    } catch {
      free(pointer)
      throw error
    }
    self.init(base: UnsafeRawPointer(pointer), byteCount: byteCount) { free(pointer) }
  }

  /// Bytes that are not written yet, and the pointer to write them through.
  ///
  /// - Parameter inLargePages: Asks the system for pages as large as fit: for memory that is used over and over.
  static func uninitialized(
    byteCount: Int, inLargePages: Bool = false
  ) throws -> (storage: TensorStorage, base: UnsafeMutableRawPointer) {
    let largePage = 1 << 21
    let isLarge = inLargePages && byteCount >= largePage
    let pointer = try allocate(byteCount, alignment: isLarge ? largePage : 64)
    #if os(Linux)
      if isLarge { madvise(pointer, byteCount & ~(largePage - 1), MADV_HUGEPAGE) }
    #endif
    return (TensorStorage(base: UnsafeRawPointer(pointer), byteCount: byteCount) { free(pointer) }, pointer)
  }

  private static func allocate(_ byteCount: Int, alignment: Int = 64) throws -> UnsafeMutableRawPointer {
    guard byteCount >= 0 else { throw ModelError.invalid("a tensor of \(byteCount) bytes") }
    try AllocationLimit.check(byteCount)
    // One byte at least: a pointer to nothing can't be aligned.
    var pointer: UnsafeMutableRawPointer?
    guard posix_memalign(&pointer, alignment, max(byteCount, 64)) == 0, let pointer else {
      throw ModelError.unsupported("there is no memory for a tensor of \(byteCount) bytes")
    }
    return pointer
  }

  convenience init<Scalar: TensorScalar>(copying values: [Scalar]) {
    let bytes = values.count * MemoryLayout<Scalar>.stride
    let pointer = UnsafeMutableRawPointer.allocate(byteCount: max(bytes, 64), alignment: 64)
    values.withUnsafeBytes { source in
      if let start = source.baseAddress { pointer.copyMemory(from: start, byteCount: bytes) }
    }
    self.init(base: UnsafeRawPointer(pointer), byteCount: bytes) { pointer.deallocate() }
  }

  /// The bytes of `data`, which are shared and not copied where they are more than a few.
  public convenience init(_ data: Data) {
    let held = data as NSData
    self.init(base: held.bytes, byteCount: held.length) { withExtendedLifetime(held) {} }
  }

  /// Maps the regular file at `path` for reading; an empty file gives no bytes.
  public convenience init(mappingFileAt path: String) throws {
    // Without O_NONBLOCK, opening a pipe would wait for someone to write to it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw ModelError.notFound("\(path): \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw ModelError.notFound("\(path): not a regular file")
    }
    let size = Int(status.st_size)
    guard size > 0 else {
      self.init(copying: [UInt8]())
      return
    }
    guard let pointer = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), pointer != MAP_FAILED else {
      throw ModelError.notFound("\(path): cannot be mapped into memory: \(String(cString: strerror(errno)))")
    }
    self.init(base: UnsafeRawPointer(pointer), byteCount: size, isMappedFile: true) { munmap(pointer, size) }
  }

  /// Drops the whole pages within a part of a mapped file from memory; reading them brings them back.
  func releasePages(offset: Int, byteCount: Int) {
    guard isMappedFile else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = (offset + page - 1) / page * page
    let end = (offset + byteCount) / page * page
    guard start < end else { return }
    madvise(UnsafeMutableRawPointer(mutating: base + start), end - start, MADV_DONTNEED)
  }

  func isAligned(at offset: Int, to alignment: Int) -> Bool {
    (Int(bitPattern: base) + offset) % max(alignment, 1) == 0
  }

  func copy(from offset: Int, byteCount: Int) -> TensorStorage {
    let pointer = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 64), alignment: 64)
    withBytes(offset: offset, byteCount: byteCount) { source in
      if let start = source.baseAddress { pointer.copyMemory(from: start, byteCount: byteCount) }
    }
    return TensorStorage(base: UnsafeRawPointer(pointer), byteCount: byteCount) { pointer.deallocate() }
  }

  /// Calls `body` with all bytes.
  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withBytes(offset: 0, byteCount: byteCount, body)
  }

  /// Calls `body` with all bytes as data that shares them, and that must not outlive the call.
  package func withData<Result>(_ body: (Data) throws -> Result) rethrows -> Result {
    try withBytes { bytes in
      guard let start = bytes.baseAddress, bytes.count > 0 else { return try body(Data()) }
      return try body(
        Data(bytesNoCopy: UnsafeMutableRawPointer(mutating: start), count: bytes.count, deallocator: .none))
    }
  }

  /// Calls `body` with the bytes from `offset` on; traps where they are not all there, which `Tensor.init` has ruled out.
  func withBytes<Result>(
    offset: Int, byteCount: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    precondition(offset >= 0 && byteCount >= 0 && offset + byteCount <= self.byteCount)
    return try withExtendedLifetime(self) {
      try body(UnsafeRawBufferPointer(start: base + offset, count: byteCount))
    }
  }
}
