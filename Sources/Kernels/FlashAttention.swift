import KernelInterface

/// An attention that is ready to run: arguments checked, tiles chosen, work divided.
package struct FlashAttention: Sendable {
  package let arguments: FlashAttentionArguments
  package let instructionSet: InstructionSet
  package let tiles: AttentionTiles

  /// Checks the arguments and plans the work.
  ///
  /// - Parameter tiles: The tile sizes to use; by default those that suit the shape.
  /// - Throws: ``KernelArgumentError`` for sizes that contradict each other, and for buffers that don't hold what
  ///   their strides reach.
  package init(
    _ arguments: FlashAttentionArguments, tiles: AttentionTiles? = nil, instructionSet: InstructionSet = .current
  ) throws(KernelArgumentError) {
    try arguments.validate()
    if let tiles, tiles.queryRows < 1 || tiles.keys < 1 || tiles.queryRows > 1 << 20 || tiles.keys > 1 << 20 {
      throw KernelArgumentError("attention: tiles of \(tiles.queryRows) × \(tiles.keys), expected at least 1 × 1")
    }
    self.arguments = arguments
    self.instructionSet = instructionSet
    self.tiles = tiles ?? .suiting(arguments, panelRows: instructionSet.kernels.panelRows)
  }

  /// Memory beyond the operands that one worker needs; doesn't depend on the lengths.
  package var scratchBytesPerWorker: Int {
    if usesDoublePrecision { return 0 }
    return withProblem { instructionSet.kernels.scratchBytes($0) }
  }

  /// Computes the output.
  package func run(on pool: WorkerPool) {
    guard !usesDoublePrecision else { return ReferenceAttention(arguments: arguments).run(on: pool) }
    let kernels = instructionSet.kernels
    let division = WorkDivision(arguments, tiles: tiles)
    withProblem { problem in
      pool.run(count: division.count, scratchBytes: kernels.scratchBytes(problem)) { index, scratch in
        kernels.attend(problem, division.item(at: index), scratch)
      }
    }
  }

  private var usesDoublePrecision: Bool {
    let elements = [arguments.query.element, arguments.key.element, arguments.value.element]
    return elements.contains(.float64) || arguments.output.element == .float64
  }

  private func withProblem<Result>(_ body: (AttentionProblem) -> Result) -> Result {
    var problem = AttentionProblem(arguments, tiles: tiles)
    return (arguments.sinks ?? []).withUnsafeBufferPointer { sinks in
      (arguments.validKeyLengths ?? []).withUnsafeBufferPointer { lengths in
        problem.sinks = arguments.sinks == nil ? nil : sinks.baseAddress
        problem.validKeyLengths = arguments.validKeyLengths == nil ? nil : lengths.baseAddress
        return body(problem)
      }
    }
  }
}

/// How an attention is cut into items of work.
struct WorkDivision: Sendable {
  private let keyHeads: Int
  private let group: Int
  private let keyLength: Int
  private let rowsPerSpan: Int
  private let spansPerKeyHead: Int
  private let tileRows: Int
  private let tilesPerSpan: Int
  let count: Int

  init(_ arguments: FlashAttentionArguments, tiles: AttentionTiles) {
    keyHeads = arguments.keyHeads
    group = arguments.keyHeads == 0 ? 1 : arguments.queryHeads / arguments.keyHeads
    keyLength = arguments.keyLength
    // Heads of one group read the same keys, so short ones share an item.
    let sharesItems = arguments.queryLength < tiles.queryRows && group > 1
    rowsPerSpan = arguments.queryLength * (sharesItems ? group : 1)
    spansPerKeyHead = sharesItems ? 1 : group
    tileRows = tiles.queryRows
    tilesPerSpan = (rowsPerSpan + tiles.queryRows - 1) / tiles.queryRows
    count = arguments.isEmpty ? 0 : arguments.batch * keyHeads * spansPerKeyHead * tilesPerSpan
  }

  /// The items of one head follow each other, the last rows first: under a causal mask those take longest.
  func item(at index: Int) -> AttentionItem {
    let (span, reversedTile) = index.quotientAndRemainder(dividingBy: tilesPerSpan)
    let (headOfAll, spanInGroup) = span.quotientAndRemainder(dividingBy: spansPerKeyHead)
    let (batch, keyHead) = headOfAll.quotientAndRemainder(dividingBy: keyHeads)
    var item = AttentionItem()
    item.batch = batch
    item.keyHead = keyHead
    item.firstHead = keyHead * group + spanInGroup
    item.firstRow = (tilesPerSpan - 1 - reversedTile) * tileRows
    item.rowCount = min(tileRows, rowsPerSpan - item.firstRow)
    item.firstKey = 0
    item.lastKey = keyLength
    return item
  }
}
