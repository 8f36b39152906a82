import Tensors

extension Graph {
  /// Adds `operation` applied to `inputs` and infers what it gives.
  ///
  /// Throws `ModelError` where the inputs don't fit the operation's schema or its inference refuses them.
  @discardableResult
  public mutating func add(
    _ operation: any GraphOperation, _ inputs: [Value?] = [], name: String = "", origin: Origin = .none,
    outputs: Int? = nil
  ) throws -> NodeID {
    let id = NodeID(slots.count)
    try check(inputs, of: operation)
    if let outputs {
      let descriptor = OperationDescriptor.of(operation)
      let most = descriptor.outputs.upperBound
      try require(
        outputs <= most, "\(descriptor.name) gives \(most) result\(most == 1 ? "" : "s") at most, not \(outputs)")
    }
    var operation = operation
    let results = try infer(&operation, inputs, id: id, outputs: outputs)
    loosened?.append(id)
    slots.append(Node(id: id, operation: operation, inputs: inputs, outputs: results, name: name, origin: origin))
    uses.append(Array(repeating: [], count: results.count))
    if operation.runsGraphs { subgraphOwners.append(id) }
    for (index, input) in inputs.enumerated() {
      if let input { uses[input.node.index][input.output].append(.node(id, input: index)) }
    }
    return id
  }

  /// Adds `operation` and returns its first result.
  public mutating func insert(
    _ operation: any GraphOperation, _ inputs: [Value?], name: String = "", origin: Origin = .none
  ) throws -> Value {
    Value(try add(operation, inputs, name: name, origin: origin))
  }

  /// A point in the construction of the graph to which `discard(after:)` can go back.
  package var mark: Int { slots.count }

  /// Removes the nodes added since `mark` was taken, which nothing but one another may use.
  package mutating func discard(after mark: Int) {
    for node in slots[mark...].lazy.compactMap({ $0 }) {
      for case .some(let input) in node.inputs where input.node.index < mark {
        uses[input.node.index][input.output].removeAll { ($0.node?.index ?? -1) >= mark }
      }
    }
    slots.removeSubrange(mark...)
    uses.removeSubrange(mark...)
    subgraphOwners.removeAll { $0.index >= mark }
  }

  /// Gives the nodes added since `mark` was taken that come from nowhere the origin `origin`.
  package mutating func setMissingOrigins(after mark: Int, _ origin: Origin) {
    for index in slots.indices[mark...] where slots[index]?.origin == Origin.none {
      slots[index] = slots[index]?.with(origin: origin)
    }
  }

  /// Names the nodes that were added since `mark` to stand for `node`: the one that gives `result` takes its name and origin, the
  /// others are named after it.
  ///
  /// - Returns: those nodes.
  package mutating func nameParts(since mark: Int, of node: Node, result: Value?) -> [NodeID] {
    let added = slots.indices[mark...].filter { slots[$0] != nil }
    for index in added {
      if index == result?.node.index {
        slots[index] = slots[index]?.with(name: node.name, origin: node.origin)
      } else if let part = slots[index] {
        let name = node.name.isEmpty ? nil : "\(node.name)/\(OperationDescriptor.of(part.operation).name)"
        slots[index] = part.with(name: name, origin: Origin(passes: node.origin.passes))
      }
    }
    return added.map { NodeID($0) }
  }

  /// Adds an input that answers to `names`.
  @discardableResult
  public mutating func addInput(_ names: [String], _ type: TensorType, origin: Origin = .none) throws -> Value {
    try addInput(names, ValueInfo(type), origin: origin)
  }

  /// Adds an input that answers to `names`, with its type; for an input of a subgraph also with what is known of its contents.
  @discardableResult
  public mutating func addInput(_ names: [String], _ info: ValueInfo, origin: Origin = .none) throws -> Value {
    let value = try insert(Parameter(type: info.type), [], name: names.first ?? "", origin: origin)
    try setInput(value.node, info)
    inputs.append(Port(names: names, value: value))
    return value
  }

  public mutating func addConstant(_ tensor: Tensor, name: String = "", origin: Origin = .none) throws -> Value {
    try insert(Constant(tensor), [], name: name, origin: origin)
  }

