import GraphIR
import Operations
import Tensors

/// How the graph engine says a node that a fusion made.
struct GESpelling {
  enum Operand {
    case none
    case value(Value)
    /// A constant whose numbers the file has no place for.
    case unknownConstant(TensorType)
  }

  let type: String
  private(set) var attributes: [(String, GEValue)] = []
  /// The position of the node's result.
  private(set) var result = 0
  private(set) var inputTypes: [TensorType?] = []
  private(set) var outputTypes: [TensorType?]
  private let node: Node
  private let graph: Graph

  private static let simple: [String: String] = [
    "MatMul": "BatchMatMulV2", "Add": "Add", "Sub": "Sub", "Mul": "Mul", "Div": "RealDiv", "Max": "Maximum",
    "Not": "LogicalNot", "And": "LogicalAnd", "Or": "LogicalOr", "Where": "SelectV2", "Identity": "Identity",
    "Reciprocal": "Reciprocal", "Transpose": "TransposeD", "Reshape": "Reshape", "Unsqueeze": "Reshape",
    "Squeeze": "Reshape",
    "Expand": "BroadcastTo",
    "Cast": "Cast", "FlashAttentionScore": "FlashAttentionScore",
  ]

  init(_ node: Node, in graph: Graph) {
    self.node = node
    self.graph = graph
    let name = OperationDescriptor.of(node.operation).name
    var type = Self.simple[name] ?? ""
    // A number beside a tensor is an attribute.
    if ["Mul", "Add"].contains(name),
      node.inputs.contains(where: { $0.map { graph.info(of: $0).scalar != nil } ?? false })
    {
      type = name == "Mul" ? "Muls" : "Adds"
    }
    self.type = type
    outputTypes = node.outputs.map(\.type)
  }

  mutating func operands() throws -> [Operand] {
    let name = OperationDescriptor.of(node.operation).name
    guard !type.isEmpty else { throw ModelError.unsupported("the graph engine's JSON has no counterpart of \(name)") }
    var operands: [Operand]
    switch node.operation {
    case let attention as FlashAttentionScore: operands = score(attention)
    case let transpose as Transpose:
      let rank = node.outputs[0].type.rank ?? 0
      attributes = [("perm", .integers(try transpose.order(rank: rank)))]
      operands = node.inputs.map(operand)
    case is Cast:
      if let code = node.outputs[0].element.geCode { attributes = [("dst_type", .integer(code))] }
      operands = node.inputs.map(operand)
    case is Reshape, is Unsqueeze, is Squeeze, is Expand:
      operands = [
        operand(node.inputs[0]), .unknownConstant(TensorType(.int64, [Dimension(node.outputs[0].rank ?? 0)])),
      ]
    default:
      if type == "Muls" || type == "Adds" {
        let isNumber = { [graph] (value: Value?) in value.flatMap { graph.info(of: $0).scalar } }
        let number = node.inputs.compactMap(isNumber).first ?? 0
        attributes = [("value", .number(number))]
        operands = node.inputs.filter { isNumber($0) == nil }.map(operand)
        if operands.isEmpty { operands = [operand(node.inputs[0])] }
      } else {
        operands = node.inputs.map(operand)
      }
    }
    for case .value(let value) in operands where graph[value.node].operation is Constant {
      throw ModelError.unsupported(
        "the graph engine's JSON has no place for the numbers of a constant that \(name) reads")
    }
    inputTypes = operands.map { operand in
      switch operand {
      case .none: nil
      case .value(let value): graph.type(of: value)
      case .unknownConstant(let type): type
      }
    }
    return operands
  }

  private func operand(_ value: Value?) -> Operand { value.map { .value($0) } ?? .none }

  private func input(_ index: Int) -> Value? { node.inputs.indices.contains(index) ? node.inputs[index] : nil }

  /// The inputs of `FlashAttentionScore`, which has more than are ever used here.
  private mutating func score(_ attention: FlashAttentionScore) -> [Operand] {
    // By position, a mask of this size is wanted: the triangle of the largest tile.
    let triangle = TensorType(.bool, [2048, 2048])
    let mask = attention.sparseMode == 0 ? operand(input(4)) : .unknownConstant(triangle)
    attributes = [
      ("scale_value", .number(attention.scale)), ("keep_prob", .number(1)), ("pre_tockens", .integer(attention.before)),
      ("next_tockens", .integer(attention.after)), ("head_num", .integer(attention.heads)),
      ("input_layout", .string("BNSD")), ("inner_precise", .integer(attention.innerPrecision)),
      ("sparse_mode", .integer(attention.sparseMode)), ("pse_type", .integer(0)),
    ]
    let output = node.outputs[0].type
    let sizes = output.shape.dimensions ?? []
    let statistics = TensorType(.float32, Shape(Array(sizes.prefix(3)) + [8]))
    outputTypes = [statistics, statistics, nil, output]
    result = 3
    var operands = [operand(input(0)), operand(input(1)), operand(input(2)), operand(input(3)), .none, .none, mask]
    while case .none = operands[operands.count - 1], operands.count > 3 { operands.removeLast() }
    return operands
  }
}
