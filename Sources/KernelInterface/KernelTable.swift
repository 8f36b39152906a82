/// The entry points of the kernels that were compiled for one instruction set.
package struct KernelTable: Sendable {
  package typealias ScratchBytes = @Sendable (_ problem: AttentionProblem) -> Int
  package typealias LongestKey =
    @Sendable (_ problem: AttentionProblem, _ batch: Int, _ head: Int, _ keys: Range<Int>) -> Float
  package typealias Attend =
    @Sendable (_ problem: AttentionProblem, _ item: AttentionItem, _ scratch: UnsafeMutableRawPointer) -> Void

  /// The name by which it is chosen and reported.
  package let name: String
  /// Query rows that the products work on at once; query tiles are best a multiple of it.
  package let panelRows: Int
  /// Whether ``AttentionProblem/usesBFloat16Dots`` is supported, given a processor that has the instructions.
  package let hasBFloat16Dots: Bool
  /// The bytes that `attend` needs as scratch for one item; doesn't depend on the lengths.
  package let scratchBytes: ScratchBytes
  /// Computes one item. `scratch` holds at least `scratchBytes` bytes and is aligned to 64.
  package let attend: Attend
  /// The length, as a vector, of the longest of some keys; NaN or infinite if one is.
  package let longestKey: LongestKey
  package let products: ProductKernels
  package let rows: RowKernels
  /// Loops to compare with.
  package let limits: KernelLimits

  package init(
    name: String, panelRows: Int, hasBFloat16Dots: Bool, scratchBytes: @escaping ScratchBytes, attend: @escaping Attend,
    longestKey: @escaping LongestKey, products: ProductKernels, rows: RowKernels, limits: KernelLimits
  ) {
    self.name = name
    self.panelRows = panelRows
    self.hasBFloat16Dots = hasBFloat16Dots
    self.scratchBytes = scratchBytes
    self.attend = attend
    self.longestKey = longestKey
    self.products = products
    self.rows = rows
    self.limits = limits
  }
}

/// Loops that do nothing but what bounds a kernel. Each returns a number that depends on its whole work.
package struct KernelLimits: Sendable {
  /// Operations of one step of `multiplyAdd`, given whether it multiplies pairs of bfloat16.
  package let operationsPerStep: @Sendable (_ pairs: Bool) -> Int
  /// Multiplies and adds.
  package let multiplyAdd: @Sendable (_ pairs: Bool, _ steps: Int) -> Float
  /// Reads memory that is aligned to 64, in order, whole blocks of up to 512 bytes only.
  package let read: @Sendable (_ memory: UnsafeRawPointer, _ byteCount: Int) -> Float

  package init(
    operationsPerStep: @escaping @Sendable (Bool) -> Int, multiplyAdd: @escaping @Sendable (Bool, Int) -> Float,
    read: @escaping @Sendable (UnsafeRawPointer, Int) -> Float
  ) {
    self.operationsPerStep = operationsPerStep
    self.multiplyAdd = multiplyAdd
    self.read = read
  }
}
