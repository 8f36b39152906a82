import GraphIR
import Tensors

/// Brings nodes of an older standard operator set to the one that has `Attention`, without changing what they mean.
struct ONNXUpgrade {
  /// The first operator set with `Attention`.
  static let target = 23

  /// Operator sets older than this broadcast in ways of their own.
  private static let oldest = 7

  /// Operators, with the version up to which their meaning or form can't be carried over.
  private static let refused: [String: Int] = ["DFT": 20, "GroupNormalization": 21, "Scan": 9]

  private let version: Int
  /// The number of axes of a value, where it is known.
  private let rank: (String) -> Int?
  private var usedNames: TakenNames
  /// Types of nodes that could not be brought over.
  private(set) var failures: Set<String> = []

  init(from version: Int, usedNames: Set<String>, rank: @escaping (String) -> Int?) {
    self.version = version
    self.usedNames = TakenNames(usedNames)
    self.rank = rank
  }

  /// Raises the standard operator set among `imports` to the one that has `Attention`, and returns what brings nodes over; nil where it is
  /// that new already.
  static func raise(
    _ imports: inout [Onnx_OperatorSetIdProto], usedNames: Set<String>, rank: @escaping (String) -> Int?
  ) -> ONNXUpgrade? {
    guard let index = imports.firstIndex(where: { ["", "ai.onnx"].contains($0.domain) }),
      imports[index].version < target
    else { return nil }
    defer { imports[index].version = Int64(target) }
    return ONNXUpgrade(from: Int(imports[index].version), usedNames: usedNames, rank: rank)
  }

  /// Throws, naming the operators that could not be brought over, where there are any.
  func check() throws {
    guard version >= Self.oldest else {
      throw ModelError.unsupported(
        "operator set \(version) is too old to be brought to \(Self.target); another --attention-op keeps it")
    }
    guard failures.isEmpty else {
      throw ModelError.unsupported(
        "the model can't be brought from operator set \(version) to \(Self.target) because of "
          + failures.sorted().joined(separator: ", ") + "; another --attention-op keeps its operator set")
    }
  }

  /// `nodes` in the newer operator set, with constants before those that now take an attribute as an input.
  mutating func upgraded(_ nodes: [Onnx_NodeProto]) throws -> [Onnx_NodeProto] {
    try nodes.flatMap { try upgraded($0, descending: true) }
  }

  /// `node` in the newer operator set, and where `descending` the graphs inside it, too.
  mutating func upgraded(_ node: Onnx_NodeProto, descending: Bool) throws -> [Onnx_NodeProto] {
    var result = node
    for index in node.attribute.indices where descending {
      if node.attribute[index].hasG {
        result.attribute[index].g.node = try upgraded(node.attribute[index].g.node)
      }
      for position in node.attribute[index].graphs.indices {
        result.attribute[index].graphs[position].node = try upgraded(node.attribute[index].graphs[position].node)
      }
    }
    guard node.standardDomain.isEmpty else { return [result] }
    if let limit = Self.refused[node.opType], version < limit { failures.insert(node.opType) }
    var constants: [Onnx_NodeProto] = []
    if let moved = MovedAttributes[node.opType], version < moved.before {
      constants = try move(moved, of: &result)
    }
    change(&result)
    return constants + [result]
  }

