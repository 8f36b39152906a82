import CKernelIntrinsics

/// One vector register of this instruction set.
typealias Lanes = SIMD16<Float>
typealias IntegerLanes = SIMD16<Int32>
typealias WordLanes = SIMD16<UInt32>
typealias HalfLanes = SIMD16<UInt16>
typealias ByteLanes = SIMD16<UInt8>

/// The rows of a product's register tile: with three vectors a row, all that the registers hold.
typealias RowBlock<Row: PanelRow> = EightRows<Row>

let instructionSetName = "avx512"

/// `a · b + c` with one rounding.
@inline(__always)
func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
  c.addingProduct(a, b)
}

/// Each number with zeros before it.
@inline(__always)
func widen(_ halves: HalfLanes) -> WordLanes {
  flashfuse_widen_half16(halves)
}

@inline(__always)
func widen(_ bytes: ByteLanes) -> WordLanes {
  flashfuse_widen_byte16(bytes)
}

/// Transposes as many vectors as there are lanes.
@inline(__always)
func transpose(_ rows: UnsafeMutablePointer<Lanes>) {
  flashfuse_transpose16(rows)
}
