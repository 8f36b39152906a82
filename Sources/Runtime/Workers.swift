import COpenBLAS
import Foundation

/// The threads that kernels share their work among.
///
/// There is one set of threads: libraries called from a kernel stay on the thread that calls them.
package final class Workers: Sendable {
  package let count: Int

  /// Threads to use where the user names no number: all cores of this machine.
  package static var defaultCount: Int { max(ProcessInfo.processInfo.activeProcessorCount, 1) }

  package init(count: Int) {
    self.count = max(count, 1)
    // OpenBLAS has threads of its own, which would wait for work in busy loops beside ours.
    openblas_set_num_threads(1)
  }

  /// Calls `body` once for every index below `count`, on any thread, and returns when all calls have.
  package func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
    if self.count == 1 || count <= 1 {
      for index in 0..<max(count, 0) { body(index) }
    } else {
      DispatchQueue.concurrentPerform(iterations: count, execute: body)
    }
  }

  /// Calls `body` with ranges that together cover 0..<count, about one a thread, none shorter than `minimum` but the last.
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
