/// A failure that is the model's or the user's, not flashfuse's: one line saying what is wrong, where, and what was expected.
public struct ModelError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of failure it is; the command line turns it into its exit code.
  public enum Kind: Hashable, Sendable {
    /// The file or tensor does not say what it must say.
    case invalid
    /// The model is well-formed but needs something that flashfuse does not have.
    case unsupported
    /// A file that was named does not exist or cannot be read.
    case notFound
  }

  public let kind: Kind
  public let message: String

  public init(kind: Kind, message: String) {
    self.kind = kind
    self.message = message
  }

  public static func invalid(_ message: String) -> ModelError { .init(kind: .invalid, message: message) }

  public static func unsupported(_ message: String) -> ModelError { .init(kind: .unsupported, message: message) }

  public static func notFound(_ message: String) -> ModelError { .init(kind: .notFound, message: message) }

  public var description: String { message }

  /// The same failure, said to have happened at `place`, for example a node's name.
  public func at(_ place: String) -> ModelError { .init(kind: kind, message: "\(place): \(message)") }
}

/// Runs `body`; a `ModelError` that leaves it names `place`.
public func locating<Result>(_ place: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as ModelError {
    throw error.at(place())
  }
}

/// Throws an `invalid` error with `message` unless `condition` holds.
public func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
  if !condition { throw ModelError.invalid(message()) }
}
