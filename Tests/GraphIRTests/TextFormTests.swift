import GraphIR
import Tensors
import TestSupport
import Testing

@Suite struct TextFormTests {
  @Test func saysEverythingThatAGraphHolds() throws {
    let text = """
      graph "all of it" {
        %0 = Parameter "x" "x.alias" : f32[batch, 2*seq + 1, 8]
        %1 = Parameter "free" : f32[*]
        %2:2 = Halve "split" (%0) : f32[floordiv(batch, 2), 2*seq + 1, 8], f32[floordiv(batch, 2), 2*seq + 1, 8]
        %3 = Add (%2.1, %2.0) : f32[floordiv(batch, 2), 2*seq + 1, 8]
        %4 = Constant : i64[2] = [1, -2]
        %5 = Constant "weights" : f32[2, 2] = [[1.0, -0.0], [inf, nan]]
        %6 = Everything {integer = -3, float = 1e-05, flag = true, text = "a \\"b\\"\\n", integers = [1, 2], floats = [1.0, 0.1], strings = ["p", "q"], element = bf16, mode = "rough", limit = 7, table = u8[2] = [1, 255]} (%4, _, %5) : bf16[2]
        %7:3 = Opaque {type = "com.example.Thing"} (%1, %6) : f32[*], ?[*], i64[?0, 3]
        %8 = Opaque {type = "Source"} () : bool[]
        return "y" "y.alias" %3
        return "z" %7.2
        return "z again" %7.2
        return "w" %8
      }

      """
    let graph = try parse(text)
    try graph.verify()
    expectEqualText(graph.text(.complete), text)
    #expect(graph.outputs.map(\.names) == [["y", "y.alias"], ["z"], ["z again"], ["w"]])
  }

  @Test func numbersValuesByStructureNotByTheOrderOfAdding() throws {
    let first = try parse(
      """
      graph {
        %x = Parameter "x" : f32[2]
        %unused = Constant : f32[] = 1.0
        %b = Constant : f32[2] = [3.0, 4.0]
        %a = Constant : f32[2] = [1.0, 2.0]
        %left = Add (%x, %a)
        %right = Add (%x, %b)
        %y = Add (%left, %right)
        return "y" %y
      }
      """)
    let second = try parse(
      """
      graph { %x = Parameter "x" : f32[2]  %a = Constant : f32[2] = [1.0, 2.0]  %0 = Add (%x, %a)
        %7 = Constant : f32[2] = [3.0, 4.0]  // the order is another
        %1 = Add (%x, %7)  %2 = Add (%0, %1)  return "y" %2  %unused = Constant : f32[] = 1.0 }
      """)
    #expect(first.text() == second.text())
    #expect(first.text().contains("%6 = Constant : f32[] = 1.0"))
  }

  @Test func numbersUnknownSizesByAppearance() throws {
    let text = """
      graph {
        %0 = Parameter "x" : f32[?0, 2*?0, 4]
        %1 = Filter (%0) : f32[?1]
        %2 = Constant : f32[] = 0.5
        %3 = Filter (%0, %2) : f32[?2]
        %4 = Add (%1, %3) : f32[max(?1, ?2)]
        return "y" %4
      }

      """
    expectEqualText(try parse(text).text(), text)
    let anonymous = text.replacing("?1", with: "?").replacing("?2", with: "?")
    expectEqualText(try parse(anonymous).text(), text)
  }

  @Test func elidesLongConstantsUnlessAskedOrAllEqual() throws {
    var graph = Graph()
    graph.addOutput(["a"], try graph.addConstant(try Tensor((0..<100).map { Int32($0) }, shape: [10, 10])))
    graph.addOutput(["b"], try graph.addConstant(try Tensor(Array(repeating: Float(2), count: 300), shape: [3, 100])))
    let text = graph.text()
    #expect(text.contains("i32[10, 10] = ...\n"))
    #expect(text.contains("f32[3, 100] = 2.0\n"))
    let error = #expect(throws: ModelError.self) { try parse(text) }
    #expect(
      error?.message
        == "line 2, column 33: this constant was left out when the graph was printed; print it with all constants")
    #expect(try parse(graph.text(.complete)).text(.complete) == graph.text(.complete))
  }

  @Test(arguments: ElementType.allCases.filter { $0 != .unknown })
  func everyBitPatternComesBack(_ element: ElementType) throws {
    var generator = SplitMix64(seed: 7)
    let tensor = try Tensor(element: element, shape: [2, 0x200]) { bytes in
      for index in bytes.indices {
        bytes[index] = UInt8(truncatingIfNeeded: generator.next()) & (element == .bool ? 1 : 255)
      }
      // The usual NaN and a few more of the largest exponent, beside what chance gives.
      if element == .float32 { bytes.storeBytes(of: Float.nan, as: Float.self) }
      if element == .float32 { bytes.storeBytes(of: 0xFFC0_0001, toByteOffset: 4, as: UInt32.self) }
      if element == .float32 { bytes.storeBytes(of: 0x7F80_0001, toByteOffset: 8, as: UInt32.self) }
    }
    var graph = Graph()
    graph.addOutput(["y"], try graph.addConstant(tensor))
    let back = try parse(graph.text(.complete))
    #expect(back.info(of: back.outputs[0].value).constant == tensor)
  }

  @Test func emptyAndScalarTensors() throws {
    let text = """
      graph {
        %0 = Constant : f32[] = -0.0
        %1 = Constant : f32[0, 3] = []
        %2 = Constant : bool[1] = [true]
        %3 = Constant : u64[1, 2] = [[18446744073709551615, 0]]
        return "a" %0
        return "b" %1
        return "c" %2
        return "d" %3
      }

      """
    expectEqualText(try parse(text).text(), text)
    #expect(try parse("graph {}").text() == "graph {\n}\n")
  }

  @Test func originsNameNodesAndLabels() throws {
    let graph = try parse("graph { %x = Parameter \"in\" : f32[2] %sum = Add (%x, %x) %2 = Add \"last\" (%sum, %x) }")
    #expect(graph.nodes.map { $0.origin.sources.map(\.name) } == [["in"], ["%sum"], ["last"]])
    #expect(graph.nodes.map { $0.origin.sources[0].index } == [0, 1, 2])
  }
}
