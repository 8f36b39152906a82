/// What a user should know although nothing failed: a line on standard error.
enum Note {
  static func write(_ text: String) { StandardStreams.report("note: \(text.printable)\n") }
}
