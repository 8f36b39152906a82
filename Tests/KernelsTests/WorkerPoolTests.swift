import Synchronization
import Testing

@testable import Kernels

struct WorkerPoolTests {
  @Test(arguments: [1, 2, 5], [0, 1, 2, 1000])
  func everyTaskRunsOnce(_ workers: Int, _ count: Int) {
    let pool = WorkerPool(workerCount: workers)
    let runs = Mutex([Int](repeating: 0, count: count))
    for _ in 0..<3 {
      pool.run(count: count) { index in runs.withLock { $0[index] += 1 } }
    }
    #expect(runs.withLock { $0 } == [Int](repeating: 3, count: count))
  }

  @Test func tasksMayUseThePool() {
    let pool = WorkerPool(workerCount: 2)
    let sum = Atomic(0)
    pool.run(count: 10) { outer in
      pool.run(count: 10) { inner in sum.wrappingAdd(outer * inner, ordering: .relaxed) }
    }
    #expect(sum.load(ordering: .relaxed) == 45 * 45)
  }

  private final class Counter: Sendable {
    let sum = Atomic(0)
  }

  @Test func manyThreadsMayUseThePool() async {
    let pool = WorkerPool(workerCount: 2)
    let counter = Counter()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<50 {
            pool.run(count: 7) { index in counter.sum.wrappingAdd(index, ordering: .relaxed) }
          }
        }
      }
    }
    #expect(counter.sum.load(ordering: .relaxed) == 4 * 50 * 21)
  }

  /// Tasks that run at the same time never share scratch memory, and its size is what was asked for.
  @Test func scratchIsPrivate() {
    let pool = WorkerPool(workerCount: 4)
    let clashes = Atomic(0)
    for words in [1, 100, 10_000] {
      pool.run(count: 64, scratchBytes: words * 8) { index, scratch in
        let numbers = scratch.assumingMemoryBound(to: Int.self)
        for word in 0..<words { numbers[word] = index }
        for word in 0..<words where numbers[word] != index { clashes.wrappingAdd(1, ordering: .relaxed) }
      }
    }
    #expect(clashes.load(ordering: .relaxed) == 0)
  }
}
