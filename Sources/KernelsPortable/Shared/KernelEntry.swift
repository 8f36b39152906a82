import KernelInterface

/// The kernels as compiled for this target's instruction set.
package let kernelTable = KernelTable(
  name: instructionSetName, panelRows: panelRows,
  scratchBytes: { ScratchSizes($0).total },
  attend: { problem, item, scratch in
    let tile = QueryTile(problem, item, scratch: scratch)
    tile.start()
    tile.attend()
    tile.finish()
  })
