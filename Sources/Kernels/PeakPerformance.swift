import Dispatch
import KernelsPortable
import Synchronization

#if arch(x86_64)
  import KernelsAVX2
  import KernelsAVX512
#endif

extension InstructionSet {
  /// The most floating-point operations per second that this instruction set reaches in 32 bits on all threads of `pool` at
  /// once: the best of `attempts` runs of a loop of multiply-adds that touches no memory.
  package func measuredPeak(on pool: WorkerPool, attempts: Int = 5) -> Double {
    let (operations, loop) = multiplyAddLoop
    // About ten milliseconds on a fast core: longer than it takes to start, shorter than a time slice.
    let rounds = 4_000_000
    let sink = Atomic<UInt32>(0)
    var best = 0.0
    for _ in 0..<max(attempts, 1) {
      let start = DispatchTime.now().uptimeNanoseconds
      pool.run(count: pool.workerCount) { _ in
        sink.wrappingAdd(loop(rounds, 0.5).bitPattern, ordering: .relaxed)
      }
      let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9
      best = max(best, Double(operations) * Double(rounds) * Double(pool.workerCount) / max(seconds, 1e-9))
    }
    return best
  }

  private var multiplyAddLoop: (operationsPerRound: Int, run: @Sendable (Int, Float) -> Float) {
    #if arch(x86_64)
      switch self {
      case .portable: break
      case .avx2:
        return (
          KernelsAVX2.MultiplyAddLoop.operationsPerRound, { KernelsAVX2.MultiplyAddLoop.run(rounds: $0, factor: $1) }
        )
      case .avx512:
        return (
          KernelsAVX512.MultiplyAddLoop.operationsPerRound,
          { KernelsAVX512.MultiplyAddLoop.run(rounds: $0, factor: $1) }
        )
      }
    #endif
    return (
      KernelsPortable.MultiplyAddLoop.operationsPerRound,
      { KernelsPortable.MultiplyAddLoop.run(rounds: $0, factor: $1) }
    )
  }
}
