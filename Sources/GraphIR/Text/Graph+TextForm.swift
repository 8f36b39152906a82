import Tensors

/// How much the text form of a graph says.
public struct GraphTextOptions: Hashable, Sendable {
  /// Constants of more elements than this, unless all are equal, are printed as `= ...`, which can't be parsed again.
  public var constantLimit: Int
  /// Whether nodes are printed with their names. Inputs and outputs always are.
  public var showsNodeNames: Bool

  public init(constantLimit: Int = 64, showsNodeNames: Bool = true) {
    self.constantLimit = constantLimit
    self.showsNodeNames = showsNodeNames
  }

  /// Every element of every constant.
  public static let complete = GraphTextOptions(constantLimit: .max)
}

extension Graph: CustomStringConvertible {
  public var description: String { text() }

  /// The graph in its text form, which `GraphParser` reads; `docs/text-form.md` describes it.
  ///
  /// Two graphs of the same structure have the same text, whatever was added first: values are numbered inputs first, then as
  /// the outputs need them, then what no output needs. Sizes of which nothing is known are numbered `?0`, `?1` … likewise.
  public func text(_ options: GraphTextOptions = GraphTextOptions()) -> String {
    var printer = GraphPrinter(graph: self, options: options)
    return printer.print() + "\n"
  }

  /// Inputs in their order, then what the outputs depend on in the order in which it is needed, then all other nodes.
  private func printingOrder() -> [NodeID] {
    var order: [NodeID] = []
    var seen: Set<NodeID> = []
    for input in inputs where seen.insert(input.value.node).inserted { order.append(input.value.node) }
    for output in outputs where seen.insert(output.value.node).inserted {
      var stack: [(id: NodeID, next: Int)] = [(output.value.node, 0)]
      while let (id, next) = stack.last {
        let operands = self[id].inputs
        guard next < operands.count else {
          order.append(id)
          stack.removeLast()
          continue
        }
        stack[stack.count - 1].next += 1
        if let producer = operands[next]?.node, seen.insert(producer).inserted { stack.append((producer, 0)) }
      }
    }
    return order + topologicalOrder().filter { !seen.contains($0) }
  }

  fileprivate func numberedOrder() -> (order: [NodeID], numbers: [NodeID: Int]) {
    let order = printingOrder()
    return (order, Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) }))
  }
}

private struct GraphPrinter {
  let graph: Graph
  let options: GraphTextOptions
  let order: [NodeID]
  let numbers: [NodeID: Int]
  let inputNames: [NodeID: [String]]
  /// What stands before every line but the first.
  let indentation: String
  var unknownSizes: [String: Dimension] = [:]

  init(graph: Graph, options: GraphTextOptions, indentation: String = "") {
    self.graph = graph
    self.options = options
    self.indentation = indentation
    (order, numbers) = graph.numberedOrder()
    inputNames = Dictionary(graph.inputs.map { ($0.value.node, $0.names) }) { first, _ in first }
  }

  mutating func print() -> String {
    var lines = ["graph \(graph.name.isEmpty ? "" : TextForm.quote(graph.name) + " "){"]
    for id in order { lines.append("  " + line(graph[id])) }
    for output in graph.outputs {
      lines.append("  return \(output.names.map { TextForm.quote($0) + " " }.joined())\(reference(output.value))")
    }
    return (lines + ["}"]).joined(separator: "\n\(indentation)")
  }

  private mutating func line(_ node: Node) -> String {
    let descriptor = OperationDescriptor.of(node.operation)
    var text = "%\(numbers[node.id] ?? 0)"
    if node.outputs.count != 1 { text += ":\(node.outputs.count)" }
    text += " = \(descriptor.name)"
    for name in inputNames[node.id] ?? (options.showsNodeNames && !node.name.isEmpty ? [node.name] : []) {
      text += " " + TextForm.quote(name)
    }
    if let constant = node.operation as? Constant {
      return text + " : " + TextForm.literal(constant.tensor, limit: options.constantLimit)
    }
    let attributes = descriptor.setAttributes(of: node.operation).map { name, value in
      guard case .graph(let subgraph) = value else {
        return "\(name) = \(TextForm.literal(value, limit: options.constantLimit))"
      }
      var printer = GraphPrinter(graph: subgraph, options: options, indentation: indentation + "  ")
      swap(&printer.unknownSizes, &unknownSizes)
      defer { swap(&printer.unknownSizes, &unknownSizes) }
      return "\(name) = \(printer.print())"
    }
    if !attributes.isEmpty { text += " {\(attributes.joined(separator: ", "))}" }
    if !descriptor.inputs.isEmpty {
      text += " (\(node.inputs.map { $0.map(reference) ?? "_" }.joined(separator: ", ")))"
    }
    let types = node.outputs.map { renumbered($0.type).description }
    return types.isEmpty ? text : text + " : " + types.joined(separator: ", ")
  }

  private func reference(_ value: Value) -> String {
    let number = "%\(numbers[value.node] ?? 0)"
    return graph[value.node].outputs.count == 1 ? number : "\(number).\(value.output)"
  }

  /// `type` with every unknown size numbered in the order of first appearance, so that the text does not depend on node handles.
  private mutating func renumbered(_ type: TensorType) -> TensorType {
    guard let dimensions = type.shape.dimensions else { return type }
    let sizes = dimensions.map { dimension in
      let unknown = dimension.symbols.filter { $0.hasPrefix("?") && $0 != Dimension.unrepresentable.description }
      if unknown.isEmpty { return dimension }
      for symbol in unknown.sorted() where unknownSizes[symbol] == nil {
        unknownSizes[symbol] = Dimension(symbol: "?\(unknownSizes.count)")
      }
      return dimension.substituting(unknownSizes)
    }
    return TensorType(type.element, Shape(sizes))
  }
}
