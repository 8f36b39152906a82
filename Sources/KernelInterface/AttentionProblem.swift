/// A four-dimensional operand as the kernels read it: already checked, strides in elements.
package struct ResolvedOperand: @unchecked Sendable {
  package let base: UnsafeRawPointer
  package let element: KernelElement
  /// The size of one element, so that kernels needn't ask for it row by row.
  package let elementBytes: Int
  package var batchStride: Int
  package var headStride: Int
  package var rowStride: Int
  package var columnStride: Int

  package init(
    base: UnsafeRawPointer, element: KernelElement,
    batchStride: Int, headStride: Int, rowStride: Int, columnStride: Int
  ) {
    self.base = base
    self.element = element
    elementBytes = element.byteCount
    self.batchStride = batchStride
    self.headStride = headStride
    self.rowStride = rowStride
    self.columnStride = columnStride
  }
}

/// One whole attention as the kernels of every instruction set take it: plain numbers and pointers whose bounds were
/// checked before.
///
/// A kernel only reads the operands and writes the rows of its own ``AttentionItem``, which is what makes it safe to
/// share between threads.
package struct AttentionProblem: @unchecked Sendable {
  package var query: ResolvedOperand
  package var key: ResolvedOperand
  package var value: ResolvedOperand
  /// Additive, before the mask; `hasBias` says whether it counts.
  package var bias: ResolvedOperand
  package var hasBias = false
  /// One byte an element, nonzero = keep; `element` is ignored; `hasMask` says whether it counts.
  package var mask: ResolvedOperand
  package var hasMask = false
  /// What the blocks of mask and bias hold, or nil where it was not worth finding out.
  package var maskStates: MaskStates?
  package var biasStates: MaskStates?
  /// The length, as a vector, of the longest key of every batch entry and key head among those that the bias may hide,
  /// or nil where it hides nothing.
  package var longestKeys: UnsafePointer<Float>?
  /// Its base has to come from a mutable pointer.
  package var output: ResolvedOperand
  /// One logit per query head, or nil.
  package var sinks: UnsafePointer<Float>?
  /// The number of keys that count, per batch, or nil.
  package var validKeyLengths: UnsafePointer<Int>?

  package var group = 1
  package var keyHeads = 1
  package var queryLength = 0
  package var keyLength = 0
  package var headSize = 0
  package var valueSize = 0

  package var scale: Float = 1
  package var softcap: Float = 0
  package var maskedScore = -Float.infinity
  package var guardsNaN = false
  package var isCausal = false
  /// What is added to a query's index to find the key that it is aligned with.
  package var diagonal = 0
  /// Keys visible left and right of the diagonal; negative for no limit.
  package var windowLeft = -1
  package var windowRight = -1

  /// Queries, keys, values and weights are multiplied as pairs of bfloat16.
  ///
  /// They have to be bfloat16, rows without gaps between their elements, an even head size, and keys that can be read
  /// as whole pairs: at addresses that are multiples of 4.
  package var usesBFloat16Dots = false

  /// Two steps of a sum of floats may be added as one product, where no digits are lost by it.
  package var pairsSteps = false

  package var tiles: AttentionTiles

  package init(
    query: ResolvedOperand, key: ResolvedOperand, value: ResolvedOperand,
    output: ResolvedOperand, tiles: AttentionTiles
  ) {
    self.query = query
    self.key = key
    self.value = value
    self.bias = query
    self.mask = query
    self.output = output
    self.tiles = tiles
  }
}

/// How much of an attention one step works on.
package struct AttentionTiles: Hashable, Sendable {
  /// Query rows of a work item. Rounded up to whole panels by the kernel.
  package var queryRows: Int
  /// Keys of a tile.
  package var keys: Int

  package init(queryRows: Int, keys: Int) {
    self.queryRows = queryRows
    self.keys = keys
  }
}

/// The share of one attention that a worker does at a time: some query rows of one key head against a range of keys.
///
/// Rows are counted over `firstHead`'s queries, then the next head's and so on, so that a group of short query heads
/// can share one item.
package struct AttentionItem {
  package var batch = 0
  package var firstHead = 0
  package var keyHead = 0
  package var firstRow = 0
  package var rowCount = 0
  package var firstKey = 0
  package var lastKey = 0
  /// Where an unfinished result goes when the keys are split, or nil to write the output.
  ///
  /// Holds, per row: maximum, sum, then `valueSize` unnormalised outputs.
  package var partial: UnsafeMutablePointer<Float>?

  package init() {}
}
