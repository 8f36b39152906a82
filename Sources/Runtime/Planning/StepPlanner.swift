import GraphIR
import KernelInterface
import Kernels
import Operations
import Tensors

/// A step of a plan whose values have no places yet.
struct PlannedStep {
  enum Input {
    case absent
    case value(Value)
    case constant(Tensor)
  }

  /// What it computes, in order; there is at least one.
  let nodes: [Node]
  /// The types of what the nodes read, where `inputs` are something else.
  var inputTypes: [TensorType?]?
  let inputs: [Input]
  let outputs: [Value]
  let outputTypes: [TensorType]
  var method: ExecutionPlan.Method
  /// Inputs whose memory the output may be written over.
  var overwritable: [Int] = []
}

/// Turns the nodes of a graph into steps: groups what is computed together, reads views in place, packs weights.
struct StepPlanner {
  private let graph: Graph
  private let order: [NodeID]
  private let weights: WeightCache
  private let workers: Workers
  private var regions: ElementwiseRegions
  private var constants: ConstantValues
  /// The transposes that an attention writes its result as, by the attention, and the other way round.
  private var transposes: [NodeID: NodeID] = [:]
  private var transposed: Set<NodeID> = []
  /// Those, and the nodes of regions: nothing is read through them, since what they read may be computed nowhere else.
  private var joined: Set<NodeID> = []

  /// Plans `order`, the nodes that the outputs of `graph` depend on, each after those it reads.
  init(_ graph: Graph, order: [NodeID], weights: WeightCache, workers: Workers) {
    (self.graph, self.order, self.weights, self.workers) = (graph, order, weights, workers)
    let constants = ConstantValues(graph, order: order)
    self.constants = constants
    let computed = order.filter { !constants.isConstant(Value($0)) }
    regions = ElementwiseRegions(of: graph, order: computed)
    for id in computed where graph[id].operation is Operations.FlashAttention {
      guard case .node(let user, _)? = graph.uses(of: Value(id)).first, graph.hasSingleUse(Value(id)),
        let transpose = graph[user].operation as? Transpose, (try? transpose.order(rank: 4)) != nil
      else { continue }
      transposes[id] = user
      transposed.insert(user)
    }
    joined = transposed
    for region in regions.bySink.values where region.members.count > 1 || region.product != nil {
      joined.formUnion(region.members)
    }
  }

  /// The steps in the order in which they run.
  mutating func steps(_ observer: (any ExecutionObserver)? = nil) throws -> [PlannedStep] {
    var needed = Set(graph.outputs.map(\.value).filter { !constants.isConstant($0) })
    var steps: [PlannedStep] = []
    for (done, id) in order.reversed().enumerated() {
      let node = graph[id]
      observer?.prepared(done, of: order.count)
      // Whoever absorbed a node makes its values; a region may turn out not to.
      guard !(node.operation is Parameter), regions.sinks[id] == nil, !transposed.contains(id),
        !constants.isConstant(Value(id))
      else { continue }
      let produced = transposes[id].map { [Value($0)] } ?? node.values
      guard produced.contains(where: needed.contains) else { continue }
      for step in try locating(node.label, { try self.steps(for: node) }) {
        for case .value(let value) in step.inputs { needed.insert(value) }
        steps.append(step)
      }
    }
    steps.reverse()
    FlashAttentionKernel.shareMasks(&steps) { step, input in
      let inputs = step.nodes[0].inputs
      return (inputs.count > input ? inputs[input] : nil).flatMap { StridedSource(of: $0, in: graph, keeping: joined) }
    }
    return steps
  }

  /// The contents of a value that depends on no input.
  mutating func constant(_ value: Value) throws -> Tensor? { try constants.tensor(of: value) }

  /// What computes a node, and what it absorbed, the last step first.
  private mutating func steps(for node: Node) throws -> [PlannedStep] {
    if let step = try attention(node) { return [step] }
    let transpose = try transposes[node.id].map { try step(for: graph[$0]) }
    return [transpose, try step(for: node)].compactMap { $0 }
  }

  private mutating func step(for node: Node) throws -> PlannedStep {
    if let opaque = node.operation as? Opaque {
      throw ModelError.unsupported(
        opaque.reason.map { "\(opaque.type): \($0)" } ?? "the operation \(opaque.type) is not known")
    }
    if let region = regions.bySink[node.id] {
      if let step = try step(for: region) { return step }
      regions.dissolve(region)
    }
    if ElementwiseRegions.isProduct(node, in: graph), let step = try product(node, [], node) { return step }
    if let step = try copy(node) { return step }
    return PlannedStep(
      nodes: [node], inputs: try node.inputs.map { try input($0) }, outputs: node.values,
      outputTypes: node.outputs.map(\.type), method: try method(for: node),
      overwritable: node.operation is any RowExecutable ? [0] : [])
  }

  private mutating func input(_ value: Value?) throws -> PlannedStep.Input {
    guard let value else { return .absent }
    return try constants.tensor(of: value).map { .constant($0.aligned()) } ?? .value(value)
  }

