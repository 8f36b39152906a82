import GraphIR
import Tensors

extension ONNXLiftingRule {
  /// Products and convolutions that ONNX Runtime's optimizer writes together with what it found around them.
  static let microsoftProducts: [ONNXLiftingRule] = [
    ONNXLiftingRule("FusedMatMul", "FusedMatMulActivation", "TransposeMatMul", domain: contrib) { node, graph in
      let operands = try ["A", "B"].enumerated().map { index, side in
        try transposed(
          node.required(index), batch: node.integer("transBatch\(side)") ?? 0 != 0,
          matrix: node.integer("trans\(side)") ?? 0 != 0, of: node, in: &graph)
      }
      var product = try node.insert("MatMul", operands, in: &graph)
      let alpha = try node.number("alpha") ?? 1
      if alpha != 1 {
        product = try node.insert("Mul", [product, node.scalar(alpha, like: product, in: &graph)], in: &graph)
      }
      return [try activated(product, of: node, in: &graph)]
    },
    ONNXLiftingRule("FusedGemm", domain: contrib) { node, graph in
      let own = node.attributes.filter { ["alpha", "beta", "transA", "transB"].contains($0.key) }
      return [try activated(node.insert("Gemm", node.inputs, own, in: &graph), of: node, in: &graph)]
    },
    ONNXLiftingRule("GemmFastGelu", domain: contrib) { node, graph in
      var sum = try node.insert("MatMul", [node.required(0), node.required(1)], in: &graph)
      if let bias = node.input(2) { sum = try node.insert("Add", [sum, bias], in: &graph) }
      return [try node.insert("Gelu", [sum], ["approximate": .string("tanh")], in: &graph)]
    },
    ONNXLiftingRule("FusedConv", domain: contrib) { node, graph in
      let own = node.attributes.filter { !["activation", "activation_params"].contains($0.key) }
      var result = try node.insert("Conv", Array(node.inputs.prefix(3)), own, in: &graph)
      if let addend = node.input(3) { result = try node.insert("Add", [result, addend], in: &graph) }
      return [try activated(result, of: node, in: &graph)]
    },
    ONNXLiftingRule("MatMulNBits", domain: contrib) { node, graph in
      guard let columns = try node.integer("N"), let depth = try node.integer("K"),
        let block = try node.integer("block_size"),
        [columns, depth, block].allSatisfy({ (1...(1 << 31)).contains($0) })
      else { throw ModelError.invalid("attributes 'N', 'K' and 'block_size' must be sizes") }
      guard node.input(4) == nil, try node.integer("weight_prepacked") ?? 0 == 0 else {
        throw ModelError.unsupported("MatMulNBits of reordered weights")
      }
      let blocks = (depth - 1) / block + 1
      let rows = try unpackedBlocks(
        node.required(1), scales: node.required(2), zeroPoints: node.input(3), lead: [columns], blocks: blocks,
        size: block, bits: node.integer("bits") ?? 4, of: node, in: &graph)
      let weights = try node.insert(
        "Slice",
        [rows, node.constant([0], in: &graph), node.constant([depth], in: &graph), node.constant([1], in: &graph)],
        in: &graph)
      let turned = try node.insert("Transpose", [weights], ["perm": .integers([1, 0])], in: &graph)
      let product = try node.insert("MatMul", [node.required(0), turned], in: &graph)
      guard let bias = node.input(5) else { return [product] }
      return [try node.insert("Add", [product, bias], in: &graph)]
    },
    ONNXLiftingRule("GatherBlockQuantized", domain: contrib) { node, graph in
      let (data, indices, scales) = (try node.required(0), try node.required(1), try node.required(2))
      if graph.type(of: data).element.isStorageOnly {
        let table = try node.insert(
          "DequantizeLinear", [data, scales, node.input(3)],
          [
            "axis": .integer(node.integer("quantize_axis") ?? 1),
            "block_size": .integer(node.integer("block_size") ?? 128),
          ],
          in: &graph)
        return [
          try node.insert("Gather", [table, indices], ["axis": .integer(node.integer("gather_axis") ?? 0)], in: &graph)
        ]
      }
      guard let sizes = graph.type(of: scales).shape.dimensions, sizes.count == 2, let blocks = sizes[1].constant,
        graph.type(of: data).element == .uint8, let block = try Optional(node.integer("block_size") ?? 128),
        [blocks, block].allSatisfy({ (1...(1 << 31)).contains($0) }), try node.integer("gather_axis") ?? 0 == 0,
        try normalizedAxis(node.integer("quantize_axis") ?? 1, rank: 2) == 1
      else { throw ModelError.unsupported("GatherBlockQuantized of other than rows of bytes") }
      func rows(_ table: Value) throws -> Value { try node.insert("Gather", [table, indices], in: &graph) }
      let shape = try node.insert(
        "Concat", [node.insert("Shape", [indices], in: &graph), node.constant([-1], in: &graph)],
        ["axis": .integer(0)], in: &graph)
      let flat = try unpackedBlocks(
        rows(data), scales: rows(scales), zeroPoints: node.input(3).map(rows), lead: [-1], blocks: blocks, size: block,
        bits: node.integer("bits") ?? 4, of: node, in: &graph)
      return [try node.insert("Reshape", [flat, shape], in: &graph)]
    },
  ]

