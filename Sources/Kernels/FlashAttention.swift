import KernelInterface

/// An attention that is ready to run: arguments checked, tiles chosen, work divided.
package struct FlashAttention: Sendable {
  package let arguments: FlashAttentionArguments
  package let instructionSet: InstructionSet
  package let tiles: AttentionTiles
  /// Whether products are of bfloat16 pairs, with weights rounded to bfloat16, instead of floats.
  package let usesBFloat16Dots: Bool

  /// Checks the arguments and plans the work.
  ///
  /// - Parameters:
  ///   - tiles: The tile sizes to use; by default some that suit most shapes.
  ///   - fewestRoundedKeys: The keys from which on bfloat16 weights may be rounded to bfloat16; with fewer the rounding
  ///     would not average out.
  /// - Throws: ``KernelArgumentError`` for sizes that contradict each other, and for buffers that don't hold what
  ///   their strides reach.
  package init(
    _ arguments: FlashAttentionArguments, tiles: AttentionTiles? = nil, instructionSet: InstructionSet = .current,
    fewestRoundedKeys: Int = 256
  ) throws(KernelArgumentError) {
    try arguments.validate()
    if let tiles, tiles.queryRows < 1 || tiles.keys < 1 || tiles.queryRows > 1 << 20 || tiles.keys > 1 << 20 {
      throw KernelArgumentError("attention: tiles of \(tiles.queryRows) × \(tiles.keys), expected at least 1 × 1")
    }
    self.arguments = arguments
    self.instructionSet = instructionSet
    usesBFloat16Dots =
      arguments.keyLength >= fewestRoundedKeys && instructionSet.hasBFloat16Dots && arguments.suitsBFloat16Dots
    self.tiles = tiles ?? .usual
  }

  /// Memory beyond the operands that one worker needs; doesn't depend on the lengths.
  package var scratchBytesPerWorker: Int {
    if usesDoublePrecision { return 0 }
    return withProblem { instructionSet.kernels.scratchBytes($0) }
  }

  /// Looks through the mask for blocks that hide or keep everything; nil where that is not worth it.
  package func maskScan(on pool: WorkerPool) -> MaskScan? {
    // Few queries don't skip tiles.
    guard let mask = arguments.mask, arguments.queryLength >= MaskStates.queries, arguments.keyLength > 0,
      !arguments.isEmpty, !usesDoublePrecision
    else { return nil }
    return MaskScan(mask, of: arguments, on: pool)
  }

  /// Computes the output.
  ///
  /// - Parameter known: What an attention with the same mask found in it; by default it is looked through.
  package func run(on pool: WorkerPool, maskScan known: MaskScan? = nil) {
    guard !usesDoublePrecision else { return ReferenceAttention(arguments: arguments).run(on: pool) }
    let division = WorkDivision(arguments, tiles: tiles, workers: pool.workerCount)
    let splits = division.keySplits(workers: pool.workerCount)
    let fitting = arguments.mask.flatMap { mask in known.flatMap { $0.fits(mask, of: arguments) ? $0 : nil } }
    let scan = fitting ?? maskScan(on: pool)
    defer { withExtendedLifetime(scan) {} }
    if splits > 1 {
      runSplit(division, splits: splits, maskStates: scan?.states, on: pool)
    } else {
      runWhole(division, maskStates: scan?.states, on: pool)
    }
  }

  private func runWhole(_ division: WorkDivision, maskStates: MaskStates?, on pool: WorkerPool) {
    let kernels = instructionSet.kernels
    withProblem(maskStates) { problem in
      pool.run(count: division.count, scratchBytes: kernels.scratchBytes(problem)) { index, scratch in
        kernels.attend(problem, division.item(at: index), scratch)
      }
    }
  }

  /// Lets several workers share one item's keys, then merges what they found.
  func runSplit(_ division: WorkDivision, splits: Int, maskStates: MaskStates? = nil, on pool: WorkerPool) {
    let kernels = instructionSet.kernels
    let partials = PartialResults(division, splits: splits, valueSize: arguments.valueSize)
    withProblem(maskStates) { problem in
      pool.run(count: division.count * splits, scratchBytes: kernels.scratchBytes(problem)) { index, scratch in
        let (whole, split) = index.quotientAndRemainder(dividingBy: splits)
        var item = division.item(at: whole, split: split, of: splits)
        item.partial = partials.state(ofItem: whole, split: split)
        kernels.attend(problem, item, scratch)
      }
    }
    pool.run(count: division.count) { index in
      partials.merge(division.item(at: index), index: index, into: arguments)
    }
  }

  private var usesDoublePrecision: Bool {
    let elements = [arguments.query.element, arguments.key.element, arguments.value.element]
    return elements.contains(.float64) || arguments.output.element == .float64
  }

  private func withProblem<Result>(
    _ maskStates: MaskStates? = nil, _ body: (AttentionProblem) -> Result
  ) -> Result {
    var problem = AttentionProblem(arguments, tiles: tiles)
    problem.maskStates = maskStates
    problem.usesBFloat16Dots = usesBFloat16Dots
    return (arguments.sinks ?? []).withUnsafeBufferPointer { sinks in
      (arguments.validKeyLengths ?? []).withUnsafeBufferPointer { lengths in
        problem.sinks = arguments.sinks == nil ? nil : sinks.baseAddress
        problem.validKeyLengths = arguments.validKeyLengths == nil ? nil : lengths.baseAddress
        return body(problem)
      }
    }
  }
}
