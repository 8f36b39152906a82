import ArgumentParser
import Runtime

/// What a run may use.
struct RunOptions: ParsableArguments {
  @Option(help: "How many threads to compute on; all cores where it is not given.")
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "How much memory values may take at once, in bytes or as in 512M; a run that needs more fails.",
      valueName: "BYTES"))
  var memoryLimit: ByteCount?

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads must be between 1 and 1024, not \(threads)")
    }
  }

  var session: Session.Options { .init(threads: threads, memoryLimit: memoryLimit?.value) }
}

/// A number of bytes: `1000000`, `512M` or `4G` (powers of 1024).
struct ByteCount: ExpressibleByArgument {
  let value: Int

  init?(argument: String) {
    let units: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
    let unit = argument.last.flatMap { units[$0] }
    guard let number = Int(unit == nil ? argument[...] : argument.dropLast()), number >= 0 else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
    guard !overflow else { return nil }
    value = product
  }
}
