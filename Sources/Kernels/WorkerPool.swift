import Foundation
import Synchronization

/// A fixed set of threads that share out independent tasks.
///
/// The calling thread works too, so a pool of one has no threads of its own. Idle threads sleep. A call from inside a
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

  /// Runs `body` for every index below `count` and returns when all are done; the order is unspecified.
  package func run(count: Int, body: @Sendable (_ index: Int) -> Void) {
    run(count: count, scratchBytes: 0) { index, _ in body(index) }
  }

  /// Runs `body` for every index below `count`, each time with `scratchBytes` bytes of scratch memory of its worker.
  package func run(count: Int, scratchBytes: Int, body: Body) {
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
        shared.run(Job(body: body, count: count, scratchBytes: scratchBytes), workers: min(workerCount, count))
      }
    }
  }
}

/// One call of ``WorkerPool/run(count:scratchBytes:body:)``; the pointer is valid until that call returns.
private struct Job {
  let body: UnsafePointer<WorkerPool.Body>
  let count: Int
  let scratchBytes: Int
}

/// What the pool and its threads share.
///
/// `condition` protects every variable but `next`, which hands out the tasks.
private final class SharedState: @unchecked Sendable {
  private let condition = NSCondition()
  private let next = Atomic(0)
  private var job: Job?
  private var generation = 0
  private var activeWorkers = 0
  private var unfinished = 0
  private var isStopped = false
  /// The calling thread's own.
  private let scratch = Scratch()

  func run(_ job: Job, workers: Int) {
    next.store(0, ordering: .relaxed)
    if workers > 1 {
      condition.lock()
      self.job = job
      activeWorkers = workers
      unfinished = workers - 1
      generation += 1
      condition.broadcast()
      condition.unlock()
    }
    perform(job, scratch)
    guard workers > 1 else { return }
    condition.lock()
    while unfinished > 0 { condition.wait() }
    self.job = nil
    condition.unlock()
  }

  func stop() {
    condition.lock()
    isStopped = true
    condition.broadcast()
    condition.unlock()
  }

  /// The life of one thread.
  func work(as worker: Int) {
    let scratch = Scratch()
    var seen = 0
    condition.lock()
    while true {
      while generation == seen && !isStopped { condition.wait() }
      if isStopped { break }
      seen = generation
      guard let job, worker < activeWorkers else { continue }
      condition.unlock()
      perform(job, scratch)
      condition.lock()
      unfinished -= 1
      if unfinished == 0 { condition.broadcast() }
    }
    condition.unlock()
  }

  private func perform(_ job: Job, _ scratch: Scratch) {
    let bytes = scratch.bytes(job.scratchBytes)
    while true {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < job.count else { return }
      job.body.pointee(index, bytes)
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
