import CLibZip

extension NumPyArchive {
  /// Writes `tensors` as an uncompressed `.npz` file; one that exists is replaced only by a complete one.
  ///
  /// Equal tensors give equal files. Throws where a name is given twice or the file can't be written.
  public static func write(_ tensors: [(name: String, tensor: Tensor)], toFile path: String) throws {
    var names: Set<String> = []
    for (name, _) in tensors {
      try require(names.insert(name).inserted, "\(path): two arrays are named '\(name)'")
    }
    var output = AtomicOutput()
    try output.add(path) { temporary in
      var code: Int32 = 0
      guard let archive = zip_open(temporary, ZIP_CREATE | ZIP_EXCL, &code) else {
        var failure = zip_error_t()
        zip_error_init_with_code(&failure, code)
        defer { zip_error_fini(&failure) }
        throw ModelError.notFound("\(path): cannot be written: \(String(cString: zip_error_strerror(&failure)))")
      }
      let headers = try tensors.map { TensorStorage(copying: try $0.tensor.numPyHeader) }
      // The archive reads the bytes when it is closed, so they have to live until then.
      try withExtendedLifetime((tensors, headers)) {
        for (entry, header) in zip(tensors, headers) where !add(entry, header: header, to: archive) {
          defer { zip_discard(archive) }
          throw ModelError.notFound("\(path): \(entry.name): \(String(cString: zip_strerror(archive)))")
        }
        guard zip_close(archive) == 0 else {
          defer { zip_discard(archive) }
          throw ModelError.notFound("\(path): cannot be written: \(String(cString: zip_strerror(archive)))")
        }
      }
    }
    try output.commit()
  }

  private static func add(
    _ entry: (name: String, tensor: Tensor), header: TensorStorage, to archive: OpaquePointer
  ) -> Bool {
    var fragments = [header.withBytes { fragment($0) }, entry.tensor.withBytes { fragment($0) }]
    guard let source = zip_source_buffer_fragment(archive, &fragments, UInt64(fragments.count), 0) else { return false }
    let index = zip_file_add(archive, entry.name + ".npy", source, zip_flags_t(ZIP_FL_ENC_UTF_8))
    guard index >= 0 else {
      zip_source_free(source)
      return false
    }
    // 1 January 1980, the earliest date there is: files are to depend on their contents only.
    let earliest: UInt16 = 1 << 5 | 1
    return zip_set_file_compression(archive, UInt64(index), ZIP_CM_STORE, 0) == 0
      && zip_file_set_dostime(archive, UInt64(index), 0, earliest, 0) == 0
  }

  private static func fragment(_ bytes: UnsafeRawBufferPointer) -> zip_buffer_fragment_t {
    let start = UnsafeMutableRawPointer(mutating: bytes.baseAddress)?.assumingMemoryBound(to: UInt8.self)
    return zip_buffer_fragment_t(data: start, length: UInt64(bytes.count))
  }
}
