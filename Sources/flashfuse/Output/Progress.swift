import Foundation
import Runtime

/// A line on standard error that says what is being done once that has taken a second; nothing where that is no terminal.
final class Progress: ExecutionObserver, @unchecked Sendable {
  private let lock = NSLock()
  private var phase: String
  private var isShown = false
  private var timer: (any DispatchSourceTimer)?

  init(_ phase: String) {
    self.phase = phase
    guard isatty(STDERR_FILENO) == 1 else { return }
    let timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
    timer.schedule(deadline: .now() + 1, repeating: 0.2)
    timer.setEventHandler { [weak self] in self?.show() }
    timer.resume()
    self.timer = timer
  }

  deinit { finish() }

  func begin(_ phase: String) { lock.withLock { self.phase = phase } }

  func executed(_ step: StepRecord) {
    guard timer != nil else { return }
    begin("running: node \(step.index + 1) of \(step.stepCount), \(step.label)")
  }

  /// Removes the line.
  func finish() {
    lock.withLock {
      timer?.cancel()
      timer = nil
      if isShown { write("\r\u{1B}[K") }
      isShown = false
    }
  }

  private func show() {
    lock.withLock {
      guard timer != nil else { return }
      isShown = true
      write("\r\u{1B}[K" + phase.prefix(78))
    }
  }

  private func write(_ text: some StringProtocol) {
    FileHandle.standardError.write(Data(text.utf8))
  }
}
