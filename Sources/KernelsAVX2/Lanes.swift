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
