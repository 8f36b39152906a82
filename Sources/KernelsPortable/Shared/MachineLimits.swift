/// Loops that do nothing but what bounds a kernel, to compare with.
enum MachineLimits {
  /// Operations of one step of ``multiplyAdd(_:steps:)``, an addition and a multiplication each counted as one.
  static func operationsPerStep(pairs: Bool) -> Int {
    6 &* RowBlock<ThreeVectors>.count &* Lanes.scalarCount &* (pairs ? 2 : 1)
  }

  /// Multiplies and adds in as many independent chains as keep the units busy; returns what the compiler must not
  /// leave out.
  static func multiplyAdd(pairs: Bool, steps: Int) -> Float {
    pairs ? multiplyAdd(BFloat16PairTerms.self, steps: steps) : multiplyAdd(FloatTerms.self, steps: steps)
  }

  @inline(never)
  private static func multiplyAdd<Terms: ProductTerms>(_: Terms.Type, steps: Int) -> Float {
    let room = UnsafeMutablePointer<Lanes>.allocate(capacity: 3 &* RowBlock<ThreeVectors>.count)
    defer { room.deallocate() }
    let factor = Float(steps) * 0x1p-60
    room[0] = Lanes(repeating: factor)
    let scalars = UnsafeRawPointer(room).assumingMemoryBound(to: Float.self)
    let sources = RowBlock<ThreeVectors>.Sources(scalars, first: 0, last: 0, stride: 0)
    let rows = ThreeVectors(repeating: factor)
    var sums = RowBlock<ThreeVectors>(repeating: 1)
    for _ in 0..<steps { sums.add(Terms.self, sources, at: 0, times: rows) }
    sums.store(to: room)
    return room[0][0]
  }

  /// Reads `byteCount` bytes, rounded down to whole blocks, in order.
  @inline(never)
  static func read(_ memory: UnsafeRawPointer, byteCount: Int) -> Float {
    let vectorBytes = 4 &* Lanes.scalarCount
    let blockBytes = 8 &* vectorBytes
    var upper = FourRows<OneVector>(repeating: 0)
    var lower = upper
    var address = memory
    let end = memory + byteCount / blockBytes &* blockBytes
    while address < end {
      upper.add(FourRows<OneVector>(loading: address.assumingMemoryBound(to: Lanes.self)))
      lower.add(
        FourRows<OneVector>(loading: (address + 4 &* vectorBytes).assumingMemoryBound(to: Lanes.self)))
      address += blockBytes
    }
    upper.add(lower)
    let lanes = upper.first.lanes + upper.second.lanes + upper.third.lanes + upper.fourth.lanes
    return lanes[0]
  }
}
