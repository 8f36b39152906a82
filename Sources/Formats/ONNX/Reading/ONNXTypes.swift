import Tensors

/// Turns ONNX's types into tensor types: sizes that are names become symbols or expressions over them.
struct ONNXTypes {
  /// Names of sizes that some input has by themselves; an expression over others could never be given a value.
  private let bound: Set<String>

  init(_ graph: Onnx_GraphProto) {
    var bound: Set<String> = []
    for input in graph.input {
      for dimension in input.type.tensorType.shape.dim {
        guard case .dimParam(let name) = dimension.value, let parsed = ONNXTypes.expression(name) else { continue }
        if parsed == Dimension(symbol: name) { bound.insert(name) }
      }
    }
    self.bound = bound
  }

  /// The type of a value called `name`; `unknown` for what is no tensor.
  ///
  /// A size of which nothing is said gets a symbol of its own where `isInput`, as nothing else could name it.
  func type(_ type: Onnx_TypeProto, of name: String, isInput: Bool = false) throws -> TensorType {
    guard case .tensorType(let tensor) = type.value else { return .unknown }
    return try locating("'\(name)'") {
      let element = tensor.elemType == 0 ? .unknown : try ElementType(onnx: Int(tensor.elemType))
      guard tensor.hasShape else { return TensorType(element, .unranked) }
      let dimensions = tensor.shape.dim.enumerated().map { axis, dimension in
        self.dimension(dimension) ?? (isInput ? ownSymbol("\(name).\(axis)") : .unknown)
      }
      // Sizes whose product overflows can't be those of a tensor, whatever the symbols beside them are.
      _ = try Tensor.elementCount(of: dimensions.compactMap(\.constant).filter { $0 > 0 }, element: element)
      return TensorType(element, Shape(dimensions))
    }
  }

  private func ownSymbol(_ name: String) -> Dimension {
    bound.contains(name) ? ownSymbol(name + "_") : Dimension(symbol: name)
  }

  private func dimension(_ dimension: Onnx_TensorShapeProto.Dimension) -> Dimension? {
    switch dimension.value {
    // Exporters have written −1 where they meant that they don't know.
    case .dimValue(let size): size < 0 ? nil : Dimension(Int(size))
    case .dimParam(""), nil: nil
    case .dimParam(let name):
      if let expression = ONNXTypes.expression(name), expression.symbols.isSubset(of: bound) {
        expression
      } else {
        Dimension(symbol: name)
      }
    }
  }

  /// The expression `text` says: exporters write `s77 + 1`; a hyphen inside a name such as `batch-size` is no minus.
  private static func expression(_ text: String) -> Dimension? {
    let characters = Array(text)
    for (index, character) in characters.enumerated() where character == "-" {
      let isSpaced = index == 0 || (characters[index - 1] == " " && characters.dropFirst(index + 1).first == " ")
      if !isSpaced { return Dimension(symbol: text) }
    }
    guard let dimension = Dimension(parsing: text), !dimension.isUnknown else { return nil }
    return dimension
  }
}
