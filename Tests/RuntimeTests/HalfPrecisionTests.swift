import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@testable import Runtime

/// Arithmetic on 16-bit floats is done in 32 bits, and rounded where the graph says so.
@Suite struct HalfPrecisionTests {
  private func run(_ text: String, _ inputs: [String: Tensor]) throws -> (outputs: [[Double]], steps: [String]) {
    let session = Session(try Graph(parsing: text), options: .init(threads: 2))
    let plan = try session.plan(
      for: session.graph.inputs.map { port in inputs[port.name]?.type })
    let outputs = try session.run(inputs).outputs
    for (port, output) in zip(session.graph.outputs, outputs) {
      #expect(output.element == session.graph.type(of: port.value).element)
    }
    return (try outputs.map { try $0.doubles() }, plan.steps.map { OperationDescriptor.of($0.node.operation).name })
  }

  private func numbers(_ values: [Double], _ element: ElementType) throws -> Tensor {
    try Tensor(doubles: values, element: element, shape: [values.count])
  }

  /// In 16 bits the sum would be a multiple of 2 (of 16 in bfloat16).
  @Test(arguments: [ElementType.float16, .bfloat16]) func nothingIsRoundedBetweenTwoSums(element: ElementType) throws {
    let text = """
      graph {
        %0 = Parameter "x" : \(element.rawValue)[3]
        %1 = Constant : \(element.rawValue)[] = 2048
        %2 = Add (%0, %1)
        %3 = Sub (%2, %1)
        return "y" %3
      }
      """
    let values = [0.5, -0.25, 3]
    let (outputs, steps) = try run(text, ["x": numbers(values, element)])
    #expect(outputs == [values])
    #expect(steps == ["Cast", "Add", "Cast"])
  }

  @Test func aCastRounds() throws {
    let text = """
      graph {
        %0 = Parameter "x" : f16[3]
        %1 = Constant : f16[] = 2048
        %2 = Add (%0, %1)
        %3 = Cast {to = f16} (%2)
        %4 = Sub (%3, %1)
        %5 = Constant : f16[] = 65504
        %6 = Add (%2, %5)
        %7 = Cast {to = f16} (%6)
        %8 = Cast {to = f32} (%7)
        return "y" %4
        return "z" %8
      }
      """
    let (outputs, _) = try run(text, ["x": numbers([0.5, -0.25, 3], .float16)])
    #expect(outputs == [[0, 0, 4], [.infinity, .infinity, .infinity]])
  }

  /// What only moves elements moves 16 bits of each.
  @Test func inputsAreMovedAsTheyAre() throws {
    let text = """
      graph {
        %0 = Parameter "x" : f16[2, 3]
        %1 = Transpose {perm = [1, 0]} (%0)
        %2 = Constant : i64[2] = [2, 0]
        %3 = Gather {axis = 0} (%1, %2)
        return "y" %3
      }
      """
    let x = try Tensor(doubles: [1, 2, 3, 4, 5, 6], element: .float16, shape: [2, 3])
    let (outputs, steps) = try run(text, ["x": x])
    #expect(outputs == [[3, 6, 1, 4]])
    #expect(!steps.contains("Cast"))
  }

  /// An operation that is told what type to give needs its operands in theirs.
  @Test func operandsThatATypeIsTakenFromAreNarrowed() throws {
    let text = """
      graph {
        %0 = Parameter "x" : f16[2]
        %1 = Parameter "n" : f32[2]
        %2 = Add (%0, %0)
        %3 = CastLike (%1, %2)
        %4 = BitCast {to = i16} (%2)
        %5 = Add (%3, %2)
        return "y" %5
        return "bits" %4
      }
      """
    let (outputs, _) = try run(text, ["x": numbers([1, 1], .float16), "n": numbers([2049, 1e6], .float32)])
    #expect(outputs == [[2050, .infinity], [Double(Float16(2).bitPattern), Double(Float16(2).bitPattern)]])
  }

  /// Weights stay in 16 bits until they are packed, and views of them are read in place.
  @Test(arguments: [ElementType.float16, .bfloat16]) func productsWithTransposedWeights(element: ElementType) throws {
    var graph = Graph()
    let x = try graph.addInput(["x"], TensorType(element, [5, 16]))
    let values = try Tensor.random([12, 16], seed: 3).doubles()
    let weights = try graph.addConstant(Tensor(doubles: values, element: element, shape: [12, 16]))
    let transposed = try graph.insert(Transpose([1, 0]), [weights])
    let bias = try graph.addConstant(Tensor(doubles: Array(values.prefix(12)), element: element, shape: [12]))
    let sum = try graph.insert(Add(), [graph.insert(MatMul(), [x, transposed]), bias])
    graph.addOutput(["y"], try graph.insert(Tanh(), [sum]))
    let input = try Tensor(doubles: try Tensor.random([5, 16], seed: 4).doubles(), element: element, shape: [5, 16])
    let session = Session(graph, options: .init(threads: 2))
    let steps = try session.plan(for: [input.type]).steps.map { OperationDescriptor.of($0.node.operation).name }
    #expect(steps == ["Cast", "MatMul", "Cast"])
    let wide = Session(try graph.promotedToDoublePrecision(), options: .init(threads: 1))
    let expected = try wide.run(["x": input.promotedToDoublePrecision()]).outputs[0].doubles()
    let actual = try session.run(["x": input]).outputs[0]
    let rounded = try Tensor(doubles: expected, element: element, shape: [5, 12]).doubles()
    for (number, wanted) in zip(try actual.doubles(), rounded) {
      // Half a unit in the last place of 16 bits is all that 32 bits can be off by.
      #expect(abs(number - wanted) <= abs(wanted) * (element == .float16 ? 0x1p-10 : 0x1p-7))
    }
  }
}
