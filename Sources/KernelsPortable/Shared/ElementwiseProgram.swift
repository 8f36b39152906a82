import KernelInterface

/// Runs elementwise programs: every instruction works on a stretch of a row that stays in the first-level cache.
enum ElementwiseRows {
  /// Runs `strip`'s program. `scratch` has room for its registers and is aligned to vectors.
  @inline(never)
  static func run(_ strip: ElementwiseStrip, scratch: UnsafeMutableRawPointer) {
    let registers = scratch.assumingMemoryBound(to: Float.self)
    let last = strip.instructions.count &- 1
    for row in 0..<strip.rows {
      var column = 0
      while column < strip.columns {
        let count = Swift.min(strip.columns &- column, ElementwiseStrip.registerLength)
        func source(_ index: Int) -> Stretch {
          guard index < strip.operands.count else {
            let register = index &- strip.operands.count
            return Stretch(base: registers + register &* ElementwiseStrip.registerLength, repeats: false)
          }
          let operand = strip.operands[index]
          return Stretch(
            base: operand.base + (row &* operand.rowStride &+ column &* operand.columnStride),
            repeats: operand.columnStride == 0)
        }
        for index in 0...last {
          let instruction = strip.instructions[index]
          let target =
            index == last
            ? strip.target + (row &* strip.targetStride &+ column)
            : registers + instruction.register &* ElementwiseStrip.registerLength
          let first = source(instruction.first)
          let second = instruction.operation.isBinary ? source(instruction.second) : first
          execute(instruction, first, second, target, count)
        }
        column &+= ElementwiseStrip.registerLength
      }
    }
  }

  /// Numbers side by side, or one that stands for all.
  private struct Stretch {
    let base: UnsafePointer<Float>
    let repeats: Bool
  }

  @inline(never)
  private static func execute(
    _ instruction: ElementwiseInstruction, _ first: Stretch, _ second: Stretch, _ target: UnsafeMutablePointer<Float>,
    _ count: Int
  ) {
    switch instruction.operation {
    case .add: combine(first, second, target, count) { $0 + $1 }
    case .subtract: combine(first, second, target, count) { $0 - $1 }
    case .multiply: combine(first, second, target, count) { $0 * $1 }
    case .divide: combine(first, second, target, count) { $0 / $1 }
    case .maximum:
      combine(first, second, target, count) { $1.replacing(with: $0, where: ($0 .> $1) .| ($0 .!= $0)) }
    case .minimum:
      combine(first, second, target, count) { $1.replacing(with: $0, where: ($0 .< $1) .| ($0 .!= $0)) }
    case .negate: map(first, target, count) { -$0 }
    case .absolute: map(first, target, count) { magnitude($0) }
    case .reciprocal: map(first, target, count) { Lanes(repeating: 1) / $0 }
    case .squareRoot: map(first, target, count) { $0.squareRoot() }
    case .exponential: map(first, target, count) { exponential($0) }
    case .errorFunction: map(first, target, count) { errorFunction($0) }
    case .hyperbolicTangent: map(first, target, count) { hyperbolicTangent($0) }
    case .sigmoid: map(first, target, count) { sigmoid($0) }
    case .swish:
      let factor = Lanes(repeating: instruction.parameter)
      map(first, target, count) { $0 * sigmoid($0 * factor) }
    case .gelu: map(first, target, count) { gelu($0) }
    case .tanhGelu: map(first, target, count) { tanhGelu($0) }
    }
  }

  @inline(__always)
  private static func magnitude(_ value: Lanes) -> Lanes {
    unsafeBitCast(unsafeBitCast(value, to: WordLanes.self) & WordLanes(repeating: 0x7fff_ffff), to: Lanes.self)
  }

  @inline(__always)
  private static func map(
    _ source: Stretch, _ target: UnsafeMutablePointer<Float>, _ count: Int, _ body: (Lanes) -> Lanes
  ) {
    guard !source.repeats else {
      let result = body(Lanes(repeating: source.base[0]))
      forEachVector(count) { index, width in store(result, to: target + index, width) }
      return
    }
    forEachVector(count) { index, width in store(body(load(source.base + index, width)), to: target + index, width) }
  }

  @inline(__always)
  private static func combine(
    _ first: Stretch, _ second: Stretch, _ target: UnsafeMutablePointer<Float>, _ count: Int,
    _ body: (Lanes, Lanes) -> Lanes
  ) {
    if second.repeats {
      let right = Lanes(repeating: second.base[0])
      map(first, target, count) { body($0, right) }
    } else if first.repeats {
      let left = Lanes(repeating: first.base[0])
      map(second, target, count) { body(left, $0) }
    } else {
      forEachVector(count) { index, width in
        store(body(load(first.base + index, width), load(second.base + index, width)), to: target + index, width)
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

/// The first `width` lanes from memory, zeros after them.
@inline(__always)
func load(_ source: UnsafePointer<Float>, _ width: Int) -> Lanes {
  if width == Lanes.scalarCount { return UnsafeRawPointer(source).loadUnaligned(as: Lanes.self) }
  var lanes = Lanes(repeating: 0)
  for lane in 0..<width { lanes[lane] = source[lane] }
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
