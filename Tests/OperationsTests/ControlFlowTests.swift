import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@Suite struct ControlFlowTests {
  private func owner<Op: SubgraphOperation>(_ text: String, as type: Op.Type = Op.self) throws -> Op {
    let graph = try Graph(parsing: text)
    try graph.verify()
    return try #require(graph.nodes.lazy.compactMap { $0.operation as? Op }.first)
  }

  private func condition() throws -> If {
    try owner(
      """
      graph {
        %c = Parameter "c" : bool[]
        %x = Parameter "x" : f32[n, 3]
        %y = If {
          then_branch = graph { %x = Parameter "x" : f32[n, 3]  %y = Add (%x, %x)  return "y" %y },
          else_branch = graph { %x = Parameter "x" : f32[n, 3]  %y = ReduceSum (%x)  return "y" %y }
        } (%c, %x)
        return "y" %y
      }
      """)
  }

  @Test func `a branch is taken as the condition says`() throws {
    let operation = try condition()
    #expect(try evaluate(operation, Tensor(scalar: true), counting(1, 3))[0] == tensor([0, 2, 4], 1, 3))
    #expect(try evaluate(operation, Tensor([false]), counting(1, 3))[0] == tensor([3], 1, 1))
    #expect(throws: ModelError.self) { try operation.evaluate(Operands([Tensor([true, false]), counting(1, 3)])) }
    #expect(throws: ModelError.self) { try operation.evaluate(Operands([nil, counting(1, 3)])) }
  }

  @Test func `what both branches agree on is known`() throws {
    let operation = try condition()
    let x = ValueInfo(.float32, [Dimension(symbol: "n"), 3])
    let result = try operation.infer(Operands([ValueInfo(.bool, []), x]))[0]
    #expect(result.type == TensorType(.float32, [.unknown, .unknown]))
    let taken = try operation.infer(Operands([ValueInfo(constant: Tensor(scalar: true)), x]))[0]
    #expect(taken.type == x.type)
  }

  /// Appends the number of the round to a list, and gives it each time.
  private func counter() throws -> Loop {
    try owner(
      """
      graph {
        %n = Parameter "n" : i64[]
        %list = Parameter "list" : f32[0]
        %step = Parameter "step" : f32[1]
        %y:2 = Loop {
          body = graph {
            %i = Parameter "i" : i64[]
            %c = Parameter "c" : bool[]
            %list = Parameter "list" : f32[?]
            %step = Parameter "step" : f32[1]
            %f = Cast {to = f32} (%i)
            %term = Mul (%f, %step)
            %longer = Concat (%list, %term)
            return "c" %c
            return "list" %longer
            return "term" %term
          }, states = 1
        } (%n, _, %list, %step) : f32[?], f32[?, 1]
        return "list" %y.0
        return "terms" %y.1
      }
      """)
  }

  @Test(arguments: [0, 1, 4]) func `a loop runs as often as it is told`(count: Int) throws {
    let expected = (0..<count).map { Float($0) * 2 }
    let results = try evaluate(counter(), Tensor(scalar: Int64(count)), nil, Tensor([Float]()), tensor([2], 1))
    #expect(results[0] == (try tensor(expected, count)))
    #expect(results[1] == (try tensor(expected, count, 1)))
  }

  @Test func `a loop does not run where the condition is false`() throws {
    let results = try evaluate(
      counter(), Tensor(scalar: Int64(5)), Tensor(scalar: false), Tensor([Float]()), tensor([2], 1))
    #expect(results[0].shape == [0])
    #expect(results[1].shape == [0, 1])
  }

  @Test func `a state whose size changes has no known size`() throws {
    let types = try counter().infer(
      Operands([ValueInfo(.int64, []), nil, ValueInfo(.float32, [0]), ValueInfo(.float32, [1])]))
    #expect(types[0].type == TensorType(.float32, [.unknown]))
    let counted = try counter().infer(
      Operands([ValueInfo(constant: Tensor(scalar: Int64(3))), nil, ValueInfo(.float32, [0]), ValueInfo(.float32, [1])])
    )
    #expect(counted[1].type == TensorType(.float32, [3, 1]))
  }

  @Test func `a loop ends when its body says so`() throws {
    let operation: Loop = try owner(
      """
      graph {
        %x = Parameter "x" : f32[]
        %y = Loop {
          body = graph {
            %i = Parameter "i" : i64[]
            %c = Parameter "c" : bool[]
            %x = Parameter "x" : f32[]
            %half = Constant : f32[] = 0.5
            %y = Mul (%x, %half)
            %on = Greater (%y, %half)
            return "on" %on
            return "y" %y
          }, states = 1
        } (_, _, %x)
        return "y" %y
      }
      """)
    #expect(try evaluate(operation, nil, nil, Tensor(scalar: Float(9)))[0] == Tensor(scalar: Float(0.28125)))
  }

  /// The running sum of slices, and the slices themselves, with the given attributes.
  private func scan(_ attributes: String) throws -> Scan {
    try owner(
      """
      graph {
        %s = Parameter "s" : f32[2]
        %x = Parameter "x" : f32[a, b]
        %y:2 = Scan {
          body = graph {
            %s = Parameter "s" : f32[2]
            %x = Parameter "x" : f32[?]
            %sum = Add (%s, %x)
            return "sum" %sum
            return "x" %x
          }, states = 1, num_scan_inputs = 1\(attributes)
        } (%s, %x)
        return "sum" %y.0
        return "sums" %y.1
      }
      """)
  }

  @Test func `a scan goes over slices`() throws {
    let start = try tensor([10, 20], 2)
    let results = try evaluate(scan(""), start, counting(3, 2))
    #expect(results[0] == (try tensor([16, 29], 2)))
    #expect(results[1] == (try counting(3, 2)))
  }

  @Test func `a scan goes along any axis in both directions`() throws {
    let start = try tensor([0, 0], 2)
    let columns = try evaluate(scan(", scan_input_axes = [1], scan_output_axes = [-1]"), start, counting(2, 3))
    #expect(columns[1] == (try counting(2, 3)))
    let reversed = try evaluate(scan(", scan_input_directions = [1]"), start, counting(2, 2))
    #expect(reversed[1] == (try tensor([2, 3, 0, 1], 2, 2)))
    let twice = try evaluate(
      scan(", scan_input_directions = [1], scan_output_directions = [1]"), start, counting(2, 2))
    #expect(twice[1] == (try counting(2, 2)))
  }

  @Test func `what does not fit is refused`() throws {
    let body = Graph()
    for states in [1, -1, .max, .min] {
      #expect(throws: ModelError.self) { try Loop(body: body, states: states).evaluate(Operands([])) }
      var scan = Scan()
      scan.states = states
      for count in [0, 1, -1, .max, .min] {
        scan.scanInputCount = count
        #expect(throws: ModelError.self) { try scan.evaluate(Operands([Tensor(scalar: Float(1))])) }
        #expect(throws: ModelError.self) { try scan.infer(Operands([.unknown])) }
      }
    }
    for axis in [2, -3, .max, .min] {
      #expect(throws: ModelError.self) {
        try scan(", scan_input_axes = [\(axis)]").evaluate(Operands([tensor([0, 0], 2), counting(2, 2)]))
      }
      #expect(throws: ModelError.self) {
        try scan(", scan_output_axes = [\(axis)]").evaluate(Operands([tensor([0, 0], 2), counting(2, 2)]))
      }
    }
    #expect(throws: ModelError.self) { try If().infer(Operands([ValueInfo(.float32, [])])) }
    #expect(throws: ModelError.self) { try condition().infer(Operands([ValueInfo(.bool, [])])) }
  }
}