  /// Adds an output that answers to `names`.
  public mutating func addOutput(_ names: [String], _ value: Value) {
    uses[value.node.index][value.output].append(.output(outputs.count))
    outputs.append(Port(names: names, value: value))
  }

  /// Makes everything that reads `old` read `new` instead, except `new`'s own node and nodes in `excluded`.
  ///
  /// Throws where the two can't have the same type.
  public mutating func replaceUses(of old: Value, with new: Value, except excluded: Set<NodeID> = []) throws {
    if old == new { return }
    let (before, after) = (type(of: old), type(of: new))
    try require(
      before.element == after.element || before.element == .unknown || after.element == .unknown,
      "a value of type \(before) can't be replaced with one of type \(after)")
    if let first = before.shape.dimensions, let second = after.shape.dimensions {
      let agree =
        first.count == second.count
        && zip(first, second).allSatisfy { $0.constant == nil || $1.constant == nil || $0 == $1 }
      try require(agree, "a value of type \(before) can't be replaced with one of type \(after)")
    }
    loosened?.append(old.node)
    var kept: [Use] = []
    for use in uses(of: old) {
      switch use {
      case .node(let id, let input) where id != new.node && !excluded.contains(id):
        var inputs = self[id].inputs
        inputs[input] = new
        slots[id.index] = self[id].with(inputs: inputs)
        uses[new.node.index][new.output].append(use)
      case .output(let index):
        outputs[index].value = new
        uses[new.node.index][new.output].append(use)
      default:
        kept.append(use)
      }
    }
    uses[old.node.index][old.output] = kept
    replaced[new] = replaced[old] ?? old
  }

  /// Makes the node `id` read `inputs` and infers anew what it gives; nodes that read that are left as they are.
  ///
  /// Throws, and changes nothing, where the inputs don't fit the operation.
  package mutating func setInputs(_ inputs: [Value?], of id: NodeID) throws {
    let node = self[id]
    try check(inputs, of: node.operation)
    var operation = node.operation
    let results = try infer(&operation, inputs, id: id, outputs: node.outputs.count)
    for (index, input) in node.inputs.enumerated() {
      guard let input else { continue }
      loosened?.append(input.node)
      uses[input.node.index][input.output].removeAll { $0 == .node(id, input: index) }
    }
    for (index, input) in inputs.enumerated() {
      if let input { uses[input.node.index][input.output].append(.node(id, input: index)) }
    }
    slots[id.index] = node.with(operation: operation, inputs: inputs, outputs: results)
  }

  /// Makes the output at `index` give `value`, under the names it has.
  package mutating func setOutput(_ index: Int, to value: Value) {
    let old = outputs[index].value
    loosened?.append(old.node)
    uses[old.node.index][old.output].removeAll { $0 == .output(index) }
    uses[value.node.index][value.output].append(.output(index))
    outputs[index].value = value
  }

  /// Removes every node that no output depends on, in the graphs inside nodes, too; inputs stay.
  public mutating func removeUnused() {
    for owner in subgraphOwners { changeSubgraphs(of: owner) { $0.removeUnused() } }
    let unused = unusedNodes()
    loosened = []
    if unused.isEmpty { return }
    let read = Set(unused.flatMap { self[$0].inputs.compactMap { $0 } })
    for value in read where !unused.contains(value.node) {
      uses[value.node.index][value.output].removeAll { use in use.node.map(unused.contains) ?? false }
    }
    for id in unused {
      slots[id.index] = nil
      uses[id.index] = []
    }
    subgraphOwners.removeAll(where: unused.contains)
  }

  /// The nodes, but for inputs, that no output depends on: where it is known of which nodes they can only be, found from those.
  private func unusedNodes() -> Set<NodeID> {
    let inputs = Set(inputs.map(\.value.node))
    guard var pending = loosened else {
      let isLive = areLive()
      return Set(nodes.lazy.map(\.id).filter { !isLive[$0.index] && !inputs.contains($0) })
    }
    var unused: Set<NodeID> = []
    // How many of a value's readers are unused.
    var lost: [Value: Int] = [:]
    while let id = pending.popLast() {
      guard contains(id), !inputs.contains(id), !unused.contains(id) else { continue }
      let readers = uses[id.index]
      guard readers.indices.allSatisfy({ readers[$0].count == lost[Value(id, $0), default: 0] }) else { continue }
      unused.insert(id)
      for case let input? in self[id].inputs {
        lost[input, default: 0] += 1
        pending.append(input.node)
      }
    }
    return unused
  }

