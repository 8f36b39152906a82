import GraphIR
import Operations
import Tensors
import Testing

@testable import Formats

/// Graphs whose nodes say which node of a file they come from; every value has a name there unless a test says otherwise.
struct RewriteDifferenceTests {
  private let type = TensorType(.float32, [2, 3])

  private func origin(_ index: Int) -> Origin {
    Origin(sources: [SourceNode(index: index, name: "n\(index)", type: "T")])
  }

  private let made = Origin(passes: ["test"])

  /// x → 0: Exp → 1: Relu → 2: Tanh → y.
  private func chain() throws -> (graph: Graph, values: [Value]) {
    var graph = Graph()
    let x = try graph.addInput(["x"], type)
    let first = try graph.insert(Exp(), [x], origin: origin(0))
    let second = try graph.insert(Relu(), [first], origin: origin(1))
    let third = try graph.insert(Tanh(), [second], origin: origin(2))
    graph.addOutput(["y"], third)
    return (graph, [x, first, second, third])
  }

  @Test func nothingChanged() throws {
    let (graph, _) = try chain()
    #expect(RewriteDifference(from: graph, to: graph) { _ in true }.isEmpty)
  }

  @Test func aReplacementTakesTheNameAndLeavesReadersAsTheyWere() throws {
    let (original, values) = try chain()
    var graph = original
    let new = try graph.insert(Sigmoid(), [values[0]], origin: made)
    try graph.replaceUses(of: values[2], with: new)
    graph.removeUnused()
    let difference = RewriteDifference(from: original, to: graph) { _ in true }
    #expect(difference.removedSources == [0, 1])
    #expect(difference.additions.map(\.node.id) == [new.node])
    #expect(difference.additions.map(\.before) == [2])
    #expect(difference.originalValue(of: new) == values[2])
    #expect(difference.originalValue(of: values[3]) == values[3])
  }

  @Test func theLastOfSeveralNewValuesTakesTheName() throws {
    let (original, values) = try chain()
    var graph = original
    let first = try graph.insert(Sigmoid(), [values[0]], origin: made)
    try graph.replaceUses(of: values[2], with: first)
    let second = try graph.insert(Abs(), [first], origin: made)
    try graph.replaceUses(of: first, with: second, except: [second.node])
    graph.removeUnused()
    let difference = RewriteDifference(from: original, to: graph) { _ in true }
    #expect(difference.originalValue(of: second) == values[2])
    #expect(difference.originalValue(of: first) == nil)
    #expect(difference.additions.map(\.node.id) == [first.node, second.node])
  }

  @Test func aReaderOfAnOlderValueIsWrittenAnew() throws {
    // Tanh reads x instead of Relu's result: x keeps its own name, so that Tanh's node can't stay.
    let (original, values) = try chain()
    var graph = original
    try graph.replaceUses(of: values[2], with: values[0])
    graph.removeUnused()
    let difference = RewriteDifference(from: original, to: graph) { _ in true }
    #expect(difference.removedSources == [0, 1, 2])
    #expect(difference.additions.map(\.node.id) == [values[3].node])
    #expect(difference.originalValue(of: values[3]) == values[3])
    #expect(difference.renamedOutputs.isEmpty)
  }

  @Test func anOutputThatBecomesAnOlderValueIsRenamed() throws {
    let (original, values) = try chain()
    var graph = original
    try graph.replaceUses(of: values[3], with: values[1])
    graph.removeUnused()
    let difference = RewriteDifference(from: original, to: graph) { _ in true }
    #expect(difference.removedSources == [1, 2])
    #expect(difference.additions.isEmpty)
    #expect(difference.renamedOutputs == [0])
    #expect(!difference.isEmpty)
  }

  @Test func whatWasReadPartlyByOthersStays() throws {
    var original = Graph()
    let x = try original.addInput(["x"], type)
    let shared = try original.insert(Exp(), [x], origin: origin(0))
    let left = try original.insert(Relu(), [shared], origin: origin(1))
    let right = try original.insert(Tanh(), [shared], origin: origin(2))
    original.addOutput(["y"], left)
    original.addOutput(["z"], right)
    var graph = original
    let new = try graph.insert(Sigmoid(), [x], origin: made)
    try graph.replaceUses(of: left, with: new)
    graph.removeUnused()
    let difference = RewriteDifference(from: original, to: graph) { _ in true }
    #expect(difference.removedSources == [1])
    #expect(difference.additions.map(\.before) == [nil])
    #expect(difference.originalValue(of: new) == left)
  }

  /// One source node that was read as two: x → (0: Exp → Relu) → 1: Tanh → y; Exp's result has no name.
  private func lifted() throws -> (graph: Graph, values: [Value]) {
    var graph = Graph()
    let x = try graph.addInput(["x"], type)
    let inner = try graph.insert(Exp(), [x], origin: origin(0))
    let outer = try graph.insert(Relu(), [inner], origin: origin(0))
    let reader = try graph.insert(Tanh(), [outer], origin: origin(1))
    graph.addOutput(["y"], reader)
    return (graph, [x, inner, outer, reader])
  }

  @Test func aNamelessValueIsComputedAgainForNewReaders() throws {
    let (original, values) = try lifted()
    var graph = original
    let new = try graph.insert(Sigmoid(), [values[1]], origin: made)
    graph.addOutput(["z"], new)
    let difference = RewriteDifference(from: original, to: graph) { $0 != values[1] }
    #expect(difference.removedSources.isEmpty)
    #expect(difference.additions.map(\.node.id) == [values[1].node, new.node])
    #expect(difference.originalValue(of: values[1]) == nil)
  }

  @Test func aNodeThatChangedInsideIsWrittenAnew() throws {
    let (original, values) = try lifted()
    var graph = original
    let new = try graph.insert(Sigmoid(), [values[0]], origin: made)
    try graph.replaceUses(of: values[1], with: new)
    graph.removeUnused()
    let difference = RewriteDifference(from: original, to: graph) { $0 != values[1] }
    #expect(difference.removedSources == [0])
    #expect(Set(difference.additions.map(\.node.id)) == [new.node, values[2].node])
    #expect(difference.originalValue(of: values[2]) == values[2])
    #expect(difference.originalValue(of: new) == nil)
  }

  @Test func nodesThatNeverMatteredStay() throws {
    var (original, values) = try chain()
    try original.add(Abs(), [values[0]], origin: origin(7))
    var graph = original
    let new = try graph.insert(Sigmoid(), [values[0]], origin: made)
    try graph.replaceUses(of: values[3], with: new)
    graph.removeUnused()
    let difference = RewriteDifference(from: original, to: graph) { _ in true }
    #expect(difference.removedSources == [0, 1, 2])
  }
}
