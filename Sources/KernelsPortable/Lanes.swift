import CKernelIntrinsics

/// One vector register of every processor that Swift runs on.
typealias Lanes = SIMD4<Float>
typealias IntegerLanes = SIMD4<Int32>
typealias WordLanes = SIMD4<UInt32>
typealias HalfLanes = SIMD4<UInt16>
typealias ByteLanes = SIMD4<UInt8>

#if arch(arm64)
  /// The rows of a product's register tile: with three vectors a row, all that the registers hold.
  typealias RowBlock<Row: PanelRow> = EightRows<Row>
#else
  /// The rows of a product's register tile: with three vectors a row, all that the registers hold.
  typealias RowBlock<Row: PanelRow> = FourRows<Row>
#endif

let instructionSetName = "portable"

/// `a · b + c`, with one rounding where the baseline processor has such an instruction.
@inline(__always)
func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
  #if arch(arm64)
    c.addingProduct(a, b)
  #else
    // Without FMA in the baseline, `addingProduct` would call the C library once per lane.
    a * b + c
  #endif
}

/// Each number with zeros before it.
@inline(__always)
func widen(_ halves: HalfLanes) -> WordLanes {
  flashfuse_widen_half4(halves)
}

@inline(__always)
func widen(_ bytes: ByteLanes) -> WordLanes {
  flashfuse_widen_byte4(bytes)
}

/// Transposes as many vectors as there are lanes.
@inline(__always)
func transpose(_ rows: UnsafeMutablePointer<Lanes>) {
  flashfuse_transpose4(rows)
}