  /// The operations' inference once more, front to back, after `change` has given inputs other types.
  ///
  /// Used to bind symbols: node handles stay as they are.
  public mutating func reinfer(inputTypes: [Value: TensorType]) throws {
    for (value, type) in inputTypes where contains(value.node) && type != self.type(of: value) {
      try setInput(value.node, ValueInfo(type))
    }
    try inferAgain { !$0.is(Parameter.self) && !$0.is(Constant.self) }
  }

  /// Infers all types again for inputs of the types that they have in `other`, of which this graph is a rewrite.
  ///
  /// Nodes that read there what they read here are not inferred again.
  package mutating func takeTypes(of other: Graph) throws {
    var isTaken = Array(repeating: false, count: slots.count)
    for id in topologicalOrder() {
      let node = self[id]
      if other.contains(id), !node.operation.runsGraphs {
        let before = other[id]
        let readsTheSame =
          node.inputs.count == before.inputs.count
          && zip(node.inputs, before.inputs).allSatisfy { new, old in
            guard let new, let old else { return new == nil && old == nil }
            return (new == old && isTaken[new.node.index]) || info(of: new) == other.info(of: old)
          }
        if readsTheSame {
          isTaken[id.index] = true
          slots[id.index] = node.with(operation: before.operation, outputs: before.outputs)
          continue
        }
      }
      try inferAgain(node)
    }
  }

  /// The inference of nodes that `isMeant` once more, front to back.
  private mutating func inferAgain(_ isMeant: (Node) -> Bool) throws {
    for id in topologicalOrder() {
      let node = self[id]
      if isMeant(node) { try inferAgain(node) }
    }
  }

  private mutating func inferAgain(_ node: Node) throws {
    var operation = node.operation
    let results = try locating(node.label) {
      try infer(&operation, node.inputs, id: node.id, outputs: node.outputs.count)
    }
    slots[node.id.index] = node.with(operation: operation, outputs: results)
  }

  /// Gives the input `id` a type, and contents where they are known.
  mutating func setInput(_ id: NodeID, _ info: ValueInfo) throws {
    guard self[id].operation is Parameter else { return }
    var named = info
    try named.nameUnknowns("?\(scope)\(id.index).0")
    slots[id.index] = self[id].with(operation: Parameter(type: named.type), outputs: [named])
  }

  /// Replaces every operation with what `change` makes of it, inputs included, and infers all types again.
  ///
  /// Handles, names and connections stay as they are.
  package mutating func mapOperations(_ change: (any GraphOperation) throws -> any GraphOperation) throws {
    for index in slots.indices {
      guard let node = slots[index] else { continue }
      let operation = try locating(node.label) { try change(node.operation) }
      slots[index] = node.with(operation: operation)
      if let input = operation as? Parameter, input.type != node.outputs.first?.type {
        try setInput(node.id, ValueInfo(input.type))
      }
    }
    subgraphOwners = nodes.filter { $0.operation.runsGraphs }.map(\.id)
    try inferAgain { !$0.is(Parameter.self) }
  }

  private func check(_ inputs: [Value?], of operation: any GraphOperation) throws {
    let descriptor = OperationDescriptor.of(operation)
    let variadic = descriptor.inputs.last?.kind == .variadic
    guard inputs.count <= descriptor.inputs.count || variadic else {
      throw ModelError.invalid(
        "\(descriptor.name) takes \(descriptor.inputs.count) inputs at most, not \(inputs.count)")
    }
    for (index, slot) in descriptor.inputs.enumerated() where slot.kind == .required {
      guard index < inputs.count, inputs[index] != nil else {
        throw ModelError.invalid("\(descriptor.name): input \(index) ('\(slot.name)') is missing")
      }
    }
    for input in inputs.lazy.compactMap({ $0 }) {
      guard contains(input.node), uses[input.node.index].indices.contains(input.output) else {
        throw ModelError.invalid("\(descriptor.name) reads a value that is not in the graph")
      }
    }
  }

