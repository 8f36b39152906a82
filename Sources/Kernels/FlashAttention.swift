import KernelInterface
import Synchronization

/// An attention that is ready to run: arguments checked, tiles chosen, work divided.
package struct FlashAttention: Sendable {
  package let arguments: FlashAttentionArguments
  package let instructionSet: InstructionSet
  package let tiles: AttentionTiles
  /// Whether products are of bfloat16 pairs, with weights rounded to bfloat16, instead of floats.
  package let usesBFloat16Dots: Bool
  /// Whether two steps of a sum may be added as one product.
  package let pairsSteps: Bool

  /// Checks the arguments and plans the work.
  ///
  /// - Parameters:
  ///   - tiles: The tile sizes to use; by default some that suit most shapes.
  ///   - fewestRoundedKeys: The keys from which on bfloat16 weights may be rounded to bfloat16; with fewer the rounding
  ///     would not average out.
  ///   - pairsSteps: Whether two steps of a sum of floats may be added as one product; nil where that pays.
  /// - Throws: ``KernelArgumentError`` for sizes that contradict each other, and for buffers that don't hold what
  ///   their strides reach.
  package init(
    _ arguments: FlashAttentionArguments, tiles: AttentionTiles? = nil, instructionSet: InstructionSet = .current,
    fewestRoundedKeys: Int = 256, pairsSteps: Bool? = nil
  ) throws(KernelArgumentError) {
    try arguments.validate()
    if let tiles, tiles.queryRows < 1 || tiles.keys < 1 || tiles.queryRows > 1 << 20 || tiles.keys > 1 << 20 {
      throw KernelArgumentError("attention: tiles of \(tiles.queryRows) × \(tiles.keys), expected at least 1 × 1")
    }
    self.arguments = arguments
    self.instructionSet = instructionSet
    usesBFloat16Dots =
      arguments.keyLength >= fewestRoundedKeys && instructionSet.hasBFloat16Dots && arguments.suitsBFloat16Dots
    self.pairsSteps = !usesBFloat16Dots && (pairsSteps ?? instructionSet.hasSeparateAdders)
    self.tiles = tiles ?? .usual
  }

  /// Memory beyond the operands that one worker needs; doesn't depend on the lengths.
  package var scratchBytesPerWorker: Int {
    if usesDoublePrecision { return 0 }
    return withProblem { instructionSet.kernels.scratchBytes($0) }
  }

  /// What was found in mask and bias, for attentions with the same ones to share; nil where it is not worth looking.
  package struct Scans: Sendable {
    package var mask: MaskScan?
    package var bias: MaskScan?

    package init(mask: MaskScan? = nil, bias: MaskScan? = nil) { (self.mask, self.bias) = (mask, bias) }
  }

  /// Few queries don't skip tiles.
  private var skipsTiles: Bool {
    arguments.queryLength >= MaskStates.queries && arguments.keyLength > 0 && !arguments.isEmpty && !usesDoublePrecision
  }

  /// Looks through the mask for blocks that hide or keep everything; nil where that is not worth it.
  package func maskScan(on pool: WorkerPool) -> MaskScan? {
    arguments.mask.flatMap { skipsTiles ? MaskScan(.mask($0), of: arguments, on: pool) : nil }
  }

  /// Looks through the bias for blocks that hide everything or are 0; nil where that is not worth it.
  package func biasScan(on pool: WorkerPool) -> MaskScan? {
    arguments.bias.flatMap { skipsTiles ? MaskScan(.bias($0), of: arguments, on: pool) : nil }
  }

  /// Computes the output.
  ///
  /// - Parameter known: What an attention with the same mask or bias found in it; what is nil is looked through.
  package func run(on pool: WorkerPool, scans known: Scans = Scans()) {
    guard !usesDoublePrecision else { return ReferenceAttention(arguments: arguments).run(on: pool) }
    func fitting(_ scan: MaskScan?, _ operand: ScannedOperand?) -> MaskScan? {
      guard let scan, let operand, scan.fits(operand, of: arguments) else { return nil }
      return scan
    }
    let maskScan = fitting(known.mask, arguments.mask.map { .mask($0) }) ?? maskScan(on: pool)
    let biasScan = fitting(known.bias, arguments.bias.map { .bias($0) }) ?? biasScan(on: pool)
    let hidden = HiddenParts(
      mask: maskScan, bias: biasScan,
      longestKeys: arguments.mask == nil ? longestKeys(among: biasScan?.hiddenKeys ?? [], on: pool) : nil)
    let division = WorkDivision(
      arguments, tiles: tiles, panelRows: instructionSet.kernels.panelRows, workers: pool.workerCount)
    let splits = division.keySplits(workers: pool.workerCount)
    if splits > 1 {
      runSplit(division, splits: splits, hidden, on: pool)
    } else {
      runWhole(division, hidden, on: pool)
    }
  }

  /// What tells which parts of the scores are hidden, where that is known.
  struct HiddenParts: Sendable {
    var mask: MaskScan?
    var bias: MaskScan?
    /// Of every batch entry and key head, the length of the longest key that the bias may hide.
    var longestKeys: [Float]?
  }

  /// Nil where there are no such keys.
  private func longestKeys(among hidden: [Range<Int>], on pool: WorkerPool) -> [Float]? {
    let keysPerTask = 1024
    let parts = hidden.flatMap { keys in
      stride(from: keys.lowerBound, to: keys.upperBound, by: keysPerTask).map {
        $0..<min($0 + keysPerTask, keys.upperBound)
      }
    }
    guard !parts.isEmpty else { return nil }
    let kernels = instructionSet.kernels
    let lengths = Mutex([Float](repeating: 0, count: arguments.batch * arguments.keyHeads))
    withProblem { problem in
      pool.run(count: arguments.batch * arguments.keyHeads * parts.count) { task in
        let (head, part) = task.quotientAndRemainder(dividingBy: parts.count)
        let (batch, keyHead) = head.quotientAndRemainder(dividingBy: arguments.keyHeads)
        let longest = kernels.longestKey(problem, batch, keyHead, parts[part])
        // A NaN stays.
        lengths.withLock { if !(longest <= $0[head]) { $0[head] = $0[head].isNaN ? .nan : longest } }
      }
    }
    return lengths.withLock { $0 }
  }

  private func runWhole(_ division: WorkDivision, _ hidden: HiddenParts, on pool: WorkerPool) {
    let kernels = instructionSet.kernels
    withProblem(hidden) { problem in
      pool.run(count: division.count, scratchBytes: kernels.scratchBytes(problem)) { index, scratch in
        kernels.attend(problem, division.item(at: index), scratch)
      }
    }
  }

  /// Lets several workers share one item's keys, then merges what they found.
  func runSplit(_ division: WorkDivision, splits: Int, _ hidden: HiddenParts = HiddenParts(), on pool: WorkerPool) {
    let kernels = instructionSet.kernels
    let partials = PartialResults(division, splits: splits, valueSize: arguments.valueSize)
    withProblem(hidden) { problem in
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
    _ hidden: HiddenParts = HiddenParts(), _ body: (AttentionProblem) -> Result
  ) -> Result {
    var problem = AttentionProblem(arguments, tiles: tiles)
    (problem.maskStates, problem.biasStates) = (hidden.mask?.states, hidden.bias?.states)
    problem.usesBFloat16Dots = usesBFloat16Dots
    problem.pairsSteps = pairsSteps
    defer { withExtendedLifetime(hidden) {} }
    return (arguments.sinks ?? []).withUnsafeBufferPointer { sinks in
      (arguments.validKeyLengths ?? []).withUnsafeBufferPointer { lengths in
        (hidden.longestKeys ?? []).withUnsafeBufferPointer { longestKeys in
          problem.sinks = arguments.sinks == nil ? nil : sinks.baseAddress
          problem.validKeyLengths = arguments.validKeyLengths == nil ? nil : lengths.baseAddress
          problem.longestKeys = hidden.longestKeys == nil ? nil : longestKeys.baseAddress
          return body(problem)
        }
      }
    }
  }
}
