import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@testable import Runtime

@Suite struct SubgraphExecutionTests {
  /// `n` times x ← softmax(x·w), where the weights come from outside of the loop; gives all of them.
  private func loop() throws -> Graph {
    try Graph(
      parsing: """
        graph {
          %n = Parameter "n" : i64[]
          %x = Parameter "x" : f32[rows, 4]
          %w = Constant : f32[4, 4] = [[1.0, 2.0, 3.0, 4.0], [0.5, 0.5, 0.5, 0.5], [1.0, 0.0, 0.0, 1.0], [0.0, 3.0, 0.0, 1.0]]
          %y:2 = Loop "loop" {
            body = graph {
              %i = Parameter "i" : i64[]
              %c = Parameter "c" : bool[]
              %x = Parameter "x" : f32[rows, 4]
              %w = Parameter "w" : f32[4, 4]
              %p = MatMul "product" (%x, %w)
              %y = Softmax "softmax" (%p)
              return "c" %c
              return "y" %y
              return "all" %y
            }, states = 1
          } (%n, _, %x, %w)
          return "last" %y.0
          return "all" %y.1
        }
        """)
  }

  @Test(arguments: [0, 1, 3]) func `a plan gives what the definition gives`(count: Int) throws {
    let graph = try loop()
    let inputs = [Tensor(scalar: Int64(count)), try Tensor.random([5, 4], seed: 3)]
    let session = Session(graph, options: .init(threads: 1))
    let results = try session.run(["n": inputs[0], "x": inputs[1]]).outputs
    let expected = try graph.evaluate(inputs)
    #expect(results.map(\.shape) == [[5, 4], [count, 5, 4]])
    for (result, expected) in zip(results, expected) where result.count > 0 {
      #expect(try OutputError(of: result, expected: expected).absolute < 1e-6)
    }
  }

  @Test func `an observer is told of what runs inside`() throws {
    final class Recorder: ExecutionObserver {
      var labels: [String] = []
      var starts: [Double] = []
      func executed(_ step: StepRecord) {
        labels.append(step.label)
        starts.append(step.start)
      }
    }
    let recorder = Recorder()
    let session = Session(try loop(), options: .init(threads: 1))
    _ = try session.run(["n": Tensor(scalar: Int64(2)), "x": .random([5, 4], seed: 3)], observer: recorder)
    let round = ["loop/product", "loop/softmax"]
    #expect(recorder.labels == round + round + ["loop"])
    #expect(recorder.starts.dropLast().elementsEqual(recorder.starts.dropLast().sorted()))
  }

  @Test func `the memory limit holds inside`() throws {
    let session = Session(try loop(), options: .init(threads: 1, memoryLimit: 100))
    let error = try #require(throws: ModelError.self) {
      try session.run(["n": Tensor(scalar: Int64(2)), "x": .random([5, 4], seed: 3)])
    }
    #expect(error.kind == .unsupported)
    #expect(error.message.contains("memory limit"))
  }

  @Test func `what all rounds give counts against the memory limit`() throws {
    let session = Session(try loop(), options: .init(threads: 1, memoryLimit: 1 << 16))
    let error = try #require(throws: ModelError.self) {
      try session.run(["n": Tensor(scalar: Int64.max), "x": .random([5, 4], seed: 3)])
    }
    #expect(error.kind == .unsupported)
    #expect(error.message.contains("memory limit"))
  }

  @Test func `sizes that only a run tells are held against the memory limit`() throws {
    let graph = try Graph(
      parsing: """
        graph {
          %n = Parameter "n" : i64[]
          %shape = Parameter "shape" : i64[2]
          %zero = Constant : i64[] = 0
          %one = Constant : i64[] = 1
          %numbers = Range "numbers" (%zero, %n, %one)
          %wide = Expand "wide" (%numbers, %shape)
          return "wide" %wide
        }
        """)
    let session = Session(graph, options: .init(threads: 1, memoryLimit: 1 << 20))
    for (count, rows) in [(1 << 40, 1), (1, 1 << 40), (1 << 10, 1 << 10)] {
      let error = try #require(throws: ModelError.self) {
        try session.run(["n": Tensor(scalar: Int64(count)), "shape": Tensor([Int64(rows), 1])])
      }
      #expect(error.kind == .unsupported, "\(error.message)")
    }
  }

  @Test func `all of it is promoted to 64 bits`() throws {
    let graph = try loop().promotedToDoublePrecision()
    try graph.verify()
    let x = try Tensor.random([5, 4], seed: 3)
    let session = Session(graph, options: .init(threads: 1))
    let exact = try session.run(["n": Tensor(scalar: Int64(2)), "x": x.promotedToDoublePrecision()]).outputs
    #expect(exact.map(\.element) == [.float64, .float64])
    let rounded = try Session(try loop(), options: .init(threads: 1)).run(["n": Tensor(scalar: Int64(2)), "x": x])
    #expect(try OutputError(of: rounded.outputs[0], expected: exact[0]).absolute < 1e-6)
  }

  @Test func `a branch that is not taken need not fit`() throws {
    let graph = try Graph(
      parsing: """
        graph {
          %x = Parameter "x" : f32[n, 2]
          %shape = Shape (%x)
          %zero = Constant : i64[1] = [0]
          %one = Constant : i64[1] = [1]
          %n = Gather (%shape, %zero)
          %single = Equal (%n, %one)
          %y = If {
            then_branch = graph {
              %x = Parameter "x" : f32[n, 2]
              %zero = Parameter "zero" : i64[1]
              %y = Squeeze (%x, %zero)
              return "y" %y
            },
            else_branch = graph {
              %x = Parameter "x" : f32[n, 2]
              %zero = Parameter "zero" : i64[1]
              return "y" %x
            }
          } (%single, %x, %zero)
          return "y" %y
        }
        """)
    let session = Session(graph, options: .init(threads: 1))
    #expect(try session.run(["x": Tensor.random([1, 2], seed: 1)]).outputs[0].shape == [2])
    #expect(try session.run(["x": Tensor.random([3, 2], seed: 1)]).outputs[0].shape == [3, 2])
  }
}
