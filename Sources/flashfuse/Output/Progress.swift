import Foundation
import Runtime
import Tensors

/// A line on standard error that says what is being done, how far it is and since when, once that has taken a second; nothing where
/// that is no terminal.
final class Progress: ExecutionObserver, @unchecked Sendable {
  private let lock = NSLock()
  private let start = Date()
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

  /// The phase, of which so much is done.
  func begin(_ phase: String, _ done: Int, of count: Int, _ detail: String = "") {
    guard timer != nil else { return }
    let percent = 100 * done / max(count, 1)
    begin("\(phase): \(percent) %, \(done) of \(count)\(detail.isEmpty ? "" : ", \(detail)")")
  }

  func prepared(_ done: Int, of count: Int) { begin("preparing the run and its weights", done, of: count) }

  func executed(_ step: StepRecord) { begin("running", step.index + 1, of: step.stepCount, "after \(step.label)") }

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
      let line = "\(Int(Date().timeIntervalSince(start))) s  \(phase.printable)"
      write("\r\u{1B}[K" + line.prefix(Self.columns - 2))
    }
  }

  /// A line that is wrapped could not be taken back.
  private static var columns: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 2 else { return 80 }
    return Int(size.ws_col)
  }

  private func write(_ text: some StringProtocol) {
    StandardStreams.report(text)
  }
}
