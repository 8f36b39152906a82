/// What a tile does besides its sums.
protocol Alongside {
  /// Is called every ``Ahead/steps`` steps of the sums.
  mutating func bring()
  /// Is called before the last of those steps.
  func bringLast<Row: PanelRow>(_: Row.Type, rows: Int)
}

extension Alongside {
  func bringLast<Row: PanelRow>(_: Row.Type, rows: Int) {}
}

/// Lines of a matrix that are asked for, or of two whose sum is written.
struct Summands {
  var first: UnsafeRawPointer
  var second: UnsafeRawPointer?
  /// Whether the second is taken away.
  var isDifference = false
  var target: UnsafeMutableRawPointer

  mutating func move(by bytes: Int, sums: Int) {
    first += bytes
    second = second.map { $0 + bytes }
    target += sums
  }
}

/// Makes the sums of matrices that the next tiles read, while a tile is computed: what waits for memory then costs little,
/// and additions have units of their own.
struct SumsAhead: Alongside {
  static var lineBytes: Int { 64 }

  var left: Summands
  var leftRows: Int
  /// Bytes from row to row, and to the row that will be summed a strip later.
  var leftStride: Int
  var leftDistance: Int
  var leftTargetStride: Int
  /// Of each row, the largest magnitudes so far in each lane, where they are looked for (``EvenNumbers``).
  var peaks: UnsafeMutablePointer<WordLanes>?

  /// Nil where no panel is brought.
  var panel: Summands?
  /// Lines in a step, and those that remain.
  var panelLines = 0
  var remainingLines = 0
  /// Bytes to what will be summed a strip later.
  var panelDistance = 0

  /// Goes on to the tile that follows in a strip: other rows, and the next panel.
  mutating func advance(rows: Int, panelNumbers: Int, sumNumbers: Int) {
    left.move(by: rows &* leftStride, sums: rows &* leftTargetStride)
    if let places = peaks { peaks = places + rows }
    let size = MemoryLayout<Float>.size
    panel?.move(by: size &* panelNumbers, sums: size &* sumNumbers)
  }

  @inline(__always)
  mutating func bring() {
    bringLeft()
    bringPanel()
  }

  @inline(__always)
  private mutating func bringLeft() {
    var first = left.first
    if var second = left.second {
      var target = left.target
      for row in 0..<leftRows {
        prefetch(first + leftDistance)
        prefetch(second + leftDistance)
        Self.write(first, second, isDifference: left.isDifference, to: target)
        if let peaks {
          Self.measure(first, &peaks[row])
          Self.measure(second, &peaks[row])
        }
        first += leftStride
        second += leftStride
        target += leftTargetStride
      }
      left.second = left.second.map { $0 + Self.lineBytes }
      left.target += Self.lineBytes
    } else {
      for _ in 0..<leftRows {
        prefetch(first)
        first += leftStride
      }
    }
    left.first += Self.lineBytes
  }

  @inline(__always)
  private mutating func bringPanel() {
    guard var panel else { return }
    let lines = Swift.min(panelLines, remainingLines)
    remainingLines &-= lines
    if var second = panel.second {
      for _ in 0..<lines {
        prefetch(panel.first + panelDistance)
        prefetch(second + panelDistance)
        Self.write(panel.first, second, isDifference: panel.isDifference, to: panel.target)
        panel.first += Self.lineBytes
        second += Self.lineBytes
        panel.target += Self.lineBytes
      }
      panel.second = second
    } else {
      for _ in 0..<lines {
        prefetch(panel.first)
        panel.first += Self.lineBytes
      }
    }
    self.panel = panel
  }

  /// Writes a sum or a difference, by additions, which have units of their own: a multiplication with a sign would take one from the
  /// product.
  @inline(__always)
  private static func write(
    _ first: UnsafeRawPointer, _ second: UnsafeRawPointer, isDifference: Bool, to target: UnsafeMutableRawPointer
  ) {
    var offset = 0
    while offset < lineBytes {
      let (a, b) = (
        (first + offset).loadUnaligned(as: Lanes.self), (second + offset).loadUnaligned(as: Lanes.self)
      )
      target.storeBytes(of: isDifference ? a - b : a + b, toByteOffset: offset, as: Lanes.self)
      offset &+= MemoryLayout<Lanes>.size
    }
  }

  @inline(__always)
  private static func measure(_ line: UnsafeRawPointer, _ peaks: inout WordLanes) {
    var offset = 0
    while offset < lineBytes {
      EvenNumbers.raise(&peaks, line + offset)
      offset &+= MemoryLayout<Lanes>.size
    }
  }
}
