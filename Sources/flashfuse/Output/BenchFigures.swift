import Runtime
import Tensors

/// The times of a number of runs of the same inputs.
struct Measurement {
  let medianSeconds: Double
  let leastSeconds: Double
  /// Of the last run.
  let statistics: RunStatistics

  /// What ran before on this machine may go on for some milliseconds: the threads of other libraries wait in loops.
  private static let leastWarmUp = Duration.milliseconds(100)

  /// Runs for a moment without counting, at least once, then `repeats` times.
  init(of session: Session, inputs: [String: Tensor], repeats: Int, progress: Progress) throws {
    let start = ContinuousClock.now
    var statistics = try session.run(inputs, observer: progress).statistics
    while ContinuousClock.now - start < Self.leastWarmUp { statistics = try session.run(inputs).statistics }
    var seconds: [Double] = []
    for index in 0..<repeats {
      progress.begin("measuring", index, of: repeats, "\(Figures.seconds(statistics.seconds)) each")
      statistics = try session.run(inputs).statistics
      seconds.append(statistics.seconds)
    }
    seconds.sort()
    medianSeconds = (seconds[(repeats - 1) / 2] + seconds[repeats / 2]) / 2
    leastSeconds = seconds[0]
    self.statistics = statistics
  }
}

/// What `bench` prints; the names of the JSON keys follow from these.
struct BenchFigures: Encodable {
  let medianSeconds: Double
  let minSeconds: Double
  /// Of an attention, counting only scores that are not masked.
  let gflops: Double?
  let peakGflops: Double?
  /// Of an attention of few queries: keys and values read.
  let bytesPerSecond: Double?
  let peakBytesPerSecond: Double?
  let extraBytes: Int
  /// Of a model.
  let activationBytes: Int?
  let threads: Int
  let instructionSet: String

  func printText() {
    print("median        \(Figures.seconds(medianSeconds))")
    print("least         \(Figures.seconds(minSeconds))")
    if let gflops, let peakGflops {
      let share = Int((100 * gflops / max(peakGflops, 1e-9)).rounded())
      print("speed         \(Figures.number(gflops)) GFLOP/s, \(share) % of the peak of \(Figures.number(peakGflops))")
    }
    if let bytesPerSecond, let peakBytesPerSecond {
      let share = Int((100 * bytesPerSecond / max(peakBytesPerSecond, 1e-9)).rounded())
      print(
        "reading       \(Figures.number(bytesPerSecond * 1e-9)) GB/s of keys and values, \(share) % of the bandwidth of "
          + "\(Figures.number(peakBytesPerSecond * 1e-9))")
    }
    if let activationBytes { print("peak values   \(Figures.bytes(activationBytes))") }
    print("scratch       \(Figures.bytes(extraBytes))")
    print("threads       \(threads), \(instructionSet)")
  }
}
