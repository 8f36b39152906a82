import Testing

@testable import Kernels
@testable import KernelsPortable

struct NarrowFloatTests {
  @Test func everyFloat16SurvivesTheWayThere() {
    for bits in UInt16.min...UInt16.max {
      let number = float(fromFloat16: bits)
      if number.isNaN {
        #expect(float(fromFloat16: float16(from: number)).isNaN)
      } else {
        #expect(float16(from: number) == bits)
      }
    }
  }

  @Test func everyBFloat16SurvivesTheWayThere() {
    for bits in UInt16.min...UInt16.max {
      let number = float(fromBFloat16: bits)
      if number.isNaN {
        #expect(float(fromBFloat16: bfloat16(from: number)).isNaN)
      } else {
        #expect(bfloat16(from: number) == bits)
      }
    }
  }

  @Test(
    arguments: [
      (1, 0x3c00), (65_504, 0x7bff), (65_519.99, 0x7bff), (65_520, 0x7c00), (.infinity, 0x7c00), (-2, 0xc000),
      (0x1p-24, 0x0001), (0x1p-25, 0x0000), (0x1.8p-25, 0x0001), (0x1p-14, 0x0400), (-0.0, 0x8000),
      (1 + 0x1p-11, 0x3c00), (1 + 0x1.8p-10, 0x3c02),
    ] as [(Float, UInt16)])
  func float16Rounding(_ number: Float, _ bits: UInt16) {
    #expect(float16(from: number) == bits)
  }

  @Test(
    arguments: [
      (1, 0x3f80), (1 + 0x1p-8, 0x3f80), (1 + 0x1.8p-7, 0x3f82), (.infinity, 0x7f80), (-.infinity, 0xff80),
      (.greatestFiniteMagnitude, 0x7f80),
    ] as [(Float, UInt16)])
  func bfloat16Rounding(_ number: Float, _ bits: UInt16) {
    #expect(bfloat16(from: number) == bits)
  }

  @Test func vectorsConvertLikeScalars() {
    for start in stride(from: 0, to: 65_536, by: Lanes.scalarCount) {
      var bits = HalfLanes()
      for lane in 0..<Lanes.scalarCount { bits[lane] = UInt16(start + lane) }
      let halves = floats(fromFloat16: bits)
      let brains = floats(fromBFloat16: bits)
      for lane in 0..<Lanes.scalarCount {
        #expect(halves[lane].bitPattern == float(fromFloat16: bits[lane]).bitPattern)
        #expect(brains[lane].bitPattern == float(fromBFloat16: bits[lane]).bitPattern)
      }
    }
  }

  @Test func vectorsRoundLikeScalars() {
    var generator = SplitMix(state: 4)
    let special: [Float] = [
      0, -0.0, .infinity, -.infinity, .nan, 65_504, 65_519.99, 65_520, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1p-14,
      1 + 0x1p-11,
      1 + 0x1.8p-10, 1 + 0x1p-8, 1 + 0x1.8p-7, .greatestFiniteMagnitude, .leastNonzeroMagnitude,
    ]
    let numbers = special + (0..<4000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: generator.next())) }
    for start in stride(from: 0, through: numbers.count - Lanes.scalarCount, by: Lanes.scalarCount) {
      var lanes = Lanes()
      for lane in 0..<Lanes.scalarCount { lanes[lane] = numbers[start + lane] }
      let halves = float16Bits(of: lanes)
      let brains = bfloat16Bits(of: lanes)
      for lane in 0..<Lanes.scalarCount {
        let number = numbers[start + lane]
        if number.isNaN {
          #expect(float(fromFloat16: halves[lane]).isNaN && float(fromBFloat16: brains[lane]).isNaN)
        } else {
          #expect(halves[lane] == float16(from: number) && brains[lane] == bfloat16(from: number))
        }
      }
    }
  }
}
