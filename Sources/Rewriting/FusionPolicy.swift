/// Which of the fusions that are possible are made.
public enum FusionPolicy: String, Hashable, Sendable, CaseIterable {
  /// All of them.
  case always
  /// Those that move fewer bytes between slow and fast memory than what they replace, by the passes' own models of it.
  ///
  /// Passes without a model of it make all of theirs: what is fused reads what its parts read from outside and writes what the last of
  /// them writes, and nothing in between. Only attention may read again what it did not keep.
  case profitable
}

extension FusionPipeline {
  /// The same passes, each deciding as `policy` says.
  public func applying(_ policy: FusionPolicy) -> FusionPipeline {
    var result = self
    result.passes = passes.map { $0.applying(policy) }
    return result
  }
}

extension FusionPass {
  public func applying(_ policy: FusionPolicy) -> any FusionPass { self }
}
