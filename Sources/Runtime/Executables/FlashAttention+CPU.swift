import GraphIR
import KernelInterface
import Kernels
import Operations
import Tensors

extension Operations.FlashAttention: CPUExecutable {
  package func prepare(_ inputs: Operands<ValueInfo>, outputs: [TensorType]) throws -> (any Kernel)? {
    let shapes = try (0..<3).compactMap { try inputs[$0].shape.sizes }
    guard shapes.count == 3, let output = outputs.first?.shape.sizes else { return nil }
    return try prepare(
      inputs, layouts: shapes.map { StridedLayout(dense: $0) }, target: StridedLayout(dense: output))
  }

  /// A kernel for queries, keys and values that lie as `layouts` say in the tensors that it is run on, and that writes its output as
  /// `target` says.
  func prepare(
    _ inputs: Operands<ValueInfo>, layouts: [StridedLayout], target: StridedLayout
  ) throws -> (any Kernel)? {
    let required = [try inputs[0], try inputs[1], try inputs[2]]
    guard layouts.count == 3, required.allSatisfy({ KernelElement(narrow: $0.element) != nil }) else { return nil }
    if let bias = inputs.optional(3), KernelElement(narrow: bias.element) == nil { return nil }
    if let mask = inputs.optional(4), mask.element != .bool { return nil }
    guard (leftWindow ?? 0) >= 0, (rightWindow ?? 0) >= 0 else { return nil }
    return try FlashAttentionKernel(
      operation: self, layouts: layouts, target: target, element: required[0].element)
  }
}

/// Fused attention by the tiled kernels of `Kernels`.
struct FlashAttentionKernel: Kernel {
  let operation: Operations.FlashAttention
  let layouts: [StridedLayout]
  let target: StridedLayout
  var tiles: AttentionTiles
  /// What attentions with the same bias or the same mask share.
  var bias: MaskShare?
  var mask: MaskShare?

  static let biasInput = 3
  static let maskInput = 4

  private var query: [Int] { layouts[0].shape }
  private var key: [Int] { layouts[1].shape }
  private var value: [Int] { layouts[2].shape }

  /// Takes the tiles that are planned for this processor.
  init(
    operation: Operations.FlashAttention, layouts: [StridedLayout], target: StridedLayout, element: ElementType
  ) throws {
    (self.operation, self.layouts, self.target) = (operation, layouts, target)
    tiles = AttentionTiles(queryRows: 1, keys: 1)
    try require(
      query.count == 4 && key.count == 4 && value.count == 4
        && key == [query[0], key[1], key[2], query[3]] && value == [key[0], key[1], key[2], value[3]]
        && target.shape == [query[0], query[1], query[2], value[3]],
      "key \(key) and value \(value) don't fit query \(query)")
    let workload = AttentionWorkload(
      batch: query[0], heads: query[1], keyHeads: key[1], queryLength: query[2], keyLength: key[2],
      headSize: query[3], valueSize: value[3], element: element)
    let tile = workload.tile(for: .cpu)
    tiles = AttentionTiles(queryRows: tile.queryRows, keys: tile.keyRows)
  }