  private mutating func method(for node: Node) throws -> ExecutionPlan.Method {
    if let view = node.operation as? any ViewOperation, let input = node.inputs.first.flatMap({ $0 }),
      view.isView(graph.info(of: input))
    {
      return .view
    }
    if let owner = node.operation as? any SubgraphOperation {
      return .subgraphs(owner, owner.subgraphs.map { PlanCache($0, weights: weights, workers: workers) })
    }
    guard let executable = node.operation as? any CPUExecutable else { return .definition }
    let inputs = try node.inputs.map { value -> ValueInfo? in
      try value.map { value in
        try constants.tensor(of: value).map { ValueInfo(constant: $0) } ?? graph.info(of: value)
      }
    }
    let infos = inputs.compactMap { $0 } + node.outputs
    guard infos.allSatisfy({ $0.shape.sizes != nil && $0.element != .unknown }) else {
      return .whenSizesAreKnown(executable)
    }
    let kernel = try executable.prepare(Operands(inputs), outputs: node.outputs.map(\.type))
    return kernel.map { .kernel($0) } ?? .definition
  }

  // A region with its product, or else without.
  private mutating func step(for region: ElementwiseRegions.Region) throws -> PlannedStep? {
    if let product = region.product {
      if let step = try self.product(graph[product], region.members, graph[region.sink]) { return step }
      regions.separateProduct(of: region)
    }
    var program = ProgramBuilder()
    guard try emit(region.members, from: [:], into: &program), let type = type(of: region.sink),
      let operands = try operands(of: program, besides: nil), let shape = type.shape.sizes,
      let instructions = program.instructions(operandOrder: operands.order),
      let kernel = ElementwiseKernel(
        instructions, operands: operands.layouts, numbers: operands.numbers, shape: shape)
    else { return nil }
    return PlannedStep(
      nodes: region.members.map { graph[$0] }, inputTypes: operands.types, inputs: operands.inputs,
      outputs: [Value(region.sink)], outputTypes: [type],
      method: .kernel(kernel), overwritable: kernel.inPlaceOperands)
  }

  private func type(of id: NodeID) -> TensorType? { graph[id].outputs.first?.type }

  private func emit(
    _ members: [NodeID], from known: [Value: ProgramValue], into program: inout ProgramBuilder
  ) throws -> Bool {
    var values = known
    for id in members {
      let node = graph[id]
      guard let operation = node.operation as? any ElementwiseExecutable else { return false }
      let inputs = node.inputs.compactMap { $0 }.map { values[$0] ?? program.operand($0) }
      let infos = node.inputs.compactMap { $0 }.map { graph.info(of: $0) }
      guard let result = operation.emit(inputs, infos: infos, into: &program) else { return false }
      values[Value(id)] = result
    }
    return true
  }

  private struct ProgramOperands {
    var order: [ProgramBuilder.Source] = []
    var inputs: [PlannedStep.Input] = []
    var layouts: [StridedLayout] = []
    var numbers: [Float] = []

    var types: [TensorType] { layouts.map { TensorType(.float32, Shape($0.shape)) } }
  }

  /// A program's operands: `first`, where there is one, then tensors, then numbers.
  private mutating func operands(of program: ProgramBuilder, besides first: Value?) throws -> ProgramOperands? {
    var result = ProgramOperands()
    if let first { result.order.append(.value(first)) }
    for case .value(let value) in program.operands where value != first {
      guard let source = rows(of: value) else { return nil }
      result.order.append(.value(value))
      result.inputs.append(try input(source.value))
      result.layouts.append(source.layout)
    }
    for case .number(let number) in program.operands {
      result.order.append(.number(number))
      result.numbers.append(number)
    }
    return result
  }

  /// Where the elements of `value` are; what lies side by side in a row of it does there too.
  private func rows(of value: Value) -> StridedSource? {
    guard let source = StridedSource(of: value, in: graph, keeping: joined) else { return nil }
    if let size = source.layout.shape.last, let stride = source.layout.strides.last, size > 1, stride > 1 {
      return StridedSource(of: value, in: graph, keeping: joined, steps: 0)
    }
    return source
  }

  /// A node that moves elements, and views before it, as one copy.
  private mutating func copy(_ node: Node) throws -> PlannedStep? {
    guard let type = node.outputs.first?.type, node.outputs.count == 1, type.element != .unknown,
      let shape = type.shape.sizes, !shape.contains(0)
    else { return nil }
    let target = StridedLayout(dense: shape)
    var sources: [StridedSource] = []
    var targets: [StridedLayout] = []
    if let concat = node.operation as? Concat {
      let axis = try normalizedAxis(concat.axis, rank: shape.count)
      var start = 0
      for value in node.inputs.compactMap({ $0 }) {
        guard let source = StridedSource(of: value, in: graph, keeping: joined),
          source.layout.shape.count == shape.count
        else { return nil }
        let size = source.layout.shape[axis]
        if !source.layout.shape.contains(0) {
          sources.append(source)
          targets.append(target.part(axis: axis, start: start, size: size))
        }
        start += size
      }
      guard start == shape[axis] else { return nil }
    } else {
      // A view of what is all there costs nothing.
      guard let source = StridedSource(movedInto: Value(node.id), in: graph, keeping: joined),
        !(node.operation is any ViewOperation && source.layout.isDense)
      else { return nil }
      (sources, targets) = ([source], [target])
    }
    guard sources.allSatisfy({ graph.info(of: $0.value).element == type.element }),
      let kernel = CopyKernel(
        sources.map(\.layout), into: targets, elementBytes: type.element.byteCount)
    else { return nil }
    return PlannedStep(
      nodes: [node], inputTypes: node.inputs.map { $0.map { graph.type(of: $0) } },
      inputs: try sources.map { try input($0.value) }, outputs: [Value(node.id)], outputTypes: [type],
      method: .kernel(kernel))
  }

