import COpenBLAS
import Kernels

/// The threads that kernels share their work among.
///
/// There is one set of threads: libraries called from a kernel stay on the thread that calls them.
package final class Workers: Sendable {
  package let pool: WorkerPool

  /// The kernels that run on them.
  package let kernels = InstructionSet.current

  package var count: Int { pool.workerCount }

  /// Threads to use where the user names no number: all cores that this process may use.
  package static var defaultCount: Int { WorkerPool.processorCount }

  package init(count: Int) {
    pool = WorkerPool(workerCount: count)
    // OpenBLAS has threads of its own, which would wait for work in busy loops beside ours.
    openblas_set_num_threads(1)
  }

  /// Calls `body` once for every index below `count`, on any thread, and returns when all calls have.
  package func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) { pool.run(count: count, body: body) }

  /// Calls `body` with ranges that together cover 0..<count, about one a thread, none much shorter than `minimum`.
  package func forRanges(of count: Int, minimum: Int, _ body: @Sendable (Range<Int>) -> Void) {
    let parts = max(1, min(self.count, count / max(minimum, 1)))
    let length = (count + parts - 1) / parts
    forEach(parts) { part in
      let start = min(part * length, count)
      let end = min(start + length, count)
      if start < end { body(start..<end) }
    }
  }
}
