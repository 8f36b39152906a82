import GraphIR
import Tensors

/// Operations that exist for these tests only, so that they don't depend on the canonical set.
struct Add: GraphOperation {
  static let schema = Schema<Self>("Add", inputs: ["a", "b"])

  func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let (a, b) = (try inputs[0], try inputs[1])
    try require(a.element == b.element, "\(a.element.rawValue) and \(b.element.rawValue) can't be added")
    return [ValueInfo(a.element, try Shape.broadcast(a.shape, b.shape))]
  }

  func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let (a, b) = (try inputs[0], try inputs[1])
    try require(a.shape == b.shape, "this addition does not broadcast")
    return [try Tensor(doubles: zip(a.doubles(), b.doubles()).map(+), element: a.element, shape: a.shape)]
  }
}

/// Two halves of the first axis.
struct Halve: GraphOperation {
  static let schema = Schema<Self>("Halve", inputs: ["data"], outputs: 2...2)

  func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let data = try inputs[0]
    guard let dimensions = data.shape.dimensions, let first = dimensions.first else {
      return [ValueInfo(data.element, .unranked), ValueInfo(data.element, .unranked)]
    }
    let half = Shape([Dimension.floorDivision(first, 2)] + dimensions.dropFirst())
    return [ValueInfo(data.element, half), ValueInfo(data.element, half)]
  }

  func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] { throw ModelError.unsupported("Halve") }
}

/// Keeps some elements, nobody knows how many.
struct Filter: GraphOperation {
  static let schema = Schema<Self>("Filter", inputs: ["data", .optional("threshold"), .optional("limit")])

  func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] { [ValueInfo(try inputs[0].element, [.unknown])] }

  func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] { throw ModelError.unsupported("Filter") }
}

/// The sizes of a tensor, as symbols where they are not known.
struct Sizes: GraphOperation {
  static let schema = Schema<Self>("Sizes", inputs: ["data"])

  func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    guard let dimensions = try inputs[0].shape.dimensions else { return [ValueInfo(.int64, [.unknown])] }
    return [ValueInfo(symbols: dimensions, shape: [dimensions.count])]
  }

  func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let shape = try inputs[0].shape
    return [try Tensor(integers: shape, shape: [shape.count])]
  }
}

/// An operation with an attribute of every kind.
struct Everything: GraphOperation {
  enum Mode: String, CaseIterable, AttributeConvertible { case gentle, rough }

  var integer = 1
  var float = 0.5
  var flag = false
  var text = ""
  var integers: [Int] = []
  var floats: [Double] = []
  var strings: [String] = []
  var element = ElementType.float32
  var mode = Mode.gentle
  var limit: Int?
  var table: Tensor?

  static let schema = Schema<Self>(
    "Everything", inputs: [.variadic("inputs")],
    attributes: [
      .init("integer", \.integer), .init("float", \.float), .init("flag", \.flag), .init("text", \.text),
      .init("integers", \.integers), .init("floats", \.floats), .init("strings", \.strings),
      .init("element", \.element), .init("mode", \.mode), .init("limit", \.limit), .init("table", \.table),
    ])

  func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] { [ValueInfo(element, [2])] }

  func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] { throw ModelError.unsupported("Everything") }
}

let exampleRegistry = OperationRegistry([Add.self, Halve.self, Filter.self, Sizes.self, Everything.self])

func parse(_ text: String) throws -> Graph { try GraphParser(registry: exampleRegistry).parse(text) }