  /// A product and the elementwise nodes `members` after it, the last of which, or else the product, is `sink`.
  private mutating func product(_ node: Node, _ members: [NodeID], _ sink: Node) throws -> PlannedStep? {
    guard let operation = node.operation as? any ProductOperation, let first = node.inputs.first, let left = first,
      let second = node.inputs.dropFirst().first, let right = second,
      let leftSource = StridedSource(of: left, in: graph, keeping: joined),
      let rightSource = StridedSource(of: right, in: graph, keeping: joined),
      let matrices = operation.matrices(leftSource.layout, rightSource.layout), let type = type(of: sink.id),
      let shape = type.shape.sizes
    else { return nil }
    var program = ProgramBuilder()
    let value = Value(node.id)
    let addend = node.inputs.dropFirst(2).first.flatMap { $0 }
    let result = operation.finish(program.operand(value), addend: addend.map { program.operand($0) }, into: &program)
    guard try emit(members, from: [value: result], into: &program),
      let operands = try operands(of: program, besides: value),
      let instructions = program.instructions(operandOrder: operands.order)
    else { return nil }
    let batch = matrices.right.shape.dropLast(2)
    var matrix = matrices.right
    matrix.shape.removeFirst(batch.count)
    matrix.strides.removeFirst(batch.count)
    let packed = try batch.allSatisfy { $0 == 1 } ? self.packed(rightSource.value, matrix) : nil
    guard
      let kernel = ProductKernel(
        left: matrices.left, right: matrices.right, packed: packed, instructions: instructions,
        operands: operands.layouts, numbers: operands.numbers, shape: shape)
    else { return nil }
    let factors = [try input(leftSource.value)] + (packed == nil ? [try input(rightSource.value)] : [])
    return PlannedStep(
      nodes: [node] + members.map { graph[$0] },
      inputTypes: [graph.type(of: left), graph.type(of: right)]
        + operands.types,
      inputs: factors + operands.inputs, outputs: [Value(sink.id)], outputTypes: [type],
      method: .kernel(kernel))
  }

  /// The matrix that `layout` is of `value`, if constant, packed from the bits that the model stores: 16 of them are widened when
  /// they are packed.
  private mutating func packed(_ value: Value, _ layout: StridedLayout) throws -> PackedMatrix? {
    var value = value
    if graph[value.node].operation is Cast, let source = graph[value.node].inputs.first.flatMap({ $0 }),
      graph.info(of: source).element.isHalfPrecision, constants.isConstant(source)
    {
      value = source
    }
    let element = graph.info(of: value).element
    guard element == .float32 || element.isHalfPrecision,
      let expression = try constants.expression(of: value) ?? constants.tensor(of: value).map({ .tensor($0) })
    else { return nil }
    let packed = try weights.packed(expression, layout, on: workers) { try constants.tensor(of: value) }
    if packed != nil { constants.drop(value) }
    return packed
  }

  /// Attention that reads its operands where they are, and writes its result as who reads it wants it.
  private mutating func attention(_ node: Node) throws -> PlannedStep? {
    guard let operation = node.operation as? Operations.FlashAttention else { return nil }
    let absorbed = transposes[node.id]
    var infos: [ValueInfo?] = []
    var inputs: [PlannedStep.Input] = []
    var layouts: [StridedLayout] = []
    for (index, value) in node.inputs.enumerated() {
      var value = value
      if index < 3, let original = value {
        guard let source = StridedSource(of: original, in: graph, keeping: joined) else { return nil }
        value = source.value
        layouts.append(source.layout)
      }
      infos.append(node.inputs[index].map { graph.info(of: $0) })
      inputs.append(try input(value))
    }
    let output = absorbed ?? node.id
    guard let type = type(of: output), let shape = type.shape.sizes, node.outputs.count == 1,
      infos.allSatisfy({ $0?.shape.sizes != nil || $0 == nil })
    else { return nil }
    var target = StridedLayout(dense: shape)
    if let absorbed, let order = try (graph[absorbed].operation as? Transpose)?.order(rank: 4) {
      target = target.permuted(order.indices.map { axis in order.firstIndex(of: axis) ?? axis })
    }
    guard let kernel = try operation.prepare(Operands(infos), layouts: layouts, target: target) else { return nil }
    return PlannedStep(
      nodes: [node], inputTypes: infos.map { $0?.type }, inputs: inputs, outputs: [Value(output)], outputTypes: [type],
      method: .kernel(kernel))
  }
}
