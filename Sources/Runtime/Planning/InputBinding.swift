import GraphIR
import Tensors

/// The types that a graph's inputs have in one run, checked against what the graph declares.
struct InputBinding {
  /// The sizes that the symbols of the input types stand for.
  private(set) var symbols: [String: Int] = [:]
  private var source: [String: String] = [:]
  private(set) var types: [Value: TensorType] = [:]

  /// Throws `ModelError.invalid` where a type does not fit, or two inputs disagree about a symbol.
  init(_ ports: [Graph.Port], in graph: Graph, given: [TensorType?]) throws {
    let pairs = zip(ports, given).compactMap { port, type in type.map { (port, $0) } }
    for (port, type) in pairs {
      try locating("input '\(port.name)'") {
        try bindNames(of: graph.type(of: port.value), to: type, port: port.name)
      }
      types[port.value] = type
    }
    // Sizes that are expressions, such as past + length, can only be compared when all names are bound.
    for (port, type) in pairs {
      guard let declared = graph.type(of: port.value).shape.dimensions, let actual = type.shape.sizes else { continue }
      for (axis, (dimension, size)) in zip(declared, actual).enumerated() {
        guard let expected = dimension.evaluate(symbols), expected != size else { continue }
        throw ModelError.invalid("input '\(port.name)': axis \(axis) is \(size), but \(dimension) is \(expected)")
      }
    }
  }

  private mutating func bindNames(of declared: TensorType, to actual: TensorType, port: String) throws {
    try require(
      declared.element == actual.element || declared.element == .unknown,
      "elements of type \(declared.element.rawValue) were expected, found \(actual.element.rawValue)")
    guard let dimensions = declared.shape.dimensions, let sizes = actual.shape.sizes else { return }
    try require(
      dimensions.count == sizes.count,
      "\(dimensions.count) axes \(declared.shape) were expected, found \(sizes.count) \(actual.shape)")
    for (axis, (dimension, size)) in zip(dimensions, sizes).enumerated() {
      if let expected = dimension.constant {
        try require(expected == size, "axis \(axis) must be \(expected), found \(size) in \(actual.shape)")
      } else if let name = dimension.symbol, !dimension.isUnknown {
        if let bound = symbols[name], bound != size {
          throw ModelError.invalid(
            "axis \(axis) (\(name)) is \(size), but \(name) is \(bound) in input '\(source[name] ?? "")'")
        }
        symbols[name] = size
        source[name] = port
      }
    }
  }
}
