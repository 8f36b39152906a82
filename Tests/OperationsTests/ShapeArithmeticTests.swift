import GraphIR
import Operations
import Tensors
import Testing

@Suite("Shapes and their contents are followed symbolically")
struct ShapeArithmeticTests {
  private var graph = Graph()
  private let batch = Dimension(symbol: "batch")
  private let length = Dimension(symbol: "seq")

  private mutating func input(_ shape: Shape) throws -> Value { try graph.addInput(["x"], TensorType(.float32, shape)) }

  private mutating func constant(_ values: Int64...) throws -> Value { try graph.addConstant(Tensor(values)) }

  private mutating func scalar(_ value: Int64) throws -> Value { try graph.addConstant(Tensor(scalar: value)) }

  @Test mutating func `head split by Shape, Gather, Unsqueeze, Concat and Reshape`() throws {
    let x = try input([batch, length, 768])
    let shape = try graph.insert(ShapeOf(), [x])
    let sizes = try [Int64(0), 1].map { axis in
      let size = try graph.insert(Gather(), [shape, try scalar(axis)])
      return try graph.insert(Unsqueeze(), [size, try constant(0)])
    }
    let target = try graph.insert(Concat(), [sizes[0], sizes[1], try constant(12), try constant(-1)])
    let split = try graph.insert(Reshape(), [x, target])
    #expect(graph.type(of: split).shape == [batch, length, 12, 64])
    let heads = try graph.insert(Transpose([0, 2, 1, 3]), [split])
    #expect(graph.type(of: heads).shape == [batch, 12, length, 64])
    let merged = try graph.insert(Reshape(), [split, try constant(0, 0, -1)])
    #expect(graph.type(of: merged).shape == [batch, length, 768])
  }

  @Test mutating func `head size by division of a size`() throws {
    let x = try input([batch, length, Dimension(symbol: "hidden")])
    let shape = try graph.insert(ShapeOf(), [x])
    let hidden = try graph.insert(Slice(), [shape, try constant(2), try constant(3)])
    let doubled = try graph.insert(Mul(), [hidden, try constant(8)])
    let size = try graph.insert(Div(), [doubled, try constant(4)])
    #expect(graph.info(of: size).symbols == [Dimension(symbol: "hidden") * 2])
    let odd = try graph.insert(Div(), [hidden, try constant(3)])
    #expect(graph.info(of: odd).symbols == [.floorDivision(Dimension(symbol: "hidden"), 3)])
  }

  @Test mutating func `a target of -1 is decided through Equal and Where`() throws {
    let x = try input([batch, 1, length])
    let shape = try graph.insert(ShapeOf(), [x])
    let ones = try graph.insert(ConstantOfShape(Tensor(scalar: Int64(1))), [try constant(3)])
    let negative = try graph.insert(Mul(), [ones, try scalar(-1)])
    let equal = try graph.insert(Equal(), [shape, negative])
    #expect(graph.info(of: equal).constant != nil)
    let target = try graph.insert(Where(), [equal, ones, shape])
    let expanded = try graph.insert(Expand(), [x, target])
    #expect(graph.type(of: expanded).shape == [batch, 1, length])
  }

  @Test mutating func `positions by Range over a size`() throws {
    let x = try input([batch, length])
    let size = try graph.insert(Gather(), [try graph.insert(ShapeOf(), [x]), try scalar(1)])
    let positions = try graph.insert(NumberRange(), [try scalar(0), size, try scalar(1)])
    #expect(graph.type(of: positions) == TensorType(.int64, [length]))
    let past = try graph.insert(Add(), [size, try scalar(5)])
    let later = try graph.insert(NumberRange(), [size, past, try scalar(1)])
    #expect(graph.type(of: later).shape == [5])
  }

  @Test mutating func `slices up to a symbolic end`() throws {
    let table = try input([1, 1, 1024, 1024])
    let x = try input([batch, length])
    let size = try graph.insert(Slice(), [try graph.insert(ShapeOf(), [x]), try constant(1), try constant(2)])
    let rows = try graph.insert(Slice(), [table, try constant(0), size, try constant(2)])
    #expect(graph.type(of: rows).shape == [1, 1, .minimum(1024, length), 1024])
    let scores = try input([batch, 12, length, length])
    let sum = try graph.insert(
      Add(), [scores, try graph.insert(Slice(), [rows, try constant(0), size, try constant(3)])])
    #expect(graph.type(of: sum).shape == [batch, 12, length, length])
    let rest = try graph.insert(Slice(), [x, try constant(2), try constant(.max), try constant(1)])
    #expect(graph.type(of: rest).shape == [batch, length - 2])
    let last = try graph.insert(Slice(), [x, try constant(-1), try constant(.max), try constant(1)])
    #expect(graph.type(of: last).shape == [batch, 1])
    let whole = try graph.insert(Slice(), [x, try constant(0), size, try constant(1)])
    #expect(graph.type(of: whole).shape == [batch, length])
  }

