import CLibZip
import Foundation

/// A `.npz` file: named arrays in a ZIP archive, each read when asked for.
public final class NumPyArchive {
  private struct Entry {
    let index: UInt64
    let byteCount: Int
  }

  private let path: String
  private let archive: OpaquePointer
  private var entries: [String: Entry] = [:]
  /// The names of the arrays, without `.npy`, in the order of the file.
  public private(set) var names: [String] = []

  /// Archives with more entries are refused.
  static let entryLimit = 1 << 16
  /// No byte of a deflated entry stands for more bytes than this: an entry that claims more is a bomb or broken.
  static let deflateRatioLimit = 1032

  /// Opens the file at `path` and reads its directory.
  ///
  /// Throws `ModelError`: `notFound` where there is no such file, `invalid` where it is no archive, names an array twice, or
  /// claims sizes that can't be right.
  public init(contentsOfFile path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, access(path, R_OK) == 0 else {
      throw ModelError.notFound("\(path): there is no such file, or it can't be read")
    }
    var code: Int32 = 0
    guard let archive = zip_open(path, ZIP_RDONLY, &code) else {
      var failure = zip_error_t()
      zip_error_init_with_code(&failure, code)
      defer { zip_error_fini(&failure) }
      throw ModelError.invalid("\(path): no npz file: \(String(cString: zip_error_strerror(&failure)))")
    }
    self.path = path
    self.archive = archive
    try readDirectory(fileSize: Int(status.st_size))
  }

  deinit { zip_discard(archive) }

  public func contains(_ name: String) -> Bool { entries[name] != nil }

  /// Reads the array `name`, which must be there.
  public func array(named name: String) throws -> NumPyArray {
    try locating("\(path): \(name)") {
      guard let entry = entries[name] else { throw ModelError.invalid("there is no such array") }
      guard let file = zip_fopen_index(archive, entry.index, 0) else {
        throw ModelError.invalid("can't be read: \(String(cString: zip_strerror(archive)))")
      }
      defer { zip_fclose(file) }
      var head = try Self.read(file, count: min(NumPyHeader.prefixLength, entry.byteCount))
      let offset = try NumPyHeader.dataOffset(prefix: head)
      try require(offset <= entry.byteCount, "the npy header is cut off")
      var overrun: [UInt8] = []
      if offset < head.count {
        overrun = Array(head[offset...])
        head = Array(head[..<offset])
      } else {
        head += try Self.read(file, count: offset - head.count)
      }
      let header = try NumPyHeader(head)
      let byteCount = try header.byteCount
      try require(
        byteCount == entry.byteCount - offset,
        "\(byteCount) bytes were expected for an array of shape \(header.shape), found \(entry.byteCount - offset)")
      let storage = try TensorStorage(byteCount: byteCount) { bytes in
        bytes.copyBytes(from: overrun)
        try Self.fill(UnsafeMutableRawBufferPointer(rebasing: bytes[overrun.count...]), from: file)
      }
      try Self.expectEnd(file)
      return try NumPyArray(header, storage: storage)
    }
  }

  private func readDirectory(fileSize: Int) throws {
    let count = zip_get_num_entries(archive, 0)
    try require(count <= Self.entryLimit, "\(path): an archive of \(count) entries is larger than any real one")
    for index in 0..<UInt64(max(count, 0)) {
      var status = zip_stat_t()
      zip_stat_init(&status)
      guard zip_stat_index(archive, index, 0, &status) == 0, let rawName = status.name else {
        throw ModelError.invalid("\(path): entry \(index) is malformed")
      }
      let fileName = String(cString: rawName)
      guard fileName.hasSuffix(".npy") else { continue }
      let name = String(fileName.dropLast(4))
      let bounds = UInt64(ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE)
      guard status.valid & bounds == bounds, let size = Int(exactly: status.size),
        let packed = Int(exactly: status.comp_size), packed <= fileSize,
        size <= packed.multipliedReportingOverflow(by: Self.deflateRatioLimit).partialValue
      else {
        throw ModelError.invalid("\(path): \(name): claims a size that can't be right")
      }
      let isNew = entries.updateValue(Entry(index: index, byteCount: size), forKey: name) == nil
      try require(isNew, "\(path): \(name): is there twice")
      names.append(name)
    }
  }

  private static func read(_ file: OpaquePointer, count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { try fill($0, from: file) }
    return bytes
  }

  private static func fill(_ bytes: UnsafeMutableRawBufferPointer, from file: OpaquePointer) throws {
    var filled = 0
    while filled < bytes.count {
      let read = zip_fread(file, bytes.baseAddress?.advanced(by: filled), UInt64(bytes.count - filled))
      guard read > 0 else { throw ModelError.invalid("the archive's data is cut off or damaged") }
      filled += Int(read)
    }
  }

  /// Reads the end of the file, which is where its checksum is compared.
  private static func expectEnd(_ file: OpaquePointer) throws {
    var beyond: UInt8 = 0
    guard zip_fread(file, &beyond, 1) == 0 else { throw ModelError.invalid("the archive's data is damaged") }
  }
}