  /// Changes of more than moved attributes.
  private mutating func change(_ node: inout Onnx_NodeProto) {
    switch node.opType {
    case "Softmax", "LogSoftmax", "Hardmax":
      guard version < 13 else { return }
      let axis = node.attribute.first { $0.name == "axis" }.map { Int($0.i) } ?? 1
      let rank = node.input.first.flatMap(rank)
      guard axis == -1 || rank.map({ axis == $0 - 1 }) ?? false else {
        failures.insert(node.opType)
        return
      }
      node.setAttribute("axis", integer: -1)
    case "Split":
      let hasParts = node.input.count > 1 && !node.input[1].isEmpty
      if version < 18 && !hasParts { node.setAttribute("num_outputs", integer: node.output.count) }
    case "Dropout":
      // Outside of training the ratio means nothing.
      if version < 12 { node.attribute.removeAll { $0.name == "ratio" } }
    case "BatchNormalization":
      let isSpatial = node.attribute.first { $0.name == "spatial" }.map { $0.i == 1 } ?? true
      if version < 14 && (!isSpatial || node.output.count > 1) { failures.insert(node.opType) }
      node.attribute.removeAll { $0.name == "spatial" }
    case "Scatter":
      node.opType = "ScatterElements"
    case "Upsample", "Resize":
      changeResize(&node)
    case "GridSample":
      guard version < 20, let mode = node.text("mode") else { return }
      let names = ["bilinear": "linear", "bicubic": "cubic"]
      node.setAttribute("mode", text: names[mode] ?? mode)
    default: break
    }
  }

  private mutating func changeResize(_ node: inout Onnx_NodeProto) {
    if node.text("coordinate_transformation_mode") == "tf_half_pixel_for_nn" { failures.insert(node.opType) }
    guard node.opType == "Upsample" || version < 11 else { return }
    node.opType = "Resize"
    node.input.insert("", at: min(1, node.input.count))
    node.setAttribute("coordinate_transformation_mode", text: "asymmetric")
    node.setAttribute("nearest_mode", text: "floor")
    if node.text("mode") == "bilinear" { node.setAttribute("mode", text: "linear") }
  }

  /// Makes inputs of attributes, and returns the constants that hold them.
  private mutating func move(_ moved: MovedAttributes, of node: inout Onnx_NodeProto) throws -> [Onnx_NodeProto] {
    var constants: [Onnx_NodeProto] = []
    for move in moved.moves {
      guard let index = node.attribute.firstIndex(where: { $0.name == move.attribute }) else { continue }
      let attribute = node.attribute.remove(at: index)
      let tensor: Tensor =
        switch move.content {
        case .integers:
          attribute.hasI ? Tensor([attribute.i]) : Tensor(attribute.ints)
        case .floats: Tensor(attribute.floats)
        case .scalarLikeData: Tensor(scalar: attribute.f)
        }
      let name = usedNames.unused("\(node.output.first ?? node.name)/\(move.attribute)")
      var constant = Onnx_NodeProto()
      constant.opType = "Constant"
      constant.name = name
      constant.output = [name]
      constant.attribute = [try Onnx_AttributeProto("value", .tensor(tensor))]
      constants.append(constant)
      var input = name
      if move.content == .scalarLikeData {
        input = usedNames.unused("\(name)/like")
        var cast = Onnx_NodeProto()
        cast.opType = "CastLike"
        cast.name = input
        cast.input = [name, node.input.first ?? ""]
        cast.output = [input]
        constants.append(cast)
      }
      while node.input.count <= move.input { node.input.append("") }
      node.input[move.input] = input
    }
    return constants
  }
}

extension Onnx_NodeProto {
  fileprivate func text(_ name: String) -> String? {
    attribute.first { $0.name == name }.map { String(decoding: $0.s, as: UTF8.self) }
  }

  fileprivate mutating func setAttribute(_ name: String, integer: Int) {
    set(name) { attribute in
      attribute.type = .int
      attribute.i = Int64(integer)
    }
  }

  fileprivate mutating func setAttribute(_ name: String, text: String) {
    set(name) { attribute in
      attribute.type = .string
      attribute.s = .init(text.utf8)
    }
  }

  private mutating func set(_ name: String, _ change: (inout Onnx_AttributeProto) -> Void) {
    let index = attribute.firstIndex { $0.name == name }
    var changed = index.map { attribute[$0] } ?? Onnx_AttributeProto()
    changed.name = name
    change(&changed)
    if let index { attribute[index] = changed } else { attribute.append(changed) }
  }
}
