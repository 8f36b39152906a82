import CKernelIntrinsics

/// One vector register of this instruction set.
typealias Lanes = SIMD8<Float>
typealias IntegerLanes = SIMD8<Int32>
typealias WordLanes = SIMD8<UInt32>
typealias HalfLanes = SIMD8<UInt16>
typealias ByteLanes = SIMD8<UInt8>

/// The rows of a product's register tile: with three vectors a row, all that the registers hold.
typealias RowBlock<Row: PanelRow> = FourRows<Row>

let instructionSetName = "avx2"

/// `a · b + c` with one rounding.
@inline(__always)
func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
  c.addingProduct(a, b)
}

/// Each number with zeros before it.
@inline(__always)
func widen(_ halves: HalfLanes) -> WordLanes {
  flashfuse_widen_half8(halves)
}

@inline(__always)
func widen(_ bytes: ByteLanes) -> WordLanes {
  flashfuse_widen_byte8(bytes)
}

/// Transposes as many vectors as there are lanes.
@inline(__always)
func transpose(_ rows: UnsafeMutablePointer<Lanes>) {
  flashfuse_transpose8(rows)
}
