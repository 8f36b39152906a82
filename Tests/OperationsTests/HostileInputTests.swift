import GraphIR
import Operations
import Tensors
import Testing

@Suite("Inputs that don't fit are refused, never a trap")
struct HostileInputTests {
  private let huge: [Int64] = [.max, .min, -1, 1 << 40]

  @Test func `sizes that overflow or are negative`() throws {
    let data = try counting(2, 3)
    let empty = try counting(0, 3)
    for size in huge {
      expectRefusal(Reshape(), data, try integers([size, size == -1 ? -1 : 2]))
      expectRefusal(Expand(), data, try integers([size, size]))
      expectRefusal(ConstantOfShape(), try integers([size, .max, 3]))
      expectRefusal(Tile(), data, try integers([size, .max]))
      expectRefusal(Pad(), data, try integers([size, .max, .max, .max]))
      expectRefusal(Resize(), data, nil, nil, try integers([size, .max]))
      expectRefusal(OneHot(), try integers([1]), Tensor(scalar: Int64(-5)), data)
      _ = try? Reshape().evaluate(Operands([empty, integers([size, 0])]))
      _ = try? Slice().evaluate(Operands([data, integers([size]), integers([size]), nil, integers([size])]))
    }
    expectRefusal(Unsqueeze(), data, Tensor([Int64](repeating: 0, count: 100)))
    expectRefusal(NumberRange(), Tensor(scalar: Int64.min), Tensor(scalar: Int64.max), Tensor(scalar: Int64(1)))
    expectRefusal(NumberRange(), Tensor(scalar: Float(0)), Tensor(scalar: Float.infinity), Tensor(scalar: Float(1)))
    expectRefusal(NumberRange(), Tensor(scalar: Int64(0)), Tensor(scalar: Int64(1)), Tensor(scalar: Int64(0)))
  }

  @Test func `axes out of range or named twice`() throws {
    let data = try counting(2, 3)
    for axis in [2, -3, .max, .min] {
      expectRefusal(Softmax(axis: axis), data)
      expectRefusal(Concat(axis: axis), data, data)
      expectRefusal(Gather(axis: axis), data, try integers([0]))
      expectRefusal(Split(axis: axis, parts: 1), data)
      expectRefusal(ReduceSum(), data, try integers([Int64(axis)]))
      expectRefusal(Transpose([0, axis]), data)
      expectRefusal(CumSum(), data, Tensor(scalar: Int64(axis)))
    }
    for axis in [3, -4, .max, .min] as [Int64] { expectRefusal(Unsqueeze(), data, try integers([axis])) }
    expectRefusal(Transpose([0, 0]), data)
    expectRefusal(Transpose([0]), data)
    expectRefusal(ReduceSum(), data, try integers([0, -2]))
    expectRefusal(Squeeze(), data, try integers([0]))
  }

  @Test func `indices out of range`() throws {
    let data = try counting(2, 3)
    for index in [2, -3, .max, .min] as [Int64] {
      expectRefusal(Gather(), data, try integers([index]))
      expectRefusal(GatherElements(), data, try integers([index], 1, 1))
      expectRefusal(GatherND(), data, try integers([index], 1, 1))
      expectRefusal(ScatterND(), data, try integers([index], 1, 1), try counting(1, 3))
      expectRefusal(ScatterElements(), data, try integers([index], 1, 1), try counting(1, 1))
    }
    expectRefusal(ScatterND(), data, try integers([0], 1, 1), try counting(1, 2))
    expectRefusal(TopK(), data, try integers([4]))
    expectRefusal(TopK(), data, try integers([-1]))
    expectRefusal(GatherElements(), data, try integers([0, 0, 0, 0], 1, 4))
  }

  @Test func `shapes and types that don't go together`() throws {
    let data = try counting(2, 3)
    expectRefusal(Add(), data, try counting(2))
    expectRefusal(Add(), data, try integers([1]))
    expectRefusal(Add(), Tensor(scalar: true), Tensor(scalar: true))
    expectRefusal(And(), data, data)
    expectRefusal(Exp(), try integers([1]))
    expectRefusal(Where(), data, data, data)
    expectRefusal(MatMul(), data, data)
    expectRefusal(MatMul(), Tensor(scalar: Float(1)), data)
    expectRefusal(Gemm(), data, data)
    expectRefusal(Concat(axis: 0), data, try counting(2, 2))
    expectRefusal(Div(), try integers([1]), try integers([0]))
    expectRefusal(Mod(), try integers([1]), try integers([0]))
    expectRefusal(Split(axis: 1), data, try integers([1, 1]))
    expectRefusal(Split(axis: 1), data, try integers([4, -1]))
    expectRefusal(LayerNormalization(), data, try counting(2))
    expectRefusal(Identity())
    expectRefusal(Add(), data)
  }

