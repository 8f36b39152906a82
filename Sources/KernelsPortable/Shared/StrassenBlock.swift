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
    var sign: Float { minus == nil ? 1 : -1 }
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

  /// M2, M1, M3, M4, M6, M7, M5: the first and the last read panels as they are.
  @inline(__always)
  private static func formula(_ index: Int) -> Formula {
    switch index {
    case 0: Formula(left: Factor(first: .q21, plus: .q22), right: Factor(first: .q11), to: .q21, takenFrom: .q22)
    case 1:
      Formula(left: Factor(first: .q11, plus: .q22), right: Factor(first: .q11, plus: .q22), to: .q11, andTo: .q22)
    case 2: Formula(left: Factor(first: .q11), right: Factor(first: .q12, minus: .q22), to: .q12, andTo: .q22)
    case 3: Formula(left: Factor(first: .q22), right: Factor(first: .q21, minus: .q11), to: .q11, andTo: .q21)
    case 4: Formula(left: Factor(first: .q21, minus: .q11), right: Factor(first: .q11, plus: .q12), to: .q22)
    case 5: Formula(left: Factor(first: .q12, minus: .q22), right: Factor(first: .q21, plus: .q22), to: .q11)
    default: Formula(left: Factor(first: .q11, plus: .q12), right: Factor(first: .q22), to: .q12, takenFrom: .q11)
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

  static func scratchBytes(_ problem: ProductProblem, _ item: ProductItem) -> Int {
    let depth = StrassenPairs.halfDepth(problem.depth)
    let panels = item.columnCount / (2 &* MatrixProduct.panelColumns)
    let sums = 2 &* depth &* (tileRows &+ panels &* MatrixProduct.panelColumns)
    return sums &* MemoryLayout<Float>.size
  }

  init(_ problem: ProductProblem, _ item: ProductItem, scratch: UnsafeMutableRawPointer) {
    self.problem = problem
    self.item = item
    strips = item.rowCount / (2 &* Self.tileRows)
    panels = item.columnCount / (2 &* MatrixProduct.panelColumns)
    depth = StrassenPairs.halfDepth(problem.depth)
    leftSums = scratch.assumingMemoryBound(to: Float.self)
    panelSums = leftSums + 2 &* Self.tileRows &* depth
  }

  /// Computes the product over all whole parts of the depth.
  func multiply() {
    let parts = StrassenPairs.parts(problem.depth)
    var touched = 0
    var slot = 0
    for part in 0..<parts {
      for index in 0..<Self.formulaCount {
        let formula = Self.formula(index)
        let isLast = index &+ 1 == Self.formulaCount
        let next = isLast && part &+ 1 == parts ? nil : Self.formula(isLast ? 0 : index &+ 1)
        multiply(
          formula, part: part, slot: slot, next: next, nextPart: isLast ? part &+ 1 : part, touched: touched,
          isFirst: part == 0 && index == 0)
        touched |= formula.quarters
        slot ^= 1
      }
    }
  }

  private func leftBase(_ quarter: Quarter, part: Int, strip: Int) -> UnsafePointer<Float> {
    problem.left.base
      + ((item.firstRow &+ (2 &* strip &+ quarter.row) &* Self.tileRows) &* problem.left.rowStride
        &+ (2 &* part &+ quarter.column) &* depth)
  }

  private func panelBase(_ quarter: Quarter, part: Int, panel: Int) -> UnsafePointer<Float> {
    guard let panels = problem.panels else { return problem.left.base }
    return panels
      + ((item.firstColumn &+ (2 &* panel &+ quarter.column) &* MatrixProduct.panelColumns) &* problem.depth
        &+ (2 &* part &+ quarter.row) &* depth &* MatrixProduct.panelColumns)
  }

  private func panelSums(slot: Int, panel: Int) -> UnsafeMutablePointer<Float> {
    panelSums + (slot &* panels &+ panel) &* (depth &* MatrixProduct.panelColumns)
  }

  private func target(_ quarter: Quarter, strip: Int, panel: Int) -> UnsafeMutablePointer<Float> {
    problem.target
      + ((item.firstRow &+ (2 &* strip &+ quarter.row) &* Self.tileRows) &* problem.targetStride
        &+ item.firstColumn &+ (2 &* panel &+ quarter.column) &* MatrixProduct.panelColumns)
  }

  private func summands(_ factor: Factor, part: Int, strip: Int, slot: Int) -> Summands {
    Summands(
      first: UnsafeRawPointer(leftBase(factor.first, part: part, strip: strip)),
      second: factor.second.map { UnsafeRawPointer(leftBase($0, part: part, strip: strip)) }, sign: factor.sign,
      target: UnsafeMutableRawPointer(leftSums + slot &* Self.tileRows &* depth))
  }

  private func multiply(
    _ formula: Formula, part: Int, slot: Int, next: Formula?, nextPart: Int, touched: Int, isFirst: Bool
  ) {
    let rows = Self.tileRows
    let width = MatrixProduct.panelColumns
    let lineCount = depth &* width / 16
    let steps = depth / Ahead.steps
    let linesPerStep = (width &+ strips &- 1) / strips
    let rowsPerPanel = (rows &+ panels &- 1) / panels
    var ahead = SumsAhead(
      left: Summands(first: UnsafeRawPointer(leftSums), target: UnsafeMutableRawPointer(leftSums)), leftRows: 0,
      leftStride: 4 &* problem.left.rowStride, leftDistance: 8 &* rows &* problem.left.rowStride,
      leftTargetStride: 4 &* depth,
      panel: Summands(first: UnsafeRawPointer(leftSums), target: UnsafeMutableRawPointer(leftSums)),
      panelLines: linesPerStep,
      remainingLines: 0, panelDistance: linesPerStep &* steps &* SumsAhead.lineBytes)
    if isFirst {
      ahead.left = summands(formula.left, part: part, strip: 0, slot: 0)
      ahead.leftRows = rows
      for _ in 0..<steps { ahead.bring() }
    }
    // The strips of all formulas take turns with the places of sums.
    var place = slot &* strips & 1
    for strip in 0..<strips {
      let isSum = formula.left.second != nil
      let source = Matrix(
        base: isSum
          ? UnsafePointer(leftSums + place &* rows &* depth) : leftBase(formula.left.first, part: part, strip: strip),
        rowStride: isSum ? depth : problem.left.rowStride, columnStride: 1)
      let (follower, followerPart, followerStrip) =
        strip &+ 1 < strips ? (formula, part, strip &+ 1) : (next ?? formula, nextPart, 0)
      let isOver = strip &+ 1 == strips && next == nil
      place ^= 1
      let leftAhead = summands(follower.left, part: isOver ? part : followerPart, strip: followerStrip, slot: place)
      for panel in 0..<panels {
        let firstRow = panel &* rowsPerPanel
        ahead.leftRows = isOver ? 0 : Swift.max(0, Swift.min(rowsPerPanel, rows &- firstRow))
        ahead.left = leftAhead
        ahead.left.first += firstRow &* ahead.leftStride
        ahead.left.second = leftAhead.second.map { $0 + firstRow &* ahead.leftStride }
        ahead.left.target += firstRow &* ahead.leftTargetStride
        let line = strip &* linesPerStep &* steps
        ahead.remainingLines = Swift.max(0, Swift.min(linesPerStep &* steps, lineCount &- line))
        if let next {
          let start = 16 &* line
          let sums = panelSums(slot: slot ^ 1, panel: panel) + start
          ahead.panel = Summands(
            first: UnsafeRawPointer(panelBase(next.right.first, part: nextPart, panel: panel) + start),
            second: next.right.second.map { UnsafeRawPointer(panelBase($0, part: nextPart, panel: panel) + start) },
            sign: next.right.sign, target: UnsafeMutableRawPointer(sums))
        } else {
          ahead.remainingLines = 0
        }
        let right =
          formula.right.second == nil
          ? panelBase(formula.right.first, part: part, panel: panel)
          : UnsafePointer(panelSums(slot: slot, panel: panel))
        ProductTile<ThreeVectors>.multiply(
          source, depth: depth, panel: right,
          to: TileTarget(
            base: target(formula.to, strip: strip, panel: panel), accumulates: touched & formula.to.bit != 0),
          andTo: formula.second.map {
            TileTarget(
              base: target($0, strip: strip, panel: panel), isNegative: formula.takenFrom != nil,
              accumulates: touched & $0.bit != 0)
          }, stride: problem.targetStride, ahead: ahead)
      }
    }
  }
}
