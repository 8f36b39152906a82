import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@testable import Formats

/// Which biases are seen to stay far above a low number.
@Suite struct ElementRangeTests {
  @Test func tablesAndBoundedFunctionsHaveARange() throws {
    let graph = try GraphParser(registry: StandardOperations.registry).parse(
      """
      graph {
        %rows = Parameter "rows" : i64[n]
        %x = Parameter "x" : f32[n, 2]
        %seen = Parameter "seen" : bool[n, 1]
        %table = Constant : f32[3, 2] = [[1.0, -4.0], [0.5, 2.0], [3.0, -1.0]]
        %two = Constant : f32[] = 2.0
        %read = Gather (%table, %rows)
        %near = Sigmoid (%x)
        %sum = Add (%read, %near)
        %doubled = Mul (%two, %sum)
        %half = Cast {to = f16} (%doubled)
        %product = Mul (%read, %x)
        %low = Constant : f32[] = -inf
        %hidden = Where (%seen, %read, %low)
        %low16 = Constant : f32[] = -100000.0
        %kept = Where (%seen, %read, %low16)
        %narrow = Cast {to = f16} (%kept)
        %steps = Cast {to = f32} (%rows)
        %large = Constant : f32[] = -3e38
        %beyond = Mul (%read, %large)
        return "read" %read
        return "doubled" %doubled
        return "half" %half
        return "seen" %seen
        return "kept" %kept
        return "x" %x
        return "product" %product
        return "hidden" %hidden
        return "narrow" %narrow
        return "steps" %steps
        return "beyond" %beyond
      }
      """)
    let expected: [String: ClosedRange<Double>] = [
      "read": -4...3, "doubled": -8...8, "half": -8...8, "seen": 0...1, "kept": -100_000...3,
    ]
    for output in graph.outputs { #expect(graph.range(of: output.value) == expected[output.name], "\(output.name)") }
    func staysFarAbove(_ fill: Double) -> [String] {
      graph.outputs.filter { graph.stays($0.value, farAbove: fill) }.map(\.name)
    }
    #expect(staysFarAbove(-1e4) == ["read", "doubled", "half", "seen"])
    #expect(staysFarAbove(-1e9) == ["read", "doubled", "half", "seen", "kept"])
    #expect(staysFarAbove(-50) == ["read", "seen"])
  }
}