  @Test func `windows that don't fit`() throws {
    let image = try counting(1, 1, 4, 4)
    let weights = try counting(1, 1, 3, 3)
    for list in [[0, 1], [-1, 1], [.max, 1], [1]] {
      var conv = Conv()
      conv.strides = list
      expectRefusal(conv, image, weights)
      (conv.strides, conv.dilations) = ([], list == [1] ? [5, 5] : list)
      expectRefusal(conv, image, weights)
      var pool = MaxPool()
      pool.kernelShape = list == [1] ? [] : list
      expectRefusal(pool, image)
    }
    for group in [0, -1, 2, .max] {
      var conv = Conv()
      conv.group = group
      expectRefusal(conv, image, weights)
      var transposed = ConvTranspose()
      transposed.group = group
      expectRefusal(transposed, image, weights)
    }
    var padded = Conv()
    padded.pads = [.max, .max, .max, .max]
    expectRefusal(padded, image, weights)
  }

  @Test func `tensors of no elements with long axes cost nothing`() throws {
    let long = try Tensor([Float](), shape: [0, 1 << 60])
    var edge = Pad()
    edge.mode = .edge
    expectRefusal(edge, long, try integers([0, 1, 0, 1]))
    let none = try Tensor([Int64](), shape: [1 << 60, 0])
    #expect(
      try ScatterND().evaluate(Operands([counting(0), none, Tensor([Float](), shape: [1 << 60, 0])]))[0].count == 0)
    var blocks = DequantizeLinear()
    blocks.blockSize = 2
    expectRefusal(blocks, try Tensor([Int8](), shape: [0, 1 << 60]), try Tensor([Float](), shape: [0, 1 << 59]))
    var pool = MaxPool()
    (pool.kernelShape, pool.autoPad) = ([1 << 23, 1 << 23], .sameUpper)
    expectRefusal(pool, try counting(1, 1, 4, 4))
    expectRefusal(AffineGrid(), try counting(1, 2, 3), try integers([1, 1, 1 << 30, 1 << 20]))
  }

  @Test(arguments: [Int.max, .min, 1 << 60])
  func `windows wider than any axis`(width: Int) throws {
    let operand = ValueInfo(.float32, [1, 1, 2, 4])
    for (left, right) in [(width, nil), (nil, width)] as [(Int?, Int?)] {
      var attention = FlashAttention()
      (attention.leftWindow, attention.rightWindow) = (left, right)
      #expect(throws: ModelError.self) { try attention.infer(Operands([operand, operand, operand])) }
    }
  }

  @Test(arguments: ["", "ij", "ij->ik", "ij->ii", "i1->i", "ijk", "...i...->i", "ij,jk->ik", "ab->.a"])
  func `equations that don't fit`(equation: String) throws {
    if equation == "ij" { return }
    expectRefusal(Einsum(equation), try counting(2, 3))
  }

  @Test func `every operation refuses to work on nothing`() throws {
    for descriptor in StandardOperations.registry.operations where descriptor.inputs.first?.kind == .required {
      let operation = descriptor.make()
      #expect(throws: ModelError.self, "\(descriptor.name)") { try operation.evaluate(Operands([])) }
      #expect(throws: ModelError.self, "\(descriptor.name)") { try operation.infer(Operands([])) }
    }
  }

  /// Odd inputs of the right number for every operation: whatever comes of it, it is a result or an error.
  @Test func `odd inputs never trap`() throws {
    let odd: [Tensor] = [
      Tensor(scalar: Float(-1)), try counting(0), try counting(2, 0, 3), try counting(1, 2, 3, 4), Tensor(scalar: true),
      Tensor([Int64.min, -1, 0, .max]), try Tensor([Int64](), shape: [0, 3]), Tensor([UInt8(255), 0]),
      try tensor([.nan, .infinity, -1e30], 3), try Tensor([Float16(1)], shape: [1, 1, 1]), try counting(3, 3),
    ]
    for descriptor in StandardOperations.registry.operations {
      let count = max(descriptor.inputs.count, 1)
      for first in odd.indices {
        for second in odd.indices {
          let inputs = Operands((0..<count).map { $0 == 0 ? odd[first] : odd[(second + $0 - 1) % odd.count] })
          let infos = Operands((0..<count).map { inputs.optional($0).map { ValueInfo(constant: $0) } })
          let operation = descriptor.make()
          let inferred = try? operation.infer(infos)
          guard let evaluated = try? operation.evaluate(inputs) else { continue }
          for (known, result) in zip(inferred ?? [], evaluated) where known.element != .unknown {
            #expect(known.element == result.element, "\(descriptor.name)")
            #expect(
              known.shape.admits(result.shape), "\(descriptor.name): inferred \(known.type), evaluated \(result.shape)")
          }
        }
      }
    }
  }
}
