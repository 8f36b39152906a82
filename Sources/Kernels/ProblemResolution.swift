import KernelInterface

extension AttentionProblem {
  /// The arguments as the kernels take them; sinks and lengths are left out.
  init(_ arguments: FlashAttentionArguments, tiles: AttentionTiles) {
    let output = arguments.output
    self.init(
      query: ResolvedOperand(arguments.query), key: ResolvedOperand(arguments.key),
      value: ResolvedOperand(arguments.value),
      output: ResolvedOperand(base: UnsafeRawPointer(output.base), output.element, output.strides),
      tiles: tiles)
    if let bias = arguments.bias {
      self.bias = ResolvedOperand(bias)
      hasBias = true
    }
    if let mask = arguments.mask {
      self.mask = ResolvedOperand(base: mask.base, .float32, mask.strides)
      hasMask = true
    }
    keyHeads = arguments.keyHeads
    queryLength = arguments.queryLength
    keyLength = arguments.keyLength
    headSize = arguments.headSize
    valueSize = arguments.valueSize
    scale = Float(arguments.scale)
    softcap = arguments.softcap ?? 0
    maskedScore = arguments.maskedScore
    guardsNaN = arguments.guardsNaN
    isCausal = arguments.causal != .none
    diagonal = arguments.diagonal
    windowLeft = arguments.window?.left ?? -1
    windowRight = arguments.window?.right ?? -1
  }
}

extension ResolvedOperand {
  init(_ buffer: StridedBuffer) {
    self.init(base: buffer.base, buffer.element, buffer.strides)
  }

  init(base: UnsafeRawPointer, _ element: KernelElement, _ strides: Strides) {
    self.init(
      base: base, element: element, batchStride: strides.batch, headStride: strides.head, rowStride: strides.row,
      columnStride: strides.column)
  }
}

extension FlashAttentionArguments {
  /// What is added to a query's index to get its position among the keys.
  var diagonal: Int { causal == .lowerRight ? keyLength - queryLength : 0 }

  /// Whether the operands lie in memory as ``AttentionProblem/usesBFloat16Dots`` asks for.
  var suitsBFloat16Dots: Bool {
    let operands = [query, key, value]
    let keyStrides = [key.strides.batch, key.strides.head, key.strides.row]
    return operands.allSatisfy { $0.element == .bfloat16 && $0.strides.column == 1 }
      && headSize.isMultiple(of: 2) && UInt(bitPattern: key.base).isMultiple(of: 4)
      && keyStrides.allSatisfy { $0.isMultiple(of: 2) } && scale > 0 && Float(scale).isNormal
  }
}

extension AttentionTiles {
  /// Tiles that suit most shapes with head sizes about 64; whoever knows the machine's caches plans better ones.
  static let usual = AttentionTiles(queryRows: 288, keys: 192)
}
