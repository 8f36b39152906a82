/// Rows of keys or values that lie one after another, each padded to whole vectors.
struct FeatureRows {
  var base: UnsafeRawPointer
  /// From one row to the next, in bytes.
  var stride: Int
  /// Vectors of a row.
  var vectors: Int
}

/// The two products of attention for four query rows, with lanes along features: keys and values are read as they lie
/// in memory, one row after another.
enum FeatureProducts<Element: StoredElement> {
  /// Writes `keys · query` for `count` keys: key after key, four query rows each.
  ///
  /// The last vector's lanes past the last key repeat it. The memory of `next`'s rows is asked for on the way, as
  /// values are read right after the keys.
  @inline(never)
  static func scores(
    _ keys: FeatureRows, count: Int, next: FeatureRows, query: UnsafePointer<Lanes>,
    square: UnsafeMutablePointer<Lanes>, to scores: UnsafeMutablePointer<Lanes>
  ) {
    let keyBytes = keys.vectors &* Element.vectorBytes
    let nextBytes = next.vectors &* Element.vectorBytes
    var key = 0
    var target = scores
    while key < count {
      for member in 0..<KeyGroup.count {
        prefetch(next.base + (key &+ member) &* next.stride, byteCount: nextBytes)
      }
      var sums = KeyGroup(keys.base, first: key, last: count &- 1, stride: keys.stride)
      var part = query
      var offset = 0
      while offset < keyBytes {
        sums.add(Element.self, at: offset, times: FourRows(loading: part))
        part += 4
        offset &+= Element.vectorBytes
      }
      sums.store(to: square)
      target.pointee = sumsOfRows(square)
      target += 1
      key &+= KeyGroup.count
    }
  }

  @inline(__always)
  private static func prefetch(_ address: UnsafeRawPointer, byteCount: Int) {
    let cacheLine = 64
    var offset = 0
    while offset < byteCount {
      prefetchMemory(at: address + offset)
      offset &+= cacheLine
    }
  }

  /// `output = output · rescale + Σ weights[key] · values[key]` for four query rows.
  ///
  /// The memory of the keys after these, which lie at `next`, is asked for on the way.
  /// `output` holds two vectors of each row, then the next two, and where their number is odd one at the end.
  @inline(never)
  static func weightedValues(
    _ values: FeatureRows, count: Int, next: FeatureRows, weights: UnsafePointer<Float>, rescale: UnsafePointer<Float>,
    output: UnsafeMutablePointer<Lanes>
  ) {
    var target = output
    var part = values
    var next = next
    while part.vectors >= 2 {
      add(TwoVectors.self, part, count: count, next: next, weights: weights, rescale: rescale, output: target)
      target += 8
      part.base += 2 &* Element.vectorBytes
      next.base += 2 &* Element.vectorBytes
      part.vectors &-= 2
    }
    if part.vectors > 0 {
      add(OneVector.self, part, count: count, next: next, weights: weights, rescale: rescale, output: target)
    }
  }

  @inline(__always)
  private static func add<Row: PanelRow>(
    _: Row.Type, _ values: FeatureRows, count: Int, next: FeatureRows, weights: UnsafePointer<Float>,
    rescale: UnsafePointer<Float>, output: UnsafeMutablePointer<Lanes>
  ) {
    var sums = FourRows<Row>(loading: output)
    sums.first.multiply(by: Row(repeating: rescale[0]))
    sums.second.multiply(by: Row(repeating: rescale[1]))
    sums.third.multiply(by: Row(repeating: rescale[2]))
    sums.fourth.multiply(by: Row(repeating: rescale[3]))
    let sources = FourSources(weights, first: 0, last: 3, stride: 1)
    var address = values.base
    for key in 0..<count {
      prefetch(next.base + key &* next.stride, byteCount: Row.vectors &* Element.vectorBytes)
      sums.add(FloatTerms.self, sources, at: 4 &* key, times: Row(Element.self, at: address))
      address += values.stride
    }
    sums.store(to: output)
  }
}
