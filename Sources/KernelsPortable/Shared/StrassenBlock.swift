import KernelInterface

/// Pairs of strips and panels of a product by Strassen's algorithm: seven products of halves in place of eight.
///
/// Quarter 1 2 of a matrix are its odd strips and even panels (or the second half of its steps), and so on; their products are
///
///     M1 = (A11 + A22) (B11 + B22)    C11 = M1 + M4 − M5 + M7
///     M2 = (A21 + A22) B11            C12 = M3 + M5
///     M3 = A11 (B12 − B22)            C21 = M2 + M4
///     M4 = A22 (B21 − B11)            C22 = M1 − M2 + M3 + M6
///     M5 = (A11 + A12) B22
///     M6 = (A21 − A11) (B11 + B12)
///     M7 = (A12 − A22) (B21 + B22)
///
/// (V. Strassen, “Gaussian elimination is not optimal”, 1969). Nothing but two halves of sums of panels and two strips of sums of
/// rows is ever in memory besides the matrices: a tile makes what the next ones read (``SumsAhead``), and adds its own sums to
/// where they belong, as in J. Huang et al., “Strassen's algorithm reloaded”, 2016.
struct StrassenBlock {
  /// A quarter of a matrix: its row and its column among the quarters.
  enum Quarter: Int {
    case q11, q12, q21, q22

    var row: Int { rawValue >> 1 }
    var column: Int { rawValue & 1 }
    var bit: Int { 1 &<< rawValue }
  }

  /// A quarter, or the sum or difference of two.
  struct Factor {
    let first: Quarter
    var plus: Quarter?
    var minus: Quarter?

    var second: Quarter? { plus ?? minus }
    var isDifference: Bool { minus != nil }
  }

  /// A product of two factors, and the quarters of the target that it is added to, or taken away from.
  struct Formula {
    let left: Factor
    let right: Factor
    let to: Quarter
    var andTo: Quarter?
    var takenFrom: Quarter?

    var second: Quarter? { andTo ?? takenFrom }
    var quarters: Int { to.bit | (second?.bit ?? 0) }
  }

  private static let formulaCount = 7
  /// The first formulas, between them, add up all quarters of the left matrix, and measure it as they do.
  private static let measuringCount = 2

  /// M2, M5, M1, M3, M4, M6, M7: the first two read panels as they are.
  @inline(__always)
  private static func formula(_ index: Int) -> Formula {
    switch index {
    case 0: Formula(left: Factor(first: .q21, plus: .q22), right: Factor(first: .q11), to: .q21, takenFrom: .q22)
    case 1: Formula(left: Factor(first: .q11, plus: .q12), right: Factor(first: .q22), to: .q12, takenFrom: .q11)
    case 2:
      Formula(left: Factor(first: .q11, plus: .q22), right: Factor(first: .q11, plus: .q22), to: .q11, andTo: .q22)
    case 3: Formula(left: Factor(first: .q11), right: Factor(first: .q12, minus: .q22), to: .q12, andTo: .q22)
    case 4: Formula(left: Factor(first: .q22), right: Factor(first: .q21, minus: .q11), to: .q11, andTo: .q21)
    case 5: Formula(left: Factor(first: .q21, minus: .q11), right: Factor(first: .q11, plus: .q12), to: .q22)
    default: Formula(left: Factor(first: .q12, minus: .q22), right: Factor(first: .q21, plus: .q22), to: .q11)
    }
  }

  static var tileRows: Int { ProductTile<ThreeVectors>.rows }

  let problem: ProductProblem
  let item: ProductItem
  /// Pairs of strips and of panels, and the steps of half a part.
  let strips: Int
  let panels: Int
  let depth: Int
  /// Two strips of sums of rows, in turn.
  private let leftSums: UnsafeMutablePointer<Float>
  /// Two halves of sums of panels, in turn.
  private let panelSums: UnsafeMutablePointer<Float>
  /// Of each row, the largest magnitudes in each lane.
  private let peaks: UnsafeMutablePointer<WordLanes>

  static func scratchBytes(_ problem: ProductProblem, _ item: ProductItem) -> Int {
    let depth = StrassenPairs.halfDepth(problem.depth)
    let panels = item.columnCount / (2 &* MatrixProduct.panelColumns)
    let sums = 2 &* depth &* (tileRows &+ panels &* MatrixProduct.panelColumns)
    return sums &* MemoryLayout<Float>.size &+ item.rowCount &* MemoryLayout<WordLanes>.size
  }

