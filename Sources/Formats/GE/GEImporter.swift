import GraphIR
import Operations
import Tensors

/// Builds the graph of a model of Ascend's graph engine. Weights, of which the file says the types only, become inputs behind the model's.
struct GEImporter {
  private let description: GEGraph
  private(set) var graph: Graph
  /// Where values are in the file.
  private(set) var names: [Value: GEGraph.Input] = [:]
  /// The names of weights, which are inputs here.
  private(set) var weights: Set<String> = []
  private var values: [GEGraph.Input: Value] = [:]
  private var readOutputs: Set<GEGraph.Input> = []

  private static let constants: Set<String> = ["Const", "Constant", "Variable", "FileConstant"]

  init(_ description: GEGraph) {
    self.description = description
    graph = Graph(name: description.name)
  }

  mutating func run() throws {
    let operations = description.operations
    let dependencies = try operations.map { operation in
      try locating("operation '\(operation.name)'") {
        try (operation.inputs.compactMap { $0?.name } + operation.controls).map { name in
          guard let position = description.positions[name] else {
            throw ModelError.invalid("it reads '\(name.prefix(80))', which is not there")
          }
          return position
        }
      }
    }
    for operation in operations { readOutputs.formUnion(operation.inputs.compactMap { $0 }) }
    let order = try DependencyOrder.sorted(dependencies) { "'\(operations[$0].name)'" }
    for index in order where operations[index].type == "Data" { try addInput(operations[index], at: index) }
    for index in order where Self.constants.contains(operations[index].type) {
      try addInput(operations[index], at: index)
      weights.insert(operations[index].name)
    }
    for index in order {
      let operation = operations[index]
      guard operation.type != "Data", operation.type != "NetOutput", !Self.constants.contains(operation.type) else {
        continue
      }
      try locating("operation '\(operation.name)' (\(operation.type))") { try add(operation, at: index) }
    }
    try addOutputs()
  }

  private func source(_ operation: GEGraph.Operation, at index: Int) -> SourceNode {
    let history = Provenance.history { key in try? operation.strings(key) }
    return SourceNode(index: index, name: operation.name, type: operation.type, history: history)
  }

  private mutating func addInput(_ operation: GEGraph.Operation, at index: Int) throws {
    try locating("'\(operation.name)'") {
      guard case .some(.some(let type)) = operation.outputTypes.first ?? operation.inputTypes.first else {
        throw ModelError.invalid("its type is not stated")
      }
      let origin = Origin(sources: [source(operation, at: index)])
      define([try graph.addInput([operation.name], type, origin: origin)], of: operation)
    }
  }

  private mutating func define(_ results: [Value?], of operation: GEGraph.Operation) {
    for (index, result) in results.enumerated() {
      guard let result else { continue }
      let name = GEGraph.Input(name: operation.name, output: index)
      values[name] = result
      if names[result] == nil { names[result] = name }
    }
  }

  private func value(_ input: GEGraph.Input) throws -> Value {
    guard let value = values[input] else {
      throw ModelError.invalid("it reads '\(input.text.prefix(80))', which is not there")
    }
    return value
  }

  private mutating func add(_ operation: GEGraph.Operation, at index: Int) throws {
    let inputs = try operation.inputs.map { try $0.map(value) }
    let origin = Origin(sources: [source(operation, at: index)])
    var reason: String?
    let mark = graph.mark
    do {
      var lifted = GELifting(operation: operation, inputs: inputs, origin: origin, graph: graph)
      if let results = try lifted.results() {
        let read = operation.outputTypes.indices.filter { output in
          readOutputs.contains(GEGraph.Input(name: operation.name, output: output))
        }
        if let missing = read.first(where: { !results.indices.contains($0) || results[$0] == nil }) {
          throw ModelError.unsupported("its result \(missing)")
        }
        for (stated, result) in zip(operation.outputTypes, results) {
          guard let stated, let result, !stated.agrees(with: lifted.graph.type(of: result)) else { continue }
          throw ModelError.unsupported(
            "its result is stated to be \(stated), but would be \(lifted.graph.type(of: result))")
        }
        graph = lifted.graph
        graph.setMissingOrigins(after: mark, origin)
        return define(results, of: operation)
      }
    } catch let error as ModelError where error.kind == .unsupported || error.kind == .invalid {
      // What it means is not sure: it stays as it is.
      reason = error.message
    }
    let types = operation.outputTypes.map { $0 ?? .unknown }
    let opaque = Opaque(type: operation.type, outputs: types, reason: reason)
    let id = try graph.add(opaque, inputs, name: operation.name, origin: origin, outputs: types.count)
    define(graph[id].values, of: operation)
  }

  /// What `NetOutput` reads; without one, what nothing reads.
  private mutating func addOutputs() throws {
    let ends = description.operations.filter { $0.type == "NetOutput" }
    var seen: Set<String> = []
    if ends.isEmpty {
      for value in names.keys.sorted() where graph.uses(of: value).isEmpty {
        guard !(graph[value.node].operation is Parameter), let name = names[value] else { continue }
        graph.addOutput([name.text], value)
      }
    }
    for end in ends {
      for case .some(let input) in end.inputs {
        let value = try locating("operation '\(end.name)'") { try self.value(input) }
        if seen.insert(input.text).inserted { graph.addOutput([input.text], value) }
      }
    }
    try require(!graph.outputs.isEmpty, "the graph has no outputs")
  }
}
