import KernelInterface

/// The kernels as compiled for this target's instruction set.
package let kernelTable = KernelTable(
  name: instructionSetName, panelRows: panelRows, hasBFloat16Dots: hasBFloat16Dots,
  scratchBytes: { max(ScratchSizes($0).total, FewQueriesScratch.byteCount($0)) },
  attend: { problem, item, scratch in
    if FewQueries.suits(item) {
      FewQueries(problem, item, scratch: scratch).run()
      return
    }
    let tile = QueryTile(problem, item, scratch: scratch)
    tile.start()
    tile.attend()
    tile.finish()
  },
  limits: KernelLimits(
    operationsPerStep: { MachineLimits.operationsPerStep(pairs: $0) },
    multiplyAdd: { MachineLimits.multiplyAdd(pairs: $0, steps: $1) },
    read: { MachineLimits.read($0, byteCount: $1) }))