  init(_ problem: ProductProblem, _ item: ProductItem, scratch: UnsafeMutableRawPointer) {
    self.problem = problem
    self.item = item
    strips = item.rowCount / (2 &* Self.tileRows)
    panels = item.columnCount / (2 &* MatrixProduct.panelColumns)
    depth = StrassenPairs.halfDepth(problem.depth)
    leftSums = scratch.assumingMemoryBound(to: Float.self)
    panelSums = leftSums + 2 &* Self.tileRows &* depth
    let end = UnsafeMutableRawPointer(panelSums + 2 &* panels &* depth &* MatrixProduct.panelColumns)
    peaks = end.assumingMemoryBound(to: WordLanes.self)
  }

  /// Where the computation is: a formula in a part of the depth, and which places of sums are its own.
  private struct Position {
    var part = 0
    var index = 0
    var leftPlace = 0
    var panelPlace = 0

    var formula: Formula { StrassenBlock.formula(index) }
    var measures: Bool { index < StrassenBlock.measuringCount }

    func next(of parts: Int) -> Position? {
      var next = self
      next.index &+= 1
      next.panelPlace ^= 1
      if next.index == StrassenBlock.formulaCount {
        next.index = 0
        next.part &+= 1
      }
      return next.part < parts ? next : nil
    }
  }

  /// Computes the product over all whole parts of the depth.
  ///
  /// - Parameter isEven: True for every pair of strips; afterwards false where rows turned out to be uneven, whose results are to be
  ///   passed over.
  func multiply(_ isEven: UnsafeMutableBufferPointer<Bool>) {
    for row in 0..<(2 &* strips &* Self.tileRows) { peaks[row] = WordLanes(repeating: 0) }
    withUnsafeTemporaryAllocation(of: Int.self, capacity: strips &+ 1) { places in
      for strip in 0..<strips { places.initializeElement(at: strip, to: strip) }
      var count = strips
      var touched = 0
      var current: Position? = Position()
      prepare(Position(), strip: 0)
      while var position = current {
        if position.index == Self.measuringCount {
          let first = places[0]
          var kept = 0
          for place in 0..<count {
            let strip = places[place]
            if EvenNumbers.inStrips(peaks + 2 &* strip &* Self.tileRows) {
              places[kept] = strip
              kept &+= 1
            } else {
              isEven[strip] = false
            }
          }
          count = kept
          guard count > 0 else { return }
          if places[0] != first { prepare(position, strip: places[0]) }
        }
        let next = position.next(of: StrassenPairs.parts(problem.depth))
        multiply(&position, UnsafeBufferPointer(rebasing: places[..<count]), next: next, touched: touched)
        touched |= position.formula.quarters
        current = next
        current?.leftPlace = position.leftPlace
      }
    }
  }

  private func leftBase(_ quarter: Quarter, part: Int, strip: Int) -> UnsafePointer<Float> {
    problem.left.base
      + ((item.firstRow &+ (2 &* strip &+ quarter.row) &* Self.tileRows) &* problem.left.rowStride
        &+ (2 &* part &+ quarter.column) &* depth)
  }

  /// The numbers of half a panel, and those from one panel of a quarter to the next.
  private var panelNumbers: Int { depth &* MatrixProduct.panelColumns }
  private var pairNumbers: Int { 2 &* problem.depth &* MatrixProduct.panelColumns }

  /// The first of a quarter's panels.
  private func panelBase(_ quarter: Quarter, part: Int) -> UnsafePointer<Float> {
    guard let panels = problem.panels else { return problem.left.base }
    return panels
      + ((item.firstColumn &+ quarter.column &* MatrixProduct.panelColumns) &* problem.depth
        &+ (2 &* part &+ quarter.row) &* panelNumbers)
  }

  /// Where the sums of a strip with the first of a quarter's panels go.
  private func target(_ quarter: Quarter, strip: Int) -> UnsafeMutablePointer<Float> {
    problem.target
      + ((item.firstRow &+ (2 &* strip &+ quarter.row) &* Self.tileRows) &* problem.targetStride
        &+ item.firstColumn &+ quarter.column &* MatrixProduct.panelColumns)
  }

