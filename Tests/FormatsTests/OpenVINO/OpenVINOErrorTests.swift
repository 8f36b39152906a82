import Formats
import Foundation
import Tensors
import TestSupport
import Testing

/// A damaged IR, and what the message about it says.
struct DamagedIR: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let message: String
  let example: ExampleIR
  let text: @Sendable (String) -> String

  init(
    _ description: String, says message: String, _ example: ExampleIR = .scores,
    text: @escaping @Sendable (String) -> String = { $0 }
  ) {
    testDescription = description
    self.message = message
    self.example = example
    self.text = text
  }
}

@Suite struct OpenVINOErrorTests {
  static let damaged = [
    DamagedIR("cut off", says: "the XML is broken") { String($0.prefix($0.count / 2)) },
    DamagedIR("a tag that is not closed", says: "the XML is broken") {
      $0.replacingOccurrences(of: "</layers>", with: "")
    },
    DamagedIR("another root", says: "begins with <net>") { _ in "<html><body/></html>" },
    DamagedIR("no layers", says: "no <layers>") { _ in #"<net name="empty" version="11"><edges/></net>"# },
    DamagedIR("a version that is none", says: "must be a whole number", .scores.with { $0.version = "new" }),
    DamagedIR(
      "an entity bomb", says: "document type declaration",
      .scores.with {
        $0.prolog = """
          <?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
          """
      }
    ) { $0.replacingOccurrences(of: "name=\"example\"", with: "name=\"&b;\"") },
    DamagedIR(
      "an external entity", says: "document type declaration",
      .scores.with { $0.prolog = #"<!DOCTYPE net [<!ENTITY a SYSTEM "file:///etc/passwd">]>"# }
    ) { $0.replacingOccurrences(of: "kept", with: "&a;") },
    DamagedIR("an entity that is not declared", says: "the XML is broken") {
      $0.replacingOccurrences(of: "name=\"example\"", with: "name=\"&b;\"")
    },
    DamagedIR("elements nested too deeply", says: "the XML is broken") {
      $0.replacingOccurrences(of: "<rt_info>", with: String(repeating: "<a>", count: 100_000))
    },
    DamagedIR(
      "another encoding", says: "UTF-8", .scores.with { $0.prolog = #"<?xml version="1.0" encoding="ISO-8859-1"?>"# }),
    DamagedIR(
      "two layers with one id", says: "the same id", .scores.with { $0.layers.append(ExampleIR.result(2, "again")) }),
    DamagedIR("a layer without a type", says: "no attribute 'type'") {
      $0.replacingOccurrences(of: "type=\"SoftMax\"", with: "")
    },
    DamagedIR("a layer without an id", says: "no attribute 'id'") {
      $0.replacingOccurrences(of: "layer id=\"3\"", with: "layer")
    },
    DamagedIR("an id that is too large", says: "must be a whole number") {
      $0.replacingOccurrences(of: "layer id=\"3\"", with: "layer id=\"99999999999999999999\"")
    },
    DamagedIR(
      "an edge from nowhere", says: "comes from layer 77", .scores.with { $0.edges[2] = ExampleIR.edge(77, 0, 3, 0) }),
    DamagedIR(
      "an edge to nowhere", says: "leads to layer 77", .scores.with { $0.edges.append(ExampleIR.edge(2, 2, 77, 0)) }),
    DamagedIR("an edge from no port", says: "output port 9", .scores.with { $0.edges[2] = ExampleIR.edge(2, 9, 3, 0) }),
    DamagedIR("an edge to no port", says: "input port 9", .scores.with { $0.edges[2] = ExampleIR.edge(2, 2, 3, 9) }),
    DamagedIR(
      "an edge from an input port", says: "output port 0", .scores.with { $0.edges[2] = ExampleIR.edge(2, 0, 3, 0) }),
    DamagedIR("an input without an edge", says: "no edge leads to", .scores.with { $0.edges.remove(at: 1) }),
    DamagedIR(
      "an input with two edges", says: "two edges lead to", .scores.with { $0.edges.append(ExampleIR.edge(0, 0, 2, 1)) }
    ),
    DamagedIR("a cycle", says: "cycle", .scores.with { $0.edges[1] = ExampleIR.edge(3, 1, 2, 1) }),
    DamagedIR("a layer that feeds itself", says: "cycle", .scores.with { $0.edges[2] = ExampleIR.edge(3, 1, 3, 0) }),
    DamagedIR("a result that is read", says: "gives nothing, but is read") {
      $0.replacingOccurrences(of: "type=\"SoftMax\"", with: "type=\"Result\"")
    },
    DamagedIR(
      "two inputs with one name", says: "two inputs of the model",
      .scores.with { $0.layers[1] = ExampleIR.parameter(1, "query", "?,4,8") }),
    DamagedIR(
      "a size that is none", says: "is no size",
      .scores.with { $0.layers[0] = ExampleIR.parameter(0, "query", "?,x,8") }),
    DamagedIR(
      "a negative size", says: "is no size", .scores.with { $0.layers[0] = ExampleIR.parameter(0, "query", "?,-4,8") }),
    DamagedIR(
      "an element type that does not exist", says: "no element type 'f33'",
      .scores.with { $0.layers[0] = ExampleIR.parameter(0, "query", "?,4,8", element: "f33") }),
    DamagedIR("a shape that overflows", says: "overflows", constant(shape: "4611686018427387904, 4", size: "16")),
    DamagedIR("a size that does not fit the shape", says: "has 16 bytes", constant(size: "12")),
    DamagedIR("a size where there are no elements", says: "has 0 bytes", constant(shape: "0, 2", size: "8")),
    DamagedIR("an offset behind the end", says: "belongs to another model", constant(offset: "4")),
    DamagedIR("an offset that overflows", says: "belongs to another model", constant(offset: "9223372036854775807")),
    DamagedIR("a negative offset", says: "must not be negative", constant(offset: "-4")),
    DamagedIR("weights of another type", says: "has 32 bytes", constant(element: "i64")),
    DamagedIR("weights of no type", says: "no element type", constant(element: "float")),
    DamagedIR("weights that are cut off", says: "belongs to another model", .sum.with { $0.weights.removeLast(4) }),
    DamagedIR(
      "operands that don't fit", says: "sum", .sum.with { $0.layers[0] = ExampleIR.parameter(0, "input", "3,3") }),
  ]

  private static func constant(
    element: String = "f32", shape: String = "2, 2", offset: String = "0", size: String = "16"
  ) -> ExampleIR {
    .sum.with {
      $0.layers[1] = ExampleIR.constant(1, "addend", element: element, shape: shape, offset: offset, size: size)
    }
  }

  @Test(arguments: damaged) func isRefused(_ damaged: DamagedIR) throws {
    let folder = try TemporaryDirectory()
    _ = try damaged.example.write(to: folder)
    let path = try folder.write(damaged.text(damaged.example.text), to: "model.xml")
    let error = try #require(throws: ModelError.self) { try Document.read(path: path) }
    #expect(error.kind != .notFound)
    #expect(error.message.contains(damaged.message), "\(error.message)")
    #expect(error.message.hasPrefix(path) && !error.message.contains("\n"), "\(error.message)")
  }

  @Test func missingWeightsAreNotFound() throws {
    let folder = try TemporaryDirectory()
    let path = try ExampleIR.sum.with { $0.weights = Data() }.write(to: folder)
    let error = try #require(throws: ModelError.self) { try Document.read(path: path) }
    #expect(error.kind == .notFound && error.message.contains("model.bin"), "\(error.message)")
  }

  @Test func missingModelIsNotFound() throws {
    let error = try #require(throws: ModelError.self) { try Document.read(path: "/nowhere/model.xml") }
    #expect(error.kind == .notFound)
  }

  @Test func otherVersionsAreUnsupported() throws {
    let folder = try TemporaryDirectory()
    let path = try ExampleIR.scores.with { $0.version = "7" }.write(to: folder)
    let error = try #require(throws: ModelError.self) { try Document.read(path: path) }
    #expect(error.kind == .unsupported, "\(error.message)")
  }

  @Test(arguments: ["", "   ", "GIF89a", "\u{0}\u{1}"]) func contentThatIsNoModelIsRefused(_ content: String) throws {
    let folder = try TemporaryDirectory()
    let path = try folder.write(content, to: "model.xml")
    let error = try #require(throws: ModelError.self) { try Document.read(path: path) }
    #expect(error.kind == .invalid, "\(error.message)")
  }
}
