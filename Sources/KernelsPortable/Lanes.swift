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

/// The keys whose sums against four query rows fill as many vectors as there are lanes.
typealias KeyGroup = OneKey

/// Whether dot products of bfloat16 pairs are instructions of (some) processors with this set.
let hasBFloat16Dots = false

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

/// Lane `i` is the sum of the lanes of vector `i`, of as many vectors as there are lanes.
@inline(__always)
func sumsOfRows(_ rows: UnsafePointer<Lanes>) -> Lanes {
  flashfuse_sums4(rows)
}

/// Each two neighbours in each other's place.
@inline(__always)
func neighboursSwapped(_ v: Lanes) -> Lanes {
  flashfuse_swapped4(v)
}

/// The values of some IEEE half-precision numbers.
@inline(__always)
func floats(fromFloat16 bits: HalfLanes) -> Lanes {
  flashfuse_from_float16_4(bits)
}

/// The nearest IEEE half-precision numbers.
@inline(__always)
func float16Bits(of v: Lanes) -> HalfLanes {
  flashfuse_to_float16_4(v)
}

/// The nearest bfloat16.
@inline(__always)
func bfloat16Bits(of v: Lanes) -> HalfLanes {
  flashfuse_to_bfloat16_4(v)
}

/// Asks for the memory at an address to be brought into the second-level cache; any address is allowed.
@inline(__always)
func prefetch(_ address: UnsafeRawPointer) {
  flashfuse_prefetch(address)
}

/// Asks for the memory at an address to be brought into the first-level cache; any address is allowed.
@inline(__always)
func prefetchNear(_ address: UnsafeRawPointer) {
  flashfuse_prefetch_near(address)
}

/// Asks for the memory at an address to be brought into the first-level cache for writing; any address is allowed.
@inline(__always)
func prefetchForWriting(_ address: UnsafeRawPointer) {
  flashfuse_prefetch_for_writing(address)
}

/// The larger of each pair of lanes; a NaN in `b` is passed over.
@inline(__always)
func maximum(_ a: Lanes, _ b: Lanes) -> Lanes {
  flashfuse_maximum4(a, b)
}

/// The integer nearest to each number below 2²²; infinities and NaN are what they are.
@inline(__always)
func whole(of x: Lanes) -> Lanes {
  flashfuse_whole4(x)
}

/// `v · 2^x` for whole `x` up to 127; 0 where `x` is below −150, even if `v` is NaN.
@inline(__always)
func scale(_ v: Lanes, byTwoTo x: Lanes) -> Lanes {
  flashfuse_scale4(v, x)
}

/// `c + a · b` where every lane of `a` and `b` holds two bfloat16, which give two products.
@inline(__always)
func addDot(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
  flashfuse_dot4(a, b, c)
}

/// Pairs of the nearest bfloat16.
@inline(__always)
func pairs(_ first: Lanes, _ second: Lanes) -> Lanes {
  flashfuse_pack4(first, second)
}

/// `sum + (x + nextY) · (nextX + y)`
@inline(__always)
func addPairedProduct(_ pair: StepPair, _ y: Lanes, _ nextY: Lanes, _ sum: Lanes) -> Lanes {
  flashfuse_add_paired4(sum, pair.x, pair.next, y, nextY)
}

/// `sum + (x − nextY) · (y − nextX)`
@inline(__always)
func addOpposedProduct(_ pair: StepPair, _ y: Lanes, _ nextY: Lanes, _ sum: Lanes) -> Lanes {
  flashfuse_add_opposed4(sum, pair.x, pair.next, y, nextY)
}

/// `sum + x · y + nextX · nextY`
@inline(__always)
func addBothProducts(_ pair: StepPair, _ y: Lanes, _ nextY: Lanes, _ sum: Lanes) -> Lanes {
  flashfuse_add_both4(sum, pair.x, pair.next, y, nextY)
}