  /// What makes the sums of rows that a strip of a formula reads, or asks for its rows where they are read as they are.
  private func sumsAhead(_ position: Position, strip: Int) -> SumsAhead {
    let factor = position.formula.left
    func place(_ quarter: Quarter) -> UnsafeRawPointer {
      UnsafeRawPointer(leftBase(quarter, part: position.part, strip: strip))
    }
    let sums = leftSums + position.leftPlace &* Self.tileRows &* depth
    let size = MemoryLayout<Float>.size
    return SumsAhead(
      left: Summands(
        first: place(factor.first), second: factor.second.map(place), isDifference: factor.isDifference,
        target: UnsafeMutableRawPointer(sums)),
      leftRows: Self.tileRows, leftStride: size &* problem.left.rowStride,
      leftDistance: size &* 2 &* Self.tileRows &* problem.left.rowStride, leftTargetStride: size &* depth,
      peaks: position.measures ? peaks + ((2 &* strip &+ factor.first.row) &* Self.tileRows) : nil)
  }

  /// What makes the sums of panels that a formula reads, or asks for its panels: of the first of them, from `line` on.
  private func panelAhead(_ position: Position, line: Int) -> Summands {
    let factor = position.formula.right
    let first = line &* SumsAhead.lineBytes
    func place(_ quarter: Quarter) -> UnsafeRawPointer {
      UnsafeRawPointer(panelBase(quarter, part: position.part)) + first
    }
    let sums = panelSums + position.panelPlace &* panels &* panelNumbers
    return Summands(
      first: place(factor.first), second: factor.second.map(place), isDifference: factor.isDifference,
      target: UnsafeMutableRawPointer(sums) + first)
  }

  /// Makes the sums that a strip reads which no tile comes before.
  private func prepare(_ position: Position, strip: Int) {
    var ahead = sumsAhead(position, strip: strip)
    for _ in 0..<(depth / Ahead.steps) { ahead.bring() }
  }

  /// Computes one formula for some strips, and makes what the first strip of the next one reads.
  private func multiply(
    _ position: inout Position, _ strips: UnsafeBufferPointer<Int>, next: Position?, touched: Int
  ) {
    let formula = position.formula
    let rows = Self.tileRows
    let width = MatrixProduct.panelColumns
    let steps = depth / Ahead.steps
    let linesPerStep = (width &+ strips.count &- 1) / strips.count
    let linesPerTile = linesPerStep &* steps
    let rowsPerPanel = (rows &+ panels &- 1) / panels
    for (index, strip) in strips.enumerated() {
      let isSum = formula.left.second != nil
      let source = Matrix(
        base: isSum
          ? UnsafePointer(leftSums + position.leftPlace &* rows &* depth)
          : leftBase(formula.left.first, part: position.part, strip: strip),
        rowStride: isSum ? depth : problem.left.rowStride, columnStride: 1)
      position.leftPlace ^= 1
      let isLast = index &+ 1 == strips.count
      var follower = isLast ? next : position
      follower?.leftPlace = position.leftPlace
      let line = index &* linesPerTile
      var ahead = sumsAhead(follower ?? position, strip: strips[isLast ? 0 : index &+ 1])
      if let next {
        ahead.panel = panelAhead(next, line: line)
        ahead.panelLines = linesPerStep
        ahead.remainingLines = Swift.max(0, Swift.min(linesPerTile, width &* steps &- line))
        ahead.panelDistance = linesPerTile &* SumsAhead.lineBytes
      }
      var right =
        formula.right.second == nil
        ? panelBase(formula.right.first, part: position.part)
        : UnsafePointer(panelSums + position.panelPlace &* panels &* panelNumbers)
      let rightStride = formula.right.second == nil ? pairNumbers : panelNumbers
      var to = TileTarget(base: target(formula.to, strip: strip), accumulates: touched & formula.to.bit != 0)
      var andTo = formula.second.map {
        TileTarget(
          base: target($0, strip: strip), isNegative: formula.takenFrom != nil, accumulates: touched & $0.bit != 0)
      }
      var remainingRows = follower == nil ? 0 : rows
      for _ in 0..<panels {
        ahead.leftRows = Swift.min(rowsPerPanel, remainingRows)
        remainingRows &-= ahead.leftRows
        ProductTile<ThreeVectors>.multiply(
          source, depth: depth, panel: right, to: to, andTo: andTo, stride: problem.targetStride, ahead: ahead)
        ahead.advance(rows: rowsPerPanel, panelNumbers: pairNumbers, sumNumbers: panelNumbers)
        right += rightStride
        to.base += 2 &* width
        andTo?.base += 2 &* width
      }
    }
  }
}
