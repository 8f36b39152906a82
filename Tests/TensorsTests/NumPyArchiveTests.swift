import Foundation
import TestSupport
import Testing

@testable import Tensors

@Suite struct NumPyArchiveTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private let tensors: [(name: String, tensor: Tensor)] = [
    ("x", Tensor([1.5, -2, .infinity] as [Float])), ("layer.0/output:0", Tensor(scalar: Int64(7))),
    ("größe", Tensor([true, false])), ("", Tensor([] as [Double])),
  ]

  @Test func comesBackAsWritten() throws {
    let path = folder.file("tensors.npz")
    try NumPyArchive.write(tensors, toFile: path)
    let archive = try NumPyArchive(contentsOfFile: path)
    #expect(archive.names == tensors.map(\.name))
    for (name, tensor) in tensors { #expect(try archive.array(named: name).tensor() == tensor) }
    #expect(!archive.contains("y"))
    #expect(throws: ModelError.self) { try archive.array(named: "y") }
  }

  @Test func equalTensorsGiveEqualFiles() throws {
    let paths = ["a.npz", "b.npz"].map(folder.file)
    for path in paths { try NumPyArchive.write(tensors, toFile: path) }
    #expect(try Data(contentsOf: URL(fileURLWithPath: paths[0])) == Data(contentsOf: URL(fileURLWithPath: paths[1])))
  }

  @Test func anExistingFileIsReplacedOnlyByACompleteOne() throws {
    let path = try folder.write("precious", to: "tensors.npz")
    let twice = [("x", Tensor([1] as [Float])), ("x", Tensor([2] as [Float]))].map { (name: $0, tensor: $1) }
    #expect(throws: ModelError.self) { try NumPyArchive.write(twice, toFile: path) }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    try NumPyArchive.write(tensors, toFile: path)
    #expect(try NumPyArchive(contentsOfFile: path).contains("x"))
    #expect(try folder.contents() == ["tensors.npz"])
  }

  @Test func aFolderThatDoesNotExistIsNotFound() throws {
    let path = folder.file("none/tensors.npz")
    let error = try #require(throws: ModelError.self) { try NumPyArchive.write(tensors, toFile: path) }
    #expect(error.kind == .notFound)
  }

  @Test func deflatedEntriesAreRead() throws {
    let python = """
      import sys, zipfile, io, struct
      def npy(header, data):
          header = header.encode() + b"\\n"
          return b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(header)) + header + data
      with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
          text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 400), }"
          archive.writestr("a.npy", npy(text, struct.pack("<1200f", *range(1200))))
          archive.writestr("readme.txt", "no array")
      """
    let path = folder.file("deflated.npz")
    try #require(try run(python, path) == 0)
    let archive = try NumPyArchive(contentsOfFile: path)
    #expect(archive.names == ["a"])
    let tensor = try archive.array(named: "a").tensor()
    #expect(tensor.shape == [3, 400])
    #expect(try tensor.values(as: Float.self) == (0..<1200).map(Float.init))
  }

  @Test func aTruncatedArchiveIsRefused() throws {
    let path = folder.file("tensors.npz")
    try NumPyArchive.write(tensors, toFile: path)
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    for length in [0, 3, data.count / 2, data.count - 1] {
      let cut = try folder.write(data.prefix(length), to: "cut.npz")
      let error = try #require(throws: ModelError.self) { try NumPyArchive(contentsOfFile: cut) }
      #expect(error.kind == .invalid)
    }
  }

  @Test func damagedElementsAreRefused() throws {
    let path = folder.file("tensors.npz")
    try NumPyArchive.write([(name: "x", tensor: Tensor([1, 2, 3] as [Float]))], toFile: path)
    var data = try Data(contentsOf: URL(fileURLWithPath: path))
    let three = Data([0, 0, 0x40, 0x40])
    let range = try #require(data.range(of: three))
    data[range.lowerBound] ^= 1
    let damaged = try NumPyArchive(contentsOfFile: folder.write(data, to: "damaged.npz"))
    let error = try #require(throws: ModelError.self) { try damaged.array(named: "x") }
    #expect(error.message.contains("damaged"))
  }

  @Test func anEntryThatClaimsTooMuchIsRefused() throws {
    let path = folder.file("tensors.npz")
    try NumPyArchive.write([(name: "x", tensor: Tensor([1, 2, 3] as [Float]))], toFile: path)
    var data = try Data(contentsOf: URL(fileURLWithPath: path))
    // The uncompressed size in the central directory, 24 bytes into its entry.
    let directory = try #require(data.range(of: Data([0x50, 0x4B, 1, 2])))
    data.replaceSubrange((directory.lowerBound + 24)..<(directory.lowerBound + 28), with: [0xFE, 0xFF, 0xFF, 0xFF])
    let bomb = try folder.write(data, to: "bomb.npz")
    #expect(throws: ModelError.self) { try NumPyArchive(contentsOfFile: bomb).array(named: "x") }
  }

  private func run(_ python: String, _ argument: String) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", python, argument]
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
