import CKernelIntrinsics
import Dispatch
import Foundation
import Synchronization

/// A stretch of time in which one thread of a pool worked on one call.
package struct WorkerSpan: Hashable, Sendable {
  /// 0 for the thread that made the call.
  package let worker: Int
  /// Nanoseconds of the clock of `DispatchTime`.
  package let start: UInt64
  package let end: UInt64
  /// How many of the call's tasks it did.
  package let taskCount: Int
}

/// A fixed set of threads that share out independent tasks.
///
/// The calling thread works too, so a pool of one has no threads of its own. Idle threads sleep once they have waited for
/// two milliseconds. A call from inside a
/// task, or while another call is running, is done by its own thread alone.
package final class WorkerPool: Sendable {
  /// A task: its index, and scratch memory that no other task uses meanwhile (aligned to 64, contents unspecified).
  package typealias Body = @Sendable (_ index: Int, _ scratch: UnsafeMutableRawPointer) -> Void

  /// Threads that work on a call, the calling one included.
  package let workerCount: Int

  private let shared: SharedState
  private let isRunning = Atomic(false)

  /// The processors that this process may use.
  package static var processorCount: Int { ProcessInfo.processInfo.activeProcessorCount }

  /// Starts `workerCount − 1` threads.
  package init(workerCount: Int = WorkerPool.processorCount) {
    self.workerCount = max(1, workerCount)
    let shared = SharedState()
    self.shared = shared
    for worker in 1..<self.workerCount {
      let thread = Thread { shared.work(as: worker) }
      thread.name = "flashfuse worker \(worker)"
      thread.stackSize = 1 << 20
      thread.start()
    }
  }

  deinit {
    shared.stop()
  }

  /// Begins to keep what every thread does; those spans are dropped that were kept before.
  package func beginSpans() { shared.spans.withLock { $0 = [] } }

  /// Stops keeping what every thread does, and returns what was kept since `beginSpans()`.
  package func endSpans() -> [WorkerSpan] {
    shared.spans.withLock { spans in
      defer { spans = nil }
      return spans ?? []
    }
  }

  /// Runs `body` for every index below `count` and returns when all are done; the order is unspecified.
  package func run(count: Int, body: @Sendable (_ index: Int) -> Void) {
    run(count: count, scratchBytes: 0) { index, _ in body(index) }
  }

  /// Runs `body` for every index below `count`, each time with `scratchBytes` bytes of scratch memory of its worker, on up to
  /// `threads` threads.
  package func run(count: Int, scratchBytes: Int, threads: Int = .max, body: Body) {
    guard count > 0 else { return }
    let isAlone = isRunning.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    guard isAlone else {
      let scratch = Scratch()
      for index in 0..<count { body(index, scratch.bytes(scratchBytes)) }
      return
    }
    defer { isRunning.store(false, ordering: .releasing) }
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: body) { body in
        shared.run(
          Job(body: body, count: count, scratchBytes: scratchBytes), workers: max(1, min(workerCount, threads, count)))
      }
    }
  }
}

/// One call of ``WorkerPool/run(count:scratchBytes:body:)``; the pointer is valid until that call returns.
private struct Job {
  let body: UnsafePointer<WorkerPool.Body>
  let count: Int
  let scratchBytes: Int
  /// The processor that the calling thread runs on.
  let processor = flashfuse_current_processor()
}

/// What the pool and its threads share.
///
/// `condition` protects every variable that is not atomic; the atomic ones change while it is held, except `next`, which
/// hands out the tasks, and `unfinished` where it goes down.
///
/// A call waits for the threads that have joined it, not for those that were still asleep when the last task was taken:
/// where such a thread shares the caller's processor it would run only once the caller sleeps, and then wake it on its
/// own processor again, call after call.
private final class SharedState: @unchecked Sendable {
  private let condition = NSCondition()
  private let next = Atomic(0)
  private let generation = Atomic(0)
  /// Threads that have joined the current call and not left it.
  private let unfinished = Atomic(0)
  private let isStopped = Atomic(false)
  private var job: Job?
  private var activeWorkers = 0
  /// The calling thread's own.
  private let scratch = Scratch()
  /// Nil where spans are not kept.
  let spans = Mutex<[WorkerSpan]?>(nil)

