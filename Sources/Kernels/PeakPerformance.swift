import Dispatch
import Foundation
import KernelInterface
import Synchronization

extension InstructionSet {
  /// The most floating-point operations per second that this instruction set reaches on all threads of `pool` at once:
  /// the best of `attempts` runs of a loop of multiply-adds that touches no memory.
  ///
  /// - Parameter element: With bfloat16 the loop multiplies pairs where attention would; any other type is computed
  ///   in 32 bits.
  package func measuredPeak(on pool: WorkerPool, element: KernelElement = .float32, attempts: Int = 5) -> Double {
    let limits = kernels.limits
    let pairs = element == .bfloat16 && hasBFloat16Dots
    // About ten milliseconds: longer than it takes to start, shorter than a time slice.
    var steps = 1000
    func seconds(_ attempts: Int) -> Double {
      let steps = steps
      return leastSeconds(attempts, on: pool, tasks: pool.workerCount) { _ in limits.multiplyAdd(pairs, steps) }
    }
    while steps < 1 << 30 && seconds(1) < 5e-3 { steps *= 2 }
    return Double(limits.operationsPerStep(pairs)) * Double(steps) * Double(pool.workerCount) / seconds(attempts)
  }

  /// The most bytes per second that all threads of `pool` together read from memory that no cache holds: the best of
  /// `attempts` runs over 128 MB in order.
  package func measuredReadBandwidth(on pool: WorkerPool, attempts: Int = 5) -> Double {
    let limits = kernels.limits
    let byteCount = 128 << 20
    let memory = Memory(byteCount: byteCount)
    let tasks = pool.workerCount
    let share = byteCount / tasks & ~4095
    let seconds = leastSeconds(attempts, on: pool, tasks: tasks) { task in
      limits.read(memory.base + task * share, share)
    }
    return Double(share * tasks) / seconds
  }

  private func leastSeconds(
    _ attempts: Int, on pool: WorkerPool, tasks: Int, _ body: @Sendable (Int) -> Float
  ) -> Double {
    let sink = Atomic<UInt32>(0)
    var least = Double.infinity
    for _ in 0..<max(attempts, 1) {
      let start = DispatchTime.now().uptimeNanoseconds
      pool.run(count: tasks) { task in sink.wrappingAdd(body(task).bitPattern, ordering: .relaxed) }
      least = min(least, Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9)
    }
    return max(least, 1e-9)
  }

  /// A block of memory whose pages are there.
  private final class Memory: @unchecked Sendable {
    let base: UnsafeMutableRawPointer

    init(byteCount: Int) {
      base = .allocate(byteCount: byteCount, alignment: 4096)
      memset(base, 1, byteCount)
    }

    deinit {
      base.deallocate()
    }
  }
}
