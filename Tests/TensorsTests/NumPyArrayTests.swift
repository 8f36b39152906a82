import Foundation
import TestSupport
import Testing

@testable import Tensors

/// The bytes of a `.npy` file of version 1 with this header text.
private func npy(_ header: String, _ elements: [UInt8] = [], version: UInt8 = 1) -> Data {
  let text = Array((header + "\n").utf8)
  var length = [UInt8(text.count & 0xFF), UInt8(text.count >> 8)]
  if version > 1 { length += [0, 0] }
  return Data([0x93] + Array("NUMPY".utf8) + [version, 0] + length + text + elements)
}

@Suite struct NumPyArrayTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func read(_ data: Data) throws -> NumPyArray {
    try NumPyArray(contentsOfFile: folder.write(data, to: "array.npy"))
  }

  @Test(arguments: ElementType.allCases.filter { $0.byteCount > 0 && $0 != .float8e8m0 })
  func comesBackAsWritten(_ element: ElementType) throws {
    for shape in [[], [0], [5], [2, 0, 3], [2, 3, 4]] {
      let count = shape.reduce(1, *)
      let tensor = try Tensor(integers: (0..<count).map { $0 % 2 }, element: element, shape: shape)
      let path = folder.file("tensor.npy")
      try tensor.write(toFile: path)
      let array = try NumPyArray(contentsOfFile: path)
      #expect(array.element == (element == .bfloat16 || element.isStorageOnly ? nil : element))
      #expect(try array.tensor(declared: element) == tensor)
    }
  }

  @Test func elementsAreAlignedInTheFile() throws {
    let path = folder.file("tensor.npy")
    try Tensor([1, 2, 3] as [Float]).write(toFile: path)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect((bytes.count - 12) % 64 == 0)
  }

  @Test func columnMajorArraysAreRearranged() throws {
    // [[1, 2, 3], [4, 5, 6]] column by column.
    let array = try read(npy("{'descr': '|i1', 'fortran_order': True, 'shape': (2, 3), }", [1, 4, 2, 5, 3, 6]))
    #expect(try array.tensor().values(as: Int8.self) == [1, 2, 3, 4, 5, 6])
  }

  @Test func bigEndianElementsAreSwapped() throws {
    let array = try read(npy("{'descr': '>i2', 'fortran_order': False, 'shape': (2,)}", [1, 2, 0xFF, 0xFE]))
    #expect(try array.tensor().values(as: Int16.self) == [258, -2])
  }

  @Test(arguments: [2, 3] as [UInt8])
  func laterVersionsAreRead(_ version: UInt8) throws {
    let array = try read(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3L,)}", [7, 8, 9], version: version))
    #expect(try array.tensor().values(as: UInt8.self) == [7, 8, 9])
  }

  @Test func rawBytesNeedADeclaredType() throws {
    let array = try read(npy("{'descr': '<V2', 'fortran_order': False, 'shape': (1,)}", [0x80, 0x3F]))
    #expect(try array.tensor(declared: .bfloat16).values(as: BFloat16.self) == [BFloat16(1)])
    #expect(throws: ModelError.self) { try array.tensor() }
    #expect(throws: ModelError.self) { try array.tensor(declared: .float32) }
  }

  @Test(
    arguments: [
      ("not an array", Data("hello, this is text".utf8), "this is no npy file"),
      ("empty", Data(), "this is no npy file"),
      ("cut off in the header", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}").prefix(30), "cut off"),
      ("no shape", npy("{'descr': '<f4', 'fortran_order': False}"), "lacks"),
      ("twice a key", npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}"), "twice"),
      ("records", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}"), "something else"),
      ("complex", npy("{'descr': '<c8', 'fortran_order': False, 'shape': ()}"), "'<c8'"),
      ("no dictionary", npy("__import__('os')"), "malformed"),
      ("negative size", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"), "no number"),
      (
        "size beyond 64 bits", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}"),
        "no number"
      ),
      (
        "product overflows",
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 2)}"), "overflow"
      ),
      ("too few bytes", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", [0, 0, 0, 0]), "12 bytes"),
      (
        "too many axes",
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (\(String(repeating: "1,", count: 80)))}"),
        "80 axes"
      ),
      ("unknown version", npy("{}", version: 9), "version 9"),
    ] as [(String, Data, String)])
  func malformedFilesAreRefused(_ name: String, _ data: Data, _ expected: String) throws {
    let error = try #require(throws: ModelError.self) { try read(data).tensor() }
    #expect(error.message.contains(expected), "\(name): \(error.message)")
    #expect(!error.message.contains("\n"))
  }

  @Test func aMissingFileIsNotFound() throws {
    let error = try #require(throws: ModelError.self) { try NumPyArray(contentsOfFile: folder.file("none.npy")) }
    #expect(error.kind == .notFound)
  }
}
