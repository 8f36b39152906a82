import Dispatch

/// Runs `first` and `second` at the same time and returns how each of them ended.
func concurrently<First: Sendable, Second: Sendable>(
  _ first: @Sendable () throws -> First, _ second: @Sendable () throws -> Second
) -> (Result<First, any Error>, Result<Second, any Error>) {
  // Each is written by one of two calls, and read when both are over.
  nonisolated(unsafe) var one: Result<First, any Error>?
  nonisolated(unsafe) var other: Result<Second, any Error>?
  DispatchQueue.concurrentPerform(iterations: 2) { index in
    if index == 0 {
      one = Result { try first() }
    } else {
      other = Result { try second() }
    }
  }
  guard let one, let other else { preconditionFailure("both have run") }
  return (one, other)
}