  /// `value` with its first axis moved before the last where `batch` says so, then with the last two swapped where `matrix` does.
  private static func transposed(
    _ value: Value, batch: Bool, matrix: Bool, of node: LiftedNode, in graph: inout Graph
  ) throws -> Value {
    guard batch || matrix else { return value }
    guard let rank = graph.type(of: value).rank else { throw ModelError.unsupported("an operand of unknown rank") }
    // A vector has nothing to swap.
    guard rank >= 2 else { return value }
    var order = Array(0..<rank)
    if batch { order = Array(1..<(rank - 1)) + [0, rank - 1] }
    if matrix { order.swapAt(rank - 1, rank - 2) }
    return try node.insert("Transpose", [value], ["perm": .integers(order)], in: &graph)
  }

  /// What the attribute `activation` names done to `value`, with parameters from the attributes beside it.
  private static func activated(_ value: Value, of node: LiftedNode, in graph: inout Graph) throws -> Value {
    guard let name = try node.string("activation"), !name.isEmpty else { return value }
    let parameters = try node.attributes["activation_params"].map { try [Double](attribute: $0) } ?? []
    func parameter(_ index: Int, _ attribute: String, _ fallback: Double) throws -> Double {
      let own = name == "LeakyRelu" ? try node.number("leaky_relu_alpha") : nil
      return try parameters.indices.contains(index) ? parameters[index] : node.number(attribute) ?? own ?? fallback
    }
    switch name {
    case "Relu", "Tanh", "Sigmoid", "Softplus", "Softsign": return try node.insert(name, [value], in: &graph)
    case "LeakyRelu", "Elu":
      let alpha = try parameter(0, "activation_alpha", name == "Elu" ? 1 : 0.01)
      return try node.insert(name, [value], ["alpha": .float(alpha)], in: &graph)
    case "HardSigmoid":
      return try node.insert(
        name, [value],
        [
          "alpha": .float(parameter(0, "activation_alpha", 0.2)), "beta": .float(parameter(1, "activation_beta", 0.5)),
        ], in: &graph)
    case "Clip":
      let bounds = try [(0, "activation_alpha", -Double.infinity), (1, "activation_beta", Double.infinity)].map {
        try node.scalar(parameter($0, $1, $2), like: value, in: &graph)
      }
      return try node.insert(name, [value] + bounds, in: &graph)
    default: throw ModelError.unsupported("the activation \(name)")
    }
  }

  /// Rows of blocks of numbers that take fewer than 8 bits each, the first in the lowest: each less its block's zero point and times its scale.
  ///
  /// - Returns: a tensor `[lead…, blocks · size]` of the scales' type.
  private static func unpackedBlocks(
    _ packed: Value, scales: Value, zeroPoints: Value?, lead: [Int], blocks: Int, size: Int, bits: Int,
    of node: LiftedNode, in graph: inout Graph
  ) throws -> Value {
    guard [2, 4, 8].contains(bits), graph.type(of: packed).element == .uint8 else {
      throw ModelError.unsupported("weights of \(bits) bits")
    }
    let element = graph.type(of: scales).element
    func reshaped(_ value: Value, _ shape: [Int]) throws -> Value {
      try node.insert("Reshape", [value, node.constant(shape, in: &graph)], in: &graph)
    }
    func unpacked(_ value: Value, _ shape: [Int]) throws -> Value {
      guard bits < 8 else { return try reshaped(value, shape) }
      let shifts = Tensor((0..<8 / bits).map { UInt8($0 * bits) })
      let each = try node.insert("Unsqueeze", [value, node.constant([-1], in: &graph)], in: &graph)
      let shifted = try node.insert(
        "BitShift", [each, graph.addConstant(shifts)], ["direction": .string("RIGHT")], in: &graph)
      let mask = try graph.addConstant(Tensor(scalar: UInt8((1 << bits) - 1)))
      return try reshaped(node.insert("BitwiseAnd", [shifted, mask], in: &graph), shape)
    }
    func number(_ value: Value) throws -> Value {
      graph.type(of: value).element == element
        ? value : try node.insert("Cast", [value], ["to": .element(element)], in: &graph)
    }
    var numbers = try number(unpacked(packed, lead + [blocks, size]))
    let middle: Value
    if let zeroPoints, graph.type(of: zeroPoints).element == .uint8 {
      // Each row of zero points begins with a byte of its own.
      let all = try unpacked(zeroPoints, lead + [(blocks * bits + 7) / 8 * 8 / bits, 1])
      let own = try node.insert(
        "Slice",
        [all, node.constant([0], in: &graph), node.constant([blocks], in: &graph), node.constant([1], in: &graph)],
        in: &graph)
      middle = try number(own)
    } else if let zeroPoints {
      middle = try number(reshaped(zeroPoints, lead + [blocks, 1]))
    } else {
      middle = try node.scalar(Double(1 << (bits - 1)), like: numbers, in: &graph)
    }
    numbers = try node.insert("Sub", [numbers, middle], in: &graph)
    let scaled = try node.insert("Mul", [numbers, reshaped(scales, lead + [blocks, 1])], in: &graph)
    return try reshaped(scaled, lead + [blocks * size])
  }
}
