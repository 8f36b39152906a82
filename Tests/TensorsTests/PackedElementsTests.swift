import Tensors
import Testing

@Suite("Elements that are only stored")
struct PackedElementsTests {
  private static let types = ElementType.allCases.filter(\.isStorageOnly)

  @Test(arguments: types)
  func `every pattern comes back, whatever is left of the last byte`(_ element: ElementType) throws {
    let patterns = element.allStoredBits
    for count in [0, 1, 3, patterns.count] {
      let bits = Array(patterns.suffix(count))
      let tensor = try Tensor(storedBits: bits, element: element, shape: [count])
      #expect(tensor.byteCount == (count * element.bitCount + 7) / 8)
      #expect(try tensor.storedBits() == bits)
      #expect(try tensor.unpacked().count == count)
    }
  }

  @Test func `the first of two elements is the lower half of a byte`() throws {
    let tensor = try Tensor(element: .int4, shape: [3]) { $0.copyBytes(from: [0x8F, 0x07]) }
    #expect(try tensor.integers() == [-1, -8, 7])
    let unsigned = try Tensor(element: .uint4, shape: [3]) { $0.copyBytes(from: [0x8F, 0x07]) }
    #expect(try unsigned.integers() == [15, 8, 7])
    let quarters = try Tensor(element: .int2, shape: [4]) { $0.copyBytes(from: [0b11_10_01_00]) }
    #expect(try quarters.integers() == [0, 1, -2, -1])
  }

  @Test func `floats have the numbers of their formats`() throws {
    func numbers(_ element: ElementType, _ bits: [UInt8]) throws -> [Double] {
      try Tensor(storedBits: bits, element: element, shape: [bits.count]).doubles()
    }
    #expect(try numbers(.float8e4m3, [0x00, 0x01, 0x08, 0x38, 0x7E, 0xB8]) == [0, 0x1p-9, 0x1p-6, 1, 448, -1])
    #expect(try numbers(.float8e4m3, [0x7F, 0xFF]).allSatisfy(\.isNaN))
    #expect(try numbers(.float8e5m2, [0x01, 0x3C, 0x7B, 0x7C, 0xFC]) == [0x1p-16, 1, 57344, .infinity, -.infinity])
    #expect(try numbers(.float8e8m0, [0, 127, 254]) == [0x1p-127, 1, 0x1p127])
    #expect(try numbers(.float8e8m0, [255]).allSatisfy(\.isNaN))
    #expect(try numbers(.float4e2m1, Array(0..<8)) == [0, 0.5, 1, 1.5, 2, 3, 4, 6])
    #expect(try numbers(.float4e2m1, [15]) == [-6])
    #expect(try numbers(.normalFloat4, [0, 7, 15]) == [-1, 0, 1])
  }

  @Test(arguments: types)
  func `no memory behind a file's end is read`(_ element: ElementType) throws {
    let storage = try TensorStorage(byteCount: 4) { _ in }
    let count = 4 * 8 / element.bitCount
    #expect(try Tensor(element: element, shape: [count], storage: storage).unpacked().count == count)
    #expect(throws: ModelError.self) { try Tensor(element: element, shape: [count + 1], storage: storage) }
    #expect(throws: ModelError.self) { try Tensor(element: element, shape: [.max, 2], storage: storage) }
    #expect(throws: ModelError.self) { try Tensor(element: element, shape: [.max], storage: storage) }
  }

  @Test func `nothing is rounded to them`() throws {
    #expect(try Tensor(doubles: [-8, 7], element: .int4, shape: [2]).integers() == [-8, 7])
    #expect(throws: ModelError.self) { try Tensor(doubles: [8], element: .int4, shape: [1]) }
    #expect(throws: ModelError.self) { try Tensor(doubles: [0.3], element: .float8e4m3, shape: [1]) }
  }
}
