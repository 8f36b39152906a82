import GraphIR
import Tensors
import TestSupport
import Testing

@Suite struct TextFormErrorTests {
  @Test(arguments: [
    ("", "line 1, column 1: expected 'graph', found the end"),
    ("graph {", "line 1, column 8: expected '%', 'return' or '}', found the end"),
    ("graph {} more", "line 1, column 10: expected nothing more after the graph, found 'more'"),
    ("graph \"a", "line 1, column 7: this string has no end"),
    ("graph \"\\x\" {}", "line 1, column 8: this is no escape; those known are \\\" \\\\ \\n \\t \\u{…}"),
    ("graph {\n  %0 = Nothing\n}", "line 2, column 8: there is no operation 'Nothing'"),
    ("graph {\n  %0 = Parameter\n}", "line 2, column 8: an input needs one type, such as ': f32[2, 3]'"),
    ("graph { % = Add }", "line 1, column 10: expected a value's number or name, found ' = Add }'"),
    (
      "graph { %0 = Constant : f33[] = 1 }",
      "line 1, column 25: expected an element type, such as f32, found 'f33[] = 1 }'"
    ),
    ("graph { %0 = Constant : f32[a] = 1 }", "line 1, column 25: a constant's sizes must be numbers"),
    ("graph { %0 = Constant : i8[2] = [1, 200] }", "line 1, column 33: '200' is no i8"),
    ("graph { %0 = Constant : i8[2] = [1] }", "line 1, column 35: expected ',', found '] }'"),
    ("graph { %0 = Constant : i8[2] = [1, 2, 3] }", "line 1, column 38: expected ']' after 2 elements, found ', 3] }'"),
    (
      "graph { %0 = Constant : f32[1000000, 1000000] = 1 }",
      "line 1, column 49: a constant of shape [1000000, 1000000] is too large to be written like this"
    ),
    (
      "graph { %0 = Constant : f32[4611686018427387904, 4] = 1 }",
      "line 1, column 55: [4611686018427387904, 4] is no shape: a size is negative or their product overflows"
    ),
    (
      "graph { %0 = Parameter \"x\" : f32[2 %1 = Add",
      "line 1, column 34: expected a size, such as 8, batch or 2*seq + 1, found '2 %1 = Add'"
    ),
    (
      "graph { %0 = Parameter \"x\" : f32[-2] }",
      "line 1, column 14: [-2] is no shape: a size is negative or their product overflows"
    ),
    ("graph { return \"y\" %0 }", "line 1, column 20: %0 is not defined above"),
    (
      "graph { %0 = Parameter : f32[2] return \"y\" %0.1 }", "line 1, column 44: %0 has 1 results; '.1' is none of them"
    ),
    ("graph { %0 = Parameter : f32[2] %0 = Parameter : f32[2] }", "line 1, column 33: %0 is defined twice"),
    ("graph { %0 = Parameter : f32[2] %1 = Add (%0) }", "line 1, column 38: Add: input 1 ('b') is missing"),
    ("graph { %0 = Parameter : f32[2] %1 = Add (%0 %0) }", "line 1, column 46: expected ',', found '%0) }'"),
    ("graph { %0 = Parameter : f32[2] %1 = Add (%0, 7) }", "line 1, column 47: expected a value or '_', found '7) }'"),
    (
      "graph { %0 = Parameter : f32[2] %1 = Add (%0, %0) : f32[3] }",
      "line 1, column 38: result 0 is stated to be f32[3], but follows to be f32[2]"
    ),
    ("graph { %0 = Add {axis = 1} }", "line 1, column 19: expected '}': Add has no attributes, found 'axis = 1} }'"),
    ("graph { %0:2 = Everything () }", "line 1, column 16: Everything gives 1 result at most, not 2"),
    (
      "graph { %0:x = Everything () }",
      "line 1, column 12: expected the number of results, at most 1024, found 'x = Everything () }'"
    ),
    ("graph { %0:2 = Opaque () : f32[2] }", "line 1, column 26: 2 results need as many types, found 1"),
    (
      "graph { %0 = Everything {mode = \"mild\"} () }",
      "line 1, column 33: attribute 'mode': one of gentle, rough was expected, found 'mild'"
    ),
    (
      "graph { %0 = Everything {integer = 1.5} () }",
      "line 1, column 36: attribute 'integer': an integer was expected, found 1.5"
    ),
    (
      "graph { %0 = Everything {integers = [1, \"a\"]} () }",
      "line 1, column 45: expected a list of one kind of values, found '} () }'"
    ),
    ("graph { %0 = Everything {flag = maybe} () }", "line 1, column 33: expected a value, found 'maybe} () }'"),
    ("graph { %0 = Everything {flag = true, flag = true} () }", "line 1, column 39: 'flag' is given twice"),
  ])
  func sayWhereAndWhatWasExpected(_ text: String, _ message: String) {
    let error = #expect(throws: ModelError.self, Comment(rawValue: text)) { try parse(text) }
    #expect(error?.message == message)
    #expect(error?.kind == .invalid)
  }

  @Test func hostileTextNeverTraps() throws {
    let nesting = String(repeating: "[", count: 100_000)
    let parentheses = String(repeating: "(", count: 100_000)
    let axes = String(repeating: "1,", count: 100_000)
    for text in [
      "graph { %0 = Constant : f32[2] = \(nesting)", "graph { %0 = Constant : f32[\(axes)1] = 1",
      "graph { %0 = Parameter : f32[\(parentheses)", "graph { %0 = Everything {integers = \(nesting)",
      "graph { %0 = Constant : f32[999999999999] = [1,", "graph { %0 = Parameter : f32[99999999999999999999]",
      "graph { %0 = Constant : f32[2] = nan(0xZ)", "graph { %0 = Constant : f32[2] = nan(", "graph { %0.",
      "graph \"\\u{110000}\"", "graph \"\\u{", "graph \"\\", "graph { %0 = Parameter : f32[`",
      "graph { %0 = Parameter : f32[`\\",
    ] {
      #expect(throws: ModelError.self) { try parse(text) }
    }
  }

  /// Every byte of a good text changed, left out or cut off after: an error or a graph, never a trap.
  @Test func damagedTextNeverTraps() throws {
    let text = """
      graph "g" {
        %0 = Parameter "x" : f32[batch, 2*`odd name`, 8]
        %1 = Constant : f32[2] = [nan(0x7fc00001), 1e-05]
        %2 = Everything {integers = [1, 2], table = u8[2] = [1, 255]} (%1, _) : f32[2]
        %3:2 = Halve (%0)
        return "y" %3.1
      }
      """
    _ = try parse(text)
    let bytes = Array(text.utf8)
    var generator = SplitMix64(seed: 1)
    for index in bytes.indices {
      var changed = bytes
      changed[index] = UInt8(truncatingIfNeeded: generator.next())
      var shorter = bytes
      shorter.remove(at: index)
      for damaged in [changed, shorter, Array(bytes[..<index])] {
        guard let graph = try? parse(String(decoding: damaged, as: UTF8.self)) else { continue }
        try graph.verify()
      }
    }
  }
}
