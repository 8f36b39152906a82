import GraphIR
import Tensors
import TestSupport
import Testing

@Suite struct GraphTests {
  private func example() throws -> Graph {
    try parse(
      """
      graph {
        %x = Parameter "x" : f32[n, 4]
        %one = Constant : f32[] = 1.0
        %a = Add "a" (%x, %one)
        %b = Add "b" (%a, %a)
        %c = Add "c" (%a, %one)
        return "y" %b
        return "z" %c
      }
      """)
  }

  private func value(_ name: String, in graph: Graph) throws -> Value {
    Value(try #require(graph.nodes.first { $0.name == name }).id)
  }

  @Test func useListsFollowEveryEdit() throws {
    var graph = try example()
    let (a, b) = (try value("a", in: graph), try value("b", in: graph))
    #expect(graph.uses(of: a).count == 3)
    #expect(graph.uses(of: b) == [.output(0)])
    let twice = try graph.insert(Add(), [graph.inputs[0].value, graph.inputs[0].value])
    try graph.verify()
    try graph.replaceUses(of: a, with: twice)
    try graph.verify()
    #expect(graph.uses(of: a).isEmpty)
    #expect(graph.replaced[twice] == a)
    graph.removeUnused()
    try graph.verify()
    #expect(!graph.contains(a.node))
    #expect(graph.contains(b.node))
    try graph.replaceUses(of: twice, with: twice)
    try graph.verify()
    #expect(graph.uses(of: twice).count == 3)
  }

  @Test(arguments: 0..<20) func whatIsUnusedGoesWhateverWasEdited(_ seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var graph = Graph()
    let input = try graph.addInput(["x"], TensorType(.float32, [4]))
    graph.addOutput(["y"], input)
    graph.addOutput(["z"], input)
    for _ in 0..<60 {
      // Nodes read earlier ones only, so that there is no cycle.
      let values = graph.nodes.map { Value($0.id) }
      let first = try #require(values.randomElement(using: &random))
      let second = try #require(values.randomElement(using: &random))
      let (earlier, later) = (min(first, second), max(first, second))
      switch Int.random(in: 0..<6, using: &random) {
      case 0, 1: try graph.add(Add(), [earlier, later])
      case 2: try graph.replaceUses(of: later, with: earlier)
      case 3: graph.setOutput(Int.random(in: 0..<2, using: &random), to: later)
      case 4:
        if later != earlier, graph[later.node].operation is Add {
          try graph.setInputs([earlier, earlier], of: later.node)
        }
      default:
        let mark = graph.mark
        let draft = try graph.insert(Add(), [earlier, later])
        try graph.add(Add(), [draft, earlier])
        graph.discard(after: mark)
      }
      guard Bool.random(using: &random) else { continue }
      graph.removeUnused()
      try graph.verify()
      #expect(Set(graph.nodes.map(\.id)) == graph.liveNodes().union([input.node]))
    }
  }

  @Test func aReplacementDoesNotReadItself() throws {
    var graph = try example()
    let a = try value("a", in: graph)
    let wrapped = try graph.insert(Add(), [a, a])
    try graph.replaceUses(of: a, with: wrapped)
    try graph.verify()
    #expect(graph.uses(of: a).count == 2)
    #expect(graph.uses(of: wrapped).count == 3)
  }

  @Test func copiesAreIndependent() throws {
    let graph = try example()
    var draft = graph
    try draft.replaceUses(of: value("b", in: draft), with: value("c", in: draft))
    draft.removeUnused()
    #expect(graph.text() == (try example().text()))
    #expect(draft.nodeCount == graph.nodeCount - 1)
  }

  @Test func refusesWhatDoesNotFit() throws {
    var graph = try example()
    let text = graph.text()
    let a = try value("a", in: graph)
    let other = try graph.addConstant(Tensor([Int64(1)]))
    let before = graph.nodeCount
    let refused: [(String, (inout Graph) throws -> Void)] = [
      ("Add takes 2 inputs at most, not 3", { try $0.add(Add(), [a, a, a]) }),
      ("Add: input 1 ('b') is missing", { try $0.add(Add(), [a]) }),
      ("Add: input 0 ('a') is missing", { try $0.add(Add(), [nil, a]) }),
      ("Add reads a value that is not in the graph", { try $0.add(Add(), [a, Value(a.node, 7)]) }),
      ("f32 and i64 can't be added", { try $0.add(Add(), [a, other]) }),
      (
        "a value of type f32[n, 4] can't be replaced with one of type i64[1]",
        { try $0.replaceUses(of: a, with: other) }
      ),
      (
        "[3, -4] is no shape: a size is negative or their product overflows",
        { try $0.addInput(["q"], TensorType(.float32, [3, -4])) }
      ),
      (
        "a size of the result overflows: f32[?overflow]",
        { try $0.addInput(["q"], TensorType(.float32, [Dimension(Int.max) * 2])) }
      ),
    ]
    for (message, edit) in refused {
      let error = #expect(throws: ModelError.self) { try edit(&graph) }
      #expect(error?.message == message)
    }
    try graph.verify()
    #expect(graph.nodeCount == before)
    graph.removeUnused()
    #expect(graph.text() == text)
  }

  @Test func sizesOfWhichNothingIsKnownAreDistinct() throws {
    let graph = try parse("graph { %x = Parameter \"x\" : f32[8] %a = Filter (%x) %b = Filter (%x) }")
    let shapes = graph.nodes.map { $0.outputs[0].shape }
    #expect(shapes[1] != shapes[2])
    #expect(shapes[1] == shapes[1])
  }

  @Test func constantsAndSizesAreFolded() throws {
    let graph = try parse(
      """
      graph {
        %x = Parameter "x" : f32[n, 4]
        %f = Filter (%x)
        %1 = Constant : i64[2] = [1, 2]
        %2 = Add "sum" (%1, %1)
        %3 = Sizes "symbolic" (%x)
        %4 = Sizes "numbers" (%1)
        %5 = Sizes "unknown" (%f)
      }
      """)
    let info = { (name: String) in graph.info(of: try value(name, in: graph)) }
    #expect(try info("sum").integers == [2, 4])
    #expect(try info("symbolic").symbols == [Dimension(symbol: "n"), 4])
    #expect(try info("symbolic").constant == nil)
    #expect(try info("numbers").integers == [2])
    #expect(try info("unknown").symbols?.first?.isUnknown == false)
  }

  @Test func bindingASymbolReachesEverything() throws {
    var graph = try parse(
      "graph { %x = Parameter \"x\" : f32[n, 4] %1 = Sizes (%x) %2:2 = Halve (%x) return \"y\" %2.1 }")
    try graph.reinfer(inputTypes: [graph.inputs[0].value: TensorType(.float32, [6, 4])])
    try graph.verify()
    #expect(graph.type(of: graph.outputs[0].value) == TensorType(.float32, [3, 4]))
    #expect(graph.nodes.map { $0.outputs[0].integers }[1] == [6, 4])
  }

  @Test func ordersProducersFirst() throws {
    var graph = try example()
    let a = try value("a", in: graph)
    let late = try graph.insert(Add(), [graph.inputs[0].value, graph.inputs[0].value])
    try graph.replaceUses(of: a, with: late)
    var seen: Set<NodeID> = []
    for id in graph.topologicalOrder() {
      #expect(graph[id].inputs.allSatisfy { $0.map { seen.contains($0.node) } ?? true })
      seen.insert(id)
    }
    #expect(seen.count == graph.nodeCount)
  }

  /// Whatever is edited in whatever order, the graph stays consistent and its text comes back.
  @Test func randomEditsKeepTheGraphConsistent() throws {
    var generator = SplitMix64(seed: 5)
    for _ in 0..<20 {
      var graph = Graph()
      var values = [try graph.addInput(["x"], TensorType(.float32, [Dimension(symbol: "n")]))]
      for _ in 0..<60 {
        let (first, second) = (values.randomElement(using: &generator), values.randomElement(using: &generator))
        guard let first, let second else { continue }
        switch Int.random(in: 0..<6, using: &generator) {
        case 0...2: values.append(try graph.insert(Add(), [first, second]))
        case 3: graph.addOutput(["y\(graph.outputs.count)"], first)
        case 4 where first < second && graph.type(of: first) == graph.type(of: second):
          // Later values may depend on earlier ones, never the other way round, so this can't make a cycle.
          try graph.replaceUses(of: second, with: first)
        default: values.append(try graph.insert(Everything(), [first, nil, second]))
        }
      }
      try graph.verify()
      expectEqualText(try parse(graph.text(.complete)).text(.complete), graph.text(.complete))
      graph.removeUnused()
      try graph.verify()
      expectEqualText(try parse(graph.text(.complete)).text(.complete), graph.text(.complete))
    }
  }

  @Test func nothingIsQuadratic() throws {
    var graph = Graph()
    var value = try graph.addInput(["x"], TensorType(.float32, [Dimension(symbol: "n"), 8]))
    for _ in 0..<20_000 { value = try graph.insert(Add(), [value, value]) }
    graph.addOutput(["y"], value)
    let clock = ContinuousClock()
    let time = try clock.measure {
      graph.removeUnused()
      _ = graph.topologicalOrder()
      try graph.verify()
      #expect(try parse(graph.text()).nodeCount == 20_001)
    }
    // About two seconds in a debug build; quadratic behaviour would take minutes.
    #expect(time < .seconds(60))
  }
}