  @Test mutating func `slices of an open axis with bounds that lie far beyond it`() throws {
    let x = try input([batch, length])
    let cases: [(start: Int64, end: Int64, size: Dimension)] = [
      (.min, .max, length), (-Int64(Int32.max), .max, length), (.min, 2, .minimum(2, length)), (.min, .min, 0),
      (0, .min, 0), (.max, .max, 0), (.max, -1, 0),
    ]
    for (start, end, size) in cases {
      let slice = try graph.insert(Slice(), [x, try constant(start), try constant(end), try constant(1)])
      #expect(graph.type(of: slice).shape == [batch, size], "\(start) ..< \(end)")
    }
  }

  @Test mutating func `a slice of a size that is too long to write down`() throws {
    // What the blocks of a model make of a size that meets a number, from which the first element is split off.
    var x = try input([batch, length])
    for _ in 0..<8 {
      let first = try graph.insert(Slice(), [x, try constant(0), try constant(1), try constant(1)])
      #expect(graph.type(of: first).shape.dimensions?[1] != 0)
      let rest = try graph.insert(Slice(), [x, try constant(1), try constant(.max), try constant(1)])
      let sum = try graph.insert(Add(), [rest, try input([1, 196])])
      x = try graph.insert(Add(), [x, try graph.insert(Concat(axis: 1), [first, sum])])
    }
  }

  @Test mutating func `an entry that is not known is what the others leave`() throws {
    let x = try input([batch, length, 64])
    let unknown = try graph.addInput(["n"], TensorType(.int64, [1]))
    let shape = try graph.insert(ShapeOf(start: 0, end: 2), [x])
    let target = try graph.insert(Concat(), [shape, unknown, try constant(16)])
    let reshaped = try graph.insert(Reshape(), [x, target])
    #expect(graph.type(of: reshaped).shape == [batch, length, 4, 16])
  }

  @Test mutating func `the size of an axis that is there is a size, whatever computes it`() throws {
    let count = try graph.addInput(["n"], TensorType(.int64, []))
    let range = try graph.insert(NumberRange(), [try scalar(0), count, try scalar(1)])
    let rows = try graph.insert(Unsqueeze(), [try graph.insert(Cast(to: .float32), [range]), try constant(1)])
    let x = try graph.insert(Mul(), [rows, try input([1, 64])])
    let size = try graph.insert(ShapeOf(start: 0, end: 1), [x])
    let target = try graph.insert(Concat(), [try constant(-1), size, try constant(16)])
    let reshaped = try graph.insert(Reshape(), [x, target])
    #expect(graph.type(of: reshaped).shape.dimensions?[1] == graph.type(of: x).shape.dimensions?[0])
    #expect(graph.type(of: reshaped).shape.dimensions?[0] == 4)
    let unknown = try graph.insert(Concat(), [try constant(-1), try graph.addInput(["m"], TensorType(.int64, [1]))])
    let other = try graph.insert(Reshape(), [x, unknown])
    #expect(graph.type(of: other).shape.dimensions?[0].isSizeExpression == true)
  }

  @Test mutating func `contents of unknown sign are never taken for sizes that are not negative`() throws {
    let unknown = try graph.addInput(["n"], TensorType(.int64, [1]))
    let contents = try graph.insert(Concat(), [unknown, try constant(3)])
    let equal = try graph.insert(Equal(), [contents, try constant(-1)])
    #expect(graph.info(of: equal).constant == nil)
    #expect(graph.info(of: equal).symbols?.last == 0)
  }
}

@Suite("Bounds of symbolic sizes")
struct DimensionBoundsTests {
  private let s = Dimension(symbol: "s")
  private let t = Dimension(symbol: "t")

  @Test func `sums and products of sizes are not negative`() {
    #expect((s * t * 2 + 3).lowerBound == 3)
    #expect((s - 1).lowerBound == -1)
    #expect((Dimension(1) - s).lowerBound == nil)
  }

  /// So is what has more terms than are kept.
  @Test func `of the unknown nothing is known`() {
    for dimension in [Dimension.unknown, .unrepresentable, .unknown - s, 1 - Dimension.unknown] {
      #expect(dimension.lowerBound == nil)
      #expect(!Dimension(0).isAtLeast(dimension) && !dimension.isAtLeast(0) && !dimension.isAtLeast(dimension))
      #expect(dimension.equals(dimension) == nil && dimension.equals(3) == nil)
    }
  }

  @Test func `functions are bounded by their arguments`() {
    #expect(s.isAtLeast(.apply(.minimum, [s, 512])))
    #expect(Dimension(512).isAtLeast(.apply(.minimum, [s, 512])))
    #expect(Dimension.apply(.maximum, [s, t]).isAtLeast(t))
    #expect(s.isAtLeast(.floorDivision(s, 2)))
    #expect(!Dimension.floorDivision(s, 2).isAtLeast(s))
    #expect(s.equals(-1) == false)
    #expect(s.equals(t) == nil)
    #expect((s + 1).equals(s) == false)
  }
}
