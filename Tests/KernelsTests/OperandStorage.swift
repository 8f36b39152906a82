import KernelInterface
import KernelsPortable

@testable import Kernels

/// Owned memory of an operand, freed with it.
final class OperandStorage {
  private let base: UnsafeMutableRawPointer
  private let byteCount: Int
  let element: KernelElement
  let strides: Strides
  private let size: (Int, Int, Int, Int)

  init(
    _ element: KernelElement, _ layout: Layout, size: (Int, Int, Int, Int), filledWith numbers: [Float]? = nil
  ) {
    self.element = element
    self.size = size
    strides = layout.strides(heads: size.1, length: size.2, size: size.3)
    let count = max(1, size.0 * strides.batch)
    byteCount = count * element.byteCount
    base = .allocate(byteCount: byteCount, alignment: 64)
    // A NaN between the elements would spread if it was ever read.
    for index in 0..<count { store(.nan, at: index) }
    if let numbers {
      forEachElement { position, offset in store(numbers[position], at: offset) }
    }
  }

  deinit {
    base.deallocate()
  }

  var numbers: [Float] {
    var numbers: [Float] = []
    forEachElement { _, offset in numbers.append(load(at: offset)) }
    return numbers
  }

  var buffer: StridedBuffer {
    StridedBuffer(
      base: UnsafeRawPointer(base), byteCount: byteCount, element: element, strides: strides)
  }

  var output: MutableStridedBuffer {
    MutableStridedBuffer(base: base, byteCount: byteCount, element: element, strides: strides)
  }

  private func forEachElement(_ body: (_ position: Int, _ offset: Int) -> Void) {
    var position = 0
    for batch in 0..<size.0 {
      for head in 0..<size.1 {
        for row in 0..<size.2 {
          for column in 0..<size.3 {
            let offset = batch * strides.batch + head * strides.head + row * strides.row + column * strides.column
            body(position, offset)
            position += 1
          }
        }
      }
    }
  }

  private func store(_ number: Float, at offset: Int) {
    let address = base + offset * element.byteCount
    switch element {
    case .float64: address.storeBytes(of: Double(number), as: Double.self)
    case .float32: address.storeBytes(of: number, as: Float.self)
    case .bfloat16: address.storeBytes(of: bfloat16(from: number), as: UInt16.self)
    case .float16: address.storeBytes(of: float16(from: number), as: UInt16.self)
    }
  }

  private func load(at offset: Int) -> Float {
    let address = base + offset * element.byteCount
    return switch element {
    case .float64: Float(address.load(as: Double.self))
    case .float32: address.load(as: Float.self)
    case .bfloat16: float(fromBFloat16: address.load(as: UInt16.self))
    case .float16: float(fromFloat16: address.load(as: UInt16.self))
    }
  }
}

extension KernelElement {
  func round(_ number: Float) -> Float {
    switch self {
    case .float64, .float32: number
    case .bfloat16: float(fromBFloat16: KernelsPortable.bfloat16(from: number))
    case .float16: float(fromFloat16: KernelsPortable.float16(from: number))
    }
  }

  /// Half the relative distance between neighbouring numbers: the error of rounding once.
  var roundingError: Double {
    switch self {
    case .float64, .float32: 0x1p-24
    case .bfloat16: 0x1p-8
    case .float16: 0x1p-11
    }
  }
}
