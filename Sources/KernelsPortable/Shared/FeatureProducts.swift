/// Rows of keys or values that lie one after another, each padded to whole vectors.
struct FeatureRows {
  var base: UnsafeRawPointer
  /// From one row to the next, in bytes.
  var stride: Int
  /// Vectors of a row.
  var vectors: Int
  /// Bytes of a row.
  var rowBytes: Int
}

/// The two products of attention for four query rows, with lanes along features: keys and values are read as they lie
/// in memory, one row after another.
enum FeatureProducts<Element: StoredElement> {
  /// Writes `keys · query` for `count` keys: key after key, four query rows each.
  ///
  /// The last vector's lanes past the last key repeat it. With pairs of bfloat16 a number of a row is a pair. The memory
  /// of `next`'s rows is asked for on the way, as values are read right after the keys.
  @inline(never)
  static func scores<Terms: ProductTerms>(
    _: Terms.Type, _ keys: FeatureRows, count: Int, next: FeatureRows, query: UnsafePointer<Lanes>,
    square: UnsafeMutablePointer<Lanes>, to scores: UnsafeMutablePointer<Lanes>
  ) {
    let keyBytes = keys.vectors &* Element.vectorBytes
    var key = 0
    var target = scores
    while key < count {
      for member in 0..<KeyGroup.count { askFor(next.base + (key &+ member) &* next.stride, byteCount: next.rowBytes) }
      var sums = KeyGroup(keys.base, first: key, last: count &- 1, stride: keys.stride)
      var part = query
      var offset = 0
      while offset < keyBytes {
        sums.add(Element.self, Terms.self, at: offset, times: FourRows(loading: part))
        part += 4
        offset &+= Element.vectorBytes
      }
      sums.store(to: square)
      target.pointee = sumsOfRows(square)
      target += 1
      key &+= KeyGroup.count
    }
  }

  /// `output = output · rescale + Σ weights[key] · values[key]` for four query rows.
  ///
  /// `output` is in the order of ``FeatureColumns``. The memory of `next`'s rows, the keys after these, is asked for on
  /// the way.
  @inline(never)
  static func weightedValues(
    _ values: FeatureRows, count: Int, next: FeatureRows, weights: UnsafePointer<Float>, rescale: UnsafePointer<Float>,
    output: UnsafeMutablePointer<Lanes>
  ) {
    var target = output
    var part = values
    var next = next
    next.rowBytes /= max((values.vectors &+ 3) / 4, 1)
    while part.vectors >= 4 {
      add(FourAtATime<Element>.self, part, count: count, next: next, weights: weights, rescale: rescale, to: target)
      target += 16
      part.base += 4 &* Element.vectorBytes
      next.base += next.rowBytes
      part.vectors &-= 4
    }
    if part.vectors >= 2 {
      add(TwoAtATime<Element>.self, part, count: count, next: next, weights: weights, rescale: rescale, to: target)
      target += 8
      part.base += 2 &* Element.vectorBytes
      part.vectors &-= 2
    }
    if part.vectors > 0 {
      add(OneAtATime<Element>.self, part, count: count, next: next, weights: weights, rescale: rescale, to: target)
    }
  }

  /// Into the second-level cache: a tile of keys and one of values would push each other out of the first.
  @inline(__always)
  private static func askFor(_ address: UnsafeRawPointer, byteCount: Int) {
    let cacheLine = 64
    var offset = 0
    while offset < byteCount {
      prefetch(address + offset)
      offset &+= cacheLine
    }
  }

  @inline(__always)
  private static func add<Load: FeatureLoad>(
    _: Load.Type, _ values: FeatureRows, count: Int, next: FeatureRows, weights: UnsafePointer<Float>,
    rescale: UnsafePointer<Float>, to output: UnsafeMutablePointer<Lanes>
  ) {
    typealias Row = Load.Row
    var sums = FourRows<Row>(loading: output)
    sums.first.multiply(by: Row(repeating: rescale[0]))
    sums.second.multiply(by: Row(repeating: rescale[1]))
    sums.third.multiply(by: Row(repeating: rescale[2]))
    sums.fourth.multiply(by: Row(repeating: rescale[3]))
    let sources = FourSources(weights, first: 0, last: 3, stride: 1)
    var address = values.base
    for key in 0..<count {
      askFor(next.base + key &* next.stride, byteCount: next.rowBytes)
      sums.add(FloatTerms.self, sources, at: 4 &* key, times: Load.row(at: address))
      address += values.stride
    }
    sums.store(to: output)
  }
}

/// A way to load some vectors of a row of features.
private protocol FeatureLoad {
  associatedtype Row: PanelRow

  static func row(at address: UnsafeRawPointer) -> Row
}

private enum OneAtATime<Element: StoredElement>: FeatureLoad {
  @inline(__always)
  static func row(at address: UnsafeRawPointer) -> OneVector { OneVector(Element.lanes(at: address)) }
}

private enum TwoAtATime<Element: StoredElement>: FeatureLoad {
  @inline(__always)
  static func row(at address: UnsafeRawPointer) -> TwoVectors { Element.twoVectors(at: address) }
}

private enum FourAtATime<Element: StoredElement>: FeatureLoad {
  @inline(__always)
  static func row(at address: UnsafeRawPointer) -> FourVectors {
    FourVectors(Element.twoVectors(at: address), Element.twoVectors(at: address + 2 &* Element.vectorBytes))
  }
}

/// Where ``FeatureProducts`` keeps the outputs of four query rows: four vectors of each row, then the next four, and
/// what is left in blocks of two and one.
struct FeatureColumns {
  /// Vectors of a row.
  let vectors: Int
  /// Whether two vectors hold every other number and those between.
  let splitsPairs: Bool

  /// Copies row `member` of four to `target`, in the order of its columns.
  func copyRow(_ member: Int, of output: UnsafePointer<Lanes>, to target: UnsafeMutablePointer<Float>) {
    let bytes = UnsafeMutableRawPointer(target)
    var vector = 0
    while vector < vectors {
      let rest = vectors &- vector
      let width = rest >= 4 ? 4 : rest >= 2 ? 2 : 1
      let source = output + (4 &* vector &+ width &* member)
      for index in 0..<width {
        bytes.storeBytes(of: source[index], toByteOffset: 4 &* Lanes.scalarCount &* (vector &+ index), as: Lanes.self)
      }
      if splitsPairs && width > 1 {
        for pair in 0..<width / 2 {
          interleave(source + 2 &* pair, to: target + (vector &+ 2 &* pair) &* Lanes.scalarCount)
        }
      }
      vector &+= width
    }
  }

  private func interleave(_ pair: UnsafePointer<Lanes>, to target: UnsafeMutablePointer<Float>) {
    for lane in 0..<Lanes.scalarCount {
      target[2 &* lane] = pair[0][lane]
      target[2 &* lane &+ 1] = pair[1][lane]
    }
  }
}
