import KernelInterface

/// Runs elementwise programs: every instruction works on stretches of some rows that stay in the first-level cache.
enum ElementwiseRows {
  /// The most columns that are worked on at a time.
  private static let longestStretch = 256

  /// Runs `strip`'s program. `scratch` has room for its registers and is aligned to vectors.
  @inline(never)
  static func run(_ strip: ElementwiseStrip, scratch: UnsafeMutableRawPointer) {
    let registers = scratch.assumingMemoryBound(to: Float.self)
    let last = strip.instructions.count &- 1
    guard last >= 0, strip.columns > 0 else { return }
    let width = Swift.min(strip.columns, longestStretch)
    let height = ElementwiseStrip.registerLength / width
    var row = 0
    while row < strip.rows {
      let rows = Swift.min(strip.rows &- row, height)
      var column = 0
      while column < strip.columns {
        let columns = Swift.min(strip.columns &- column, width)
        func source(_ index: Int) -> Stretch {
          guard index < strip.operands.count else {
            let register = index &- strip.operands.count
            return Stretch(
              base: registers + register &* ElementwiseStrip.registerLength, rowStride: width, repeats: false)
          }
          let operand = strip.operands[index]
          return Stretch(
            base: operand.base + (row &* operand.rowStride &+ column &* operand.columnStride),
            rowStride: operand.rowStride, repeats: operand.columnStride == 0)
        }
        for index in 0...last {
          let instruction = strip.instructions[index]
          let target =
            index == last
            ? Target(
              base: strip.target + (row &* strip.targetStride &+ column), rowStride: strip.targetStride, rows: rows,
              columns: columns)
            : Target(
              base: registers + instruction.register &* ElementwiseStrip.registerLength, rowStride: width, rows: rows,
              columns: columns)
          let first = source(instruction.first)
          let second = instruction.operation.isBinary ? source(instruction.second) : first
          execute(instruction, first, second, target)
        }
        column &+= width
      }
      row &+= height
    }
  }

  /// Numbers side by side in some rows, or one a row that stands for all.
  private struct Stretch {
    let base: UnsafePointer<Float>
    let rowStride: Int
    let repeats: Bool
  }

  private struct Target {
    let base: UnsafeMutablePointer<Float>
    let rowStride: Int
    let rows: Int
    let columns: Int
  }

  @inline(never)
  private static func execute(
    _ instruction: ElementwiseInstruction, _ first: Stretch, _ second: Stretch, _ target: Target
  ) {
    @inline(__always)
    func compute<Function: LaneFunction>(_ function: Function.Type) {
      self.compute(function, first, second, target, parameter: Lanes(repeating: instruction.parameter))
    }
    switch instruction.operation {
    case .add: compute(SumOfLanes.self)
    case .subtract: compute(DifferenceOfLanes.self)
    case .multiply: compute(ProductOfLanes.self)
    case .divide: compute(QuotientOfLanes.self)
    case .maximum: compute(LargerLanes.self)
    case .minimum: compute(SmallerLanes.self)
    case .negate: compute(NegatedLanes.self)
    case .absolute: compute(MagnitudesOfLanes.self)
    case .reciprocal: compute(ReciprocalsOfLanes.self)
    case .squareRoot: compute(SquareRootsOfLanes.self)
    case .exponential: compute(ExponentialsOfLanes.self)
    case .errorFunction: compute(ErrorFunctionsOfLanes.self)
    case .hyperbolicTangent: compute(HyperbolicTangentsOfLanes.self)
    case .sigmoid: compute(SigmoidsOfLanes.self)
    case .swish: compute(SwishOfLanes.self)
    case .gelu: compute(GeluOfLanes.self)
    case .tanhGelu: compute(TanhGeluOfLanes.self)
    }
  }

  @inline(__always)
  private static func compute<Function: LaneFunction>(
    _: Function.Type, _ first: Stretch, _ second: Stretch, _ target: Target, parameter: Lanes
  ) {
    for row in 0..<target.rows {
      let a = first.base + row &* first.rowStride
      let b = second.base + row &* second.rowStride
      let result = target.base + row &* target.rowStride
      if second.repeats {
        let right = Lanes(repeating: b[0])
        if first.repeats {
          let value = Function.of(Lanes(repeating: a[0]), right, parameter)
          forEachVector(target.columns) { index, width in store(value, to: result + index, width) }
        } else {
          forEachVector(target.columns) { index, width in
            store(Function.of(load(a + index, width), right, parameter), to: result + index, width)
          }
        }
      } else if first.repeats {
        let left = Lanes(repeating: a[0])
        forEachVector(target.columns) { index, width in
          store(Function.of(left, load(b + index, width), parameter), to: result + index, width)
        }
      } else {
        forEachVector(target.columns) { index, width in
          store(Function.of(load(a + index, width), load(b + index, width), parameter), to: result + index, width)
        }
      }
    }
  }
}

/// Calls `body` with the places and widths of the vectors that `count` numbers make; only the last may be narrower.
@inline(__always)
func forEachVector(_ count: Int, _ body: (_ index: Int, _ width: Int) -> Void) {
  var index = 0
  while index &+ Lanes.scalarCount <= count {
    body(index, Lanes.scalarCount)
    index &+= Lanes.scalarCount
  }
  if index < count { body(index, count &- index) }
}

/// A number at any address.
@inline(__always)
func number(at address: UnsafePointer<Float>) -> Float { UnsafeRawPointer(address).loadUnaligned(as: Float.self) }

/// The first `width` lanes from memory, at any address; zeros after them.
@inline(__always)
func load(_ source: UnsafePointer<Float>, _ width: Int) -> Lanes {
  if width == Lanes.scalarCount { return UnsafeRawPointer(source).loadUnaligned(as: Lanes.self) }
  var lanes = Lanes(repeating: 0)
  for lane in 0..<width { lanes[lane] = number(at: source + lane) }
  return lanes
}

/// Writes the first `width` lanes.
@inline(__always)
func store(_ lanes: Lanes, to target: UnsafeMutablePointer<Float>, _ width: Int) {
  if width == Lanes.scalarCount {
    UnsafeMutableRawPointer(target).storeBytes(of: lanes, as: Lanes.self)
  } else {
    for lane in 0..<width { target[lane] = lanes[lane] }
  }
}
