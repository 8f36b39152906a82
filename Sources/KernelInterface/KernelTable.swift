/// The entry points of the kernels that were compiled for one instruction set.
package struct KernelTable: Sendable {
  package typealias ScratchBytes = @Sendable (_ problem: AttentionProblem) -> Int
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

  package init(
    name: String, panelRows: Int, hasBFloat16Dots: Bool, scratchBytes: @escaping ScratchBytes, attend: @escaping Attend
  ) {
    self.name = name
    self.panelRows = panelRows
    self.hasBFloat16Dots = hasBFloat16Dots
    self.scratchBytes = scratchBytes
    self.attend = attend
  }
}