  /// What `operation` gives; one that has graphs of its own is told what is known of its inputs.
  private func infer(
    _ operation: inout any GraphOperation, _ inputs: [Value?], id: NodeID, outputs: Int?
  ) throws -> [ValueInfo] {
    let known = Operands(inputs.map { $0.map(info) })
    var results: [ValueInfo]
    if operation.runsGraphs, var owner = operation as? any SubgraphOperation {
      for index in owner.subgraphs.indices { owner.subgraphs[index].scope = "\(scope)\(id.index)_\(index)." }
      results = try owner.bind(known)
      operation = owner
      if let outputs {
        try require(outputs <= results.count, "the graphs inside give \(results.count) results, not \(outputs)")
      }
    } else {
      results = try operation.infer(known)
      fold(operation, known, into: &results)
    }
    if let outputs {
      // A node may leave out trailing results, and name more of them than inference of an unknown operation gives.
      results = Array(results.prefix(outputs))
      results += Array(repeating: .unknown, count: outputs - results.count)
    }
    for output in results.indices {
      try results[output].nameUnknowns("?\(scope)\(id.index).\(output)")
    }
    return results
  }

  /// Computes small results of constant inputs; an evaluation that fails leaves them unknown for the run to report.
  private func fold(_ operation: any GraphOperation, _ inputs: Operands<ValueInfo>, into results: inout [ValueInfo]) {
    guard inputs.areConstant(upTo: ValueInfo.contentsLimit), results.contains(where: { $0.constant == nil }) else {
      return
    }
    let small = results.allSatisfy { info in
      guard let sizes = info.type.shape.sizes,
        let count = try? Tensor.elementCount(of: sizes, element: info.element == .unknown ? .uint8 : info.element)
      else { return false }
      return count <= ValueInfo.contentsLimit
    }
    guard small, !(operation is any StatefulOperation), !inputs.areWeights else { return }
    let tensors = Operands((0..<inputs.count).map { inputs.optional($0)?.constant })
    guard let values = try? operation.evaluate(tensors), values.count >= results.count else { return }
    for index in results.indices { results[index] = ValueInfo(constant: values[index]) }
  }
}

extension Operands<ValueInfo> {
  /// Whether elements that are only stored are among them, more than a few: weights, and not what anything is told by. The run unpacks
  /// them, with more precision than their 16 bits where what follows is computed with more.
  fileprivate var areWeights: Bool {
    (0..<count).contains { index in
      guard let constant = optional(index)?.constant else { return false }
      return constant.element.isStorageOnly && constant.count > ValueInfo.symbolsLimit
    }
  }

  /// Whether there are inputs, and the contents of all of them are known and of `limit` elements at most.
  fileprivate func areConstant(upTo limit: Int) -> Bool {
    var isAny = false
    for index in 0..<count {
      guard let input = optional(index) else { continue }
      guard let constant = input.constant, constant.count <= limit else { return false }
      isAny = true
    }
    return isAny
  }
}

extension ValueInfo {
  /// Gives every size and element of which nothing is known a symbol of its own, and refuses sizes that overflow or are negative.
  fileprivate mutating func nameUnknowns(_ label: @autoclosure () -> String) throws {
    if var dimensions = type.shape.dimensions {
      try require(!dimensions.contains(where: \.isUnrepresentable), "a size of the result overflows: \(type)")
      if let sizes = type.shape.sizes { _ = try Tensor.elementCount(of: sizes, element: type.element) }
      if dimensions.contains(where: \.isUnknown) {
        for axis in dimensions.indices where dimensions[axis].isUnknown {
          dimensions[axis] = Dimension(symbol: "\(label()).\(axis)")
        }
        type.shape = Shape(dimensions)
      }
    }
    if var elements = symbols, elements.contains(where: \.isUnknown) {
      for index in elements.indices where elements[index].isUnknown {
        elements[index] = Dimension(content: "\(label().dropFirst()).\(index)")
      }
      symbols = elements
    }
  }
}

extension Node {
  /// The node in messages: its name, or its operation and number.
  public var label: String {
    name.isEmpty ? "\(OperationDescriptor.of(operation).name) #\(id.index)" : name
  }
}
