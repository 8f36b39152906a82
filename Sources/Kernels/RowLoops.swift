import KernelInterface

extension InstructionSet {
  /// Numbers that make it worth to wake another thread.
  private static let numbersPerThread = 1 << 14
  /// Numbers of a work item: few enough to stay in a core's cache.
  private static let numbersPerItem = 1 << 15

  /// Runs an elementwise program with the threads of `pool`; the bounds of all operands have been checked.
  package func compute(_ strip: ElementwiseStrip, on pool: WorkerPool) {
    let kernels = kernels.rows
    divide(rows: strip.rows, columns: strip.columns, scratchBytes: ElementwiseStrip.scratchBytes, on: pool) {
      rows, scratch in
      withUnsafeTemporaryAllocation(of: StripOperand.self, capacity: strip.operands.count) { operands in
        for (index, operand) in strip.operands.enumerated() {
          var operand = operand
          operand.base += rows.lowerBound * operand.rowStride
          operands.initializeElement(at: index, to: operand)
        }
        var part = strip
        part.operands = UnsafeBufferPointer(operands)
        part.target += rows.lowerBound * strip.targetStride
        part.rows = rows.count
        kernels.elementwise(part, scratch)
      }
    }
  }

  /// Normalises rows with the threads of `pool`.
  package func normalize(_ problem: RowProblem, _ how: RowNormalization, on pool: WorkerPool) {
    let kernels = kernels.rows
    divide(rows: problem.rows, columns: problem.columns, scratchBytes: 0, on: pool) { rows, _ in
      kernels.normalize(problem.part(rows), how)
    }
  }

  /// Softmax of rows with the threads of `pool`.
  package func softmax(_ problem: RowProblem, on pool: WorkerPool) {
    let kernels = kernels.rows
    divide(rows: problem.rows, columns: problem.columns, scratchBytes: 0, on: pool) { rows, _ in
      kernels.softmax(problem.part(rows))
    }
  }

  private func divide(
    rows: Int, columns: Int, scratchBytes: Int, on pool: WorkerPool,
    _ body: @Sendable (Range<Int>, UnsafeMutableRawPointer) -> Void
  ) {
    guard rows > 0, columns > 0 else { return }
    let step = max(1, Self.numbersPerItem / columns)
    let isSmall = Double(rows) * Double(columns) < Double(2 * Self.numbersPerThread)
    let itemRows = isSmall ? rows : step
    pool.run(
      count: (rows + itemRows - 1) / itemRows, scratchBytes: scratchBytes, threads: isSmall ? 1 : pool.workerCount
    ) { index, scratch in body(index * itemRows..<min((index + 1) * itemRows, rows), scratch) }
  }
}

extension RowProblem {
  fileprivate func part(_ range: Range<Int>) -> RowProblem {
    RowProblem(
      source: source + range.lowerBound * columns, target: target + range.lowerBound * columns, rows: range.count,
      columns: columns)
  }
}
