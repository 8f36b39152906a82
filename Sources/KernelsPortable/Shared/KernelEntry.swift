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
  longestKey: { KeyLengths.longest($0, batch: $1, head: $2, keys: $3) },
  products: ProductKernels(
    panelColumns: MatrixProduct.panelColumns, tileRows: ProductTile<ThreeVectors>.rows,
    blockColumns: { MatrixProduct.blockColumns($0) }, packedColumns: { MatrixProduct.packedColumns($0) },
    pack: { MatrixProduct.pack($0, rows: 0..<$1, columns: 0..<$2, into: $3) },
    partDepth: { MatrixProduct.partDepth($0) },
    measure: { StepSums.measure($0, depth: $1, columns: $2, into: $3, stride: $4, steps: $5) },
    scratchBytes: { MatrixProduct.scratchBytes($0, $1) },
    multiply: { MatrixProduct.multiply($0, $1, scratch: $2) }),
  rows: RowKernels(
    elementwise: { ElementwiseRows.run($0, scratch: $1) }, normalize: { Rows.normalize($0, $1) },
    softmax: { Rows.softmax($0) }),
  limits: KernelLimits(
    operationsPerStep: { MachineLimits.operationsPerStep(pairs: $0) },
    multiplyAdd: { MachineLimits.multiplyAdd(pairs: $0, steps: $1) },
    read: { MachineLimits.read($0, byteCount: $1) }))