  func scratchByteCount(threads: Int) -> Int {
    // Tile sizes follow from the shapes alone; nothing is read through these pointers.
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 64) { bytes in
      guard let base = bytes.baseAddress else { return 0 }
      func operand(_ layout: StridedLayout) -> StridedBuffer {
        StridedBuffer(base: UnsafeRawPointer(base), byteCount: .max, element: .float32, strides: Strides(layout))
      }
      let arguments = arguments(
        operand(layouts[0]), operand(layouts[1]), operand(layouts[2]),
        MutableStridedBuffer(base: base, byteCount: .max, element: .float32, strides: Strides(target)))
      return ((try? Kernels.FlashAttention(arguments, tiles: tiles))?.scratchBytesPerWorker ?? 0) * threads
    }
  }

  func run(_ inputs: Operands<Tensor>, into outputs: [TensorBuffer], on workers: Workers) throws {
    let tensors = [try inputs[0], try inputs[1], try inputs[2]]
    guard let output = outputs.first else { throw InternalError("attention without an output") }
    try withBuffers(of: tensors, layouts: layouts) { buffers in
      try output.withBytes { bytes in
        guard let base = bytes.baseAddress, let element = KernelElement(narrow: output.element) else { return }
        var arguments = arguments(
          buffers[0], buffers[1], buffers[2],
          MutableStridedBuffer(
            base: base, byteCount: bytes.count, element: element, strides: Strides(target)))
        arguments.sinks = try inputs.optional(5)?.doubles().map { Float($0) }
        arguments.validKeyLengths = try inputs.optional(6)?.integers().map { min(max($0, 0), key[2]) }
        try withModifiers(inputs, &arguments) { arguments in
          do {
            let attention = try Kernels.FlashAttention(arguments, tiles: tiles)
            let pool = workers.pool
            attention.run(
              on: pool,
              scans: .init(
                mask: mask?.scan { attention.maskScan(on: pool) }, bias: bias?.scan { attention.biasScan(on: pool) }))
          } catch let error as KernelArgumentError {
            throw ModelError.invalid(error.description)
          }
        }
      }
    }
  }

  private func arguments(
    _ query: StridedBuffer, _ key: StridedBuffer, _ value: StridedBuffer, _ output: MutableStridedBuffer
  ) -> FlashAttentionArguments {
    var arguments = FlashAttentionArguments(
      query: query, key: key, value: value, output: output, batch: self.query[0], queryHeads: self.query[1],
      keyHeads: self.key[1], queryLength: self.query[2], keyLength: self.key[2], headSize: self.query[3],
      valueSize: self.value[3], scale: operation.scale)
    arguments.softcap = operation.softcap > 0 ? Float(operation.softcap) : nil
    arguments.maskedScore = Float(operation.maskedScore)
    arguments.causal =
      switch operation.causal {
      case .none: .none
      case .upperLeft: .upperLeft
      case .lowerRight: .lowerRight
      }
    if operation.leftWindow != nil || operation.rightWindow != nil {
      arguments.window = AttentionWindow(left: operation.leftWindow, right: operation.rightWindow)
    }
    arguments.guardsNaN = operation.guardsNaN
    return arguments
  }

  private func withModifiers(
    _ inputs: Operands<Tensor>, _ arguments: inout FlashAttentionArguments,
    _ body: (FlashAttentionArguments) throws -> Void
  ) throws {
    let modifiers = [inputs.optional(3), inputs.optional(4)].compactMap { $0 }
    for tensor in modifiers { try require(tensor.rank <= 4, "\(tensor.shape) does not broadcast to the scores") }
    try withBuffers(of: modifiers, layouts: modifiers.map { StridedLayout(dense: $0.shape) }) { buffers in
      if inputs.optional(3) != nil { arguments.bias = buffers.first }
      if inputs.optional(4) != nil, let mask = buffers.last {
        arguments.mask = BooleanBuffer(base: mask.base, byteCount: mask.byteCount, strides: mask.strides)
      }
      try body(arguments)
    }
  }

  private func withBuffers(
    of tensors: [Tensor], layouts: [StridedLayout], _ body: ([StridedBuffer]) throws -> Void
  ) throws {
    func next(_ index: Int, _ buffers: [StridedBuffer]) throws {
      guard index < tensors.count else { return try body(buffers) }
      let tensor = tensors[index]
      let layout = layouts[index]
      try tensor.withBytes { bytes in
        guard let base = bytes.baseAddress else { throw InternalError("a tensor without memory") }
        let start = layout.offset * tensor.element.byteCount
        let buffer = StridedBuffer(
          base: base + start, byteCount: bytes.count - start,
          element: KernelElement(narrow: tensor.element) ?? .float32, strides: Strides(layout))
        try next(index + 1, buffers + [buffer])
      }
    }
    try next(0, [])
  }
}

extension KernelElement {
  /// Types of up to 32 bits, which the kernels compute in 32 bits; doubles are the definition's.
  fileprivate init?(narrow element: ElementType) {
    switch element {
    case .float32: self = .float32
    case .float16: self = .float16
    case .bfloat16: self = .bfloat16
    default: return nil
    }
  }
}

extension Strides {
  /// The strides of a tensor of up to four axes, 0 along those of size 1, which repeat.
  fileprivate init(_ layout: StridedLayout) {
    var strides = [0, 0, 0, 0]
    for (offset, (size, stride)) in zip(layout.shape, layout.strides).reversed().enumerated() where offset < 4 {
      strides[3 - offset] = size == 1 ? 0 : stride
    }
    self.init(batch: strides[0], head: strides[1], row: strides[2], column: strides[3])
  }
}
