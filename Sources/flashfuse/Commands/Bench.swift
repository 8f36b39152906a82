import ArgumentParser
import GraphIR
import Operations
import Runtime
import Tensors

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure how fast fused attention or a whole model runs.",
    subcommands: [BenchAttention.self, BenchModel.self])
}

struct BenchAttention: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attention", abstract: "Measure one fused attention on random operands.")

  @Option(help: "The batch size.") var batch = 1
  @Option(help: "Query heads.") var heads = 8
  @Option(help: "Heads of keys and values, of which heads is a multiple; by default as many.") var kvHeads: Int?
  @Option(help: "The number of queries.") var queryLength = 1024
  @Option(help: "The number of keys; by default as many as queries.") var keyLength: Int?
  @Option(help: "The size of a head of queries and keys.") var headDim = 64
  @Option(help: "The size of a head of values; by default as that of keys.") var valueDim: Int?
  @Option(help: "The element type.") var dtype: FloatType = .f32
  @Flag(help: "The last query sees all keys, each before it one less.") var causal = false
  @Flag(help: "Compare the planned tiles with the best of an exhaustive search; --repeat is the number of rounds.")
  var search = false
  @OptionGroup var options: RepeatOptions

  func validate() throws {
    let sizes = [batch, heads, kvHeads ?? heads, queryLength, keyLength ?? queryLength, headDim, valueDim ?? headDim]
    guard sizes.allSatisfy({ (1...(1 << 24)).contains($0) }) else {
      throw ValidationError("every size must be between 1 and \(1 << 24)")
    }
    guard heads % (kvHeads ?? heads) == 0 else {
      throw ValidationError("--heads \(heads) must be a multiple of --kv-heads \(kvHeads ?? heads)")
    }
  }

  mutating func run() throws {
    let workload = AttentionWorkload(
      batch: batch, heads: heads, keyHeads: kvHeads ?? heads, queryLength: queryLength,
      keyLength: keyLength ?? queryLength, headSize: headDim, valueSize: valueDim ?? headDim, element: dtype.element,
      isCausal: causal)
    let progress = Progress("measuring")
    let (graph, inputs) = try Self.model(of: workload)
    let session = Session(graph, options: options.session)
    if search {
      let tiles = try session.measuredTiles(of: workload, rounds: options.repeat) { measured, count in
        progress.begin("measuring tiles", measured, of: count)
      }
      progress.finish()
      let result = TileSearchResult(tiles)
      if options.json { try JSONOutput.print(result) } else { result.printText() }
      return
    }
    let measured = try Measurement(of: session, inputs: inputs, repeats: options.repeat, progress: progress)
    progress.begin("measuring the peak of multiply-adds")
    let peak = session.measuredPeak(of: workload.element)
    // Few queries are bound by reading keys and values, not by arithmetic.
    let bandwidth = workload.queryLength < 16 ? session.measuredReadBandwidth : nil
    progress.finish()
    let figures = BenchFigures(
      medianSeconds: measured.medianSeconds, minSeconds: measured.leastSeconds,
      gflops: workload.operations / measured.medianSeconds * 1e-9, peakGflops: peak * 1e-9,
      bytesPerSecond: bandwidth == nil ? nil : workload.keyAndValueBytes / measured.medianSeconds,
      peakBytesPerSecond: bandwidth,
      extraBytes: measured.statistics.scratchBytes, activationBytes: nil, threads: session.threads,
      instructionSet: session.instructionSet)
    if options.json { try JSONOutput.print(figures) } else { figures.printText() }
  }

  /// A graph that is one attention, and random values for its inputs.
  private static func model(of workload: AttentionWorkload) throws -> (Graph, [String: Tensor]) {
    let keys = [workload.batch, workload.keyHeads, workload.keyLength]
    let shapes = [
      ("query", [workload.batch, workload.heads, workload.queryLength, workload.headSize]),
      ("key", keys + [workload.headSize]), ("value", keys + [workload.valueSize]),
    ]
    var graph = Graph(name: "attention")
    var inputs: [String: Tensor] = [:]
    var values: [Value] = []
    for (index, (name, shape)) in shapes.enumerated() {
      values.append(try graph.addInput([name], TensorType(workload.element, Shape(shape))))
      inputs[name] = try Tensor(randomOf: workload.element, shape: shape, seed: UInt64(index))
    }
    var attention = FlashAttention()
    attention.scale = 1 / Double(workload.headSize).squareRoot()
    attention.causal = workload.isCausal ? .lowerRight : .none
    graph.addOutput(["output"], try graph.insert(attention, values))
    return (graph, inputs)
  }
}

struct BenchModel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Measure a whole model.",
    usage: "flashfuse bench model <MODEL> [--inputs <io.npz>] [<options>]")

  @OptionGroup var model: ModelArgument
  @OptionGroup var fusion: FusionOptions
  @OptionGroup var inputs: InputOptions
  @Flag(help: "Run the model as it is.") var noFuse = false
  @OptionGroup var options: RepeatOptions

  mutating func run() throws {
    let progress = Progress("reading \(model.fileName)")
    let result = try FusedModel(model.model, fuses: !noFuse, pipeline: fusion.pipeline(), progress: progress)
    let (tensors, _) = try inputs.read(for: result.document, memoryLimit: nil)
    let session = Session(result.fused, options: options.session)
    let measured = try Measurement(of: session, inputs: tensors, repeats: options.repeat, progress: progress)
    progress.finish()
    let figures = BenchFigures(
      medianSeconds: measured.medianSeconds, minSeconds: measured.leastSeconds, gflops: nil, peakGflops: nil,
      bytesPerSecond: nil, peakBytesPerSecond: nil,
      extraBytes: measured.statistics.scratchBytes, activationBytes: measured.statistics.activationBytes,
      threads: session.threads, instructionSet: session.instructionSet)
    if options.json { try JSONOutput.print(figures) } else { figures.printText() }
  }
}

/// How often, and with what, a benchmark runs.
struct RepeatOptions: ParsableArguments {
  @Option(help: "How many threads to compute on; all cores where it is not given.") var threads: Int?
  @Option(help: "How often to measure, after a tenth of a second of runs that are not counted.") var `repeat` = 10
  @Flag(help: "Print figures as JSON.") var json = false

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads must be between 1 and 1024, not \(threads)")
    }
    guard (1...1_000_000).contains(`repeat`) else { throw ValidationError("--repeat must be between 1 and 1000000") }
  }

  var session: Session.Options { .init(threads: threads) }
}

extension AttentionWorkload {
  /// What has to be read at least, besides queries.
  fileprivate var keyAndValueBytes: Double {
    Double(batch) * Double(keyHeads) * Double(keyLength) * Double(headSize + valueSize) * Double(element.byteCount)
  }
}