  func run(_ job: Job, workers: Int) {
    next.store(0, ordering: .relaxed)
    if workers > 1 {
      condition.lock()
      self.job = job
      activeWorkers = workers
      generation.add(1, ordering: .releasing)
      condition.broadcast()
      condition.unlock()
    }
    perform(job, scratch, worker: 0)
    guard workers > 1 else { return }
    condition.lock()
    self.job = nil
    condition.unlock()
    wait { unfinished.load(ordering: .acquiring) == 0 }
    condition.lock()
    while unfinished.load(ordering: .acquiring) > 0 { condition.wait() }
    condition.unlock()
  }

  func stop() {
    condition.lock()
    isStopped.store(true, ordering: .releasing)
    condition.broadcast()
    condition.unlock()
  }

  /// The life of one thread.
  func work(as worker: Int) {
    let scratch = Scratch()
    var seen = 0
    while true {
      wait { generation.load(ordering: .acquiring) != seen || isStopped.load(ordering: .acquiring) }
      condition.lock()
      while generation.load(ordering: .acquiring) == seen && !isStopped.load(ordering: .acquiring) { condition.wait() }
      // A thread that was just woken is often put where the caller runs, and stays there for tens of milliseconds
      // although another processor is idle. It joins afterwards, so that nobody waits for it meanwhile.
      if let processor = job?.processor, flashfuse_current_processor() == processor {
        condition.unlock()
        flashfuse_leave_processor(processor)
        condition.lock()
      }
      let current = generation.load(ordering: .acquiring)
      let job = worker < activeWorkers && current != seen ? job : nil
      if job != nil { unfinished.add(1, ordering: .relaxed) }
      seen = current
      condition.unlock()
      if isStopped.load(ordering: .acquiring) { return }
      guard let job else { continue }
      perform(job, scratch, worker: worker)
      guard unfinished.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { continue }
      condition.lock()
      condition.broadcast()
      condition.unlock()
    }
  }

  /// Waits for a short time: waking a thread that sleeps takes longer than many tasks, and than what lies between two calls,
  /// which is at most a task of the thread that is done last.
  private func wait(until isDone: () -> Bool) {
    let patience: UInt64 = 2_000_000
    let start = DispatchTime.now().uptimeNanoseconds
    while !isDone() {
      for _ in 0..<16 { flashfuse_pause() }
      if DispatchTime.now().uptimeNanoseconds &- start > patience { return }
    }
  }

  private func perform(_ job: Job, _ scratch: Scratch, worker: Int) {
    let start = DispatchTime.now().uptimeNanoseconds
    let bytes = scratch.bytes(job.scratchBytes)
    var taskCount = 0
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < job.count else { break }
      job.body.pointee(index, bytes)
      taskCount &+= 1
    }
    guard taskCount > 0 else { return }
    spans.withLock { spans in
      guard spans != nil else { return }
      let end = DispatchTime.now().uptimeNanoseconds
      spans?.append(WorkerSpan(worker: worker, start: start, end: end, taskCount: taskCount))
    }
  }
}

/// Memory of one thread that is kept from call to call and grows when needed.
private final class Scratch {
  private var block: UnsafeMutableRawPointer?
  private var capacity = 0

  deinit {
    block?.deallocate()
  }

  func bytes(_ count: Int) -> UnsafeMutableRawPointer {
    if let block, count <= capacity { return block }
    block?.deallocate()
    let new = UnsafeMutableRawPointer.allocate(byteCount: max(count, 64), alignment: 64)
    block = new
    capacity = max(count, 64)
    return new
  }
}
