import Foundation
import Rewriting
import Runtime
import Tensors

/// A run as Chrome trace events, which Perfetto and Chrome's tracing page open.
///
/// A track holds one slice a step, in the order of the run; a track a thread says when it worked on which step; two counters
/// follow the bytes of live activations and the bytes moved by the model of `OperationWork`.
package struct TraceFile {
  private var events: [Event] = []
  private static let process = 1
  private static let stepTrack = 1

  /// - Parameters:
  ///   - title: what the process is called, as in `bert.xml, fused`
  ///   - peak: floating-point operations per second that the threads reach together
  ///   - log: the decisions that the steps' attentions refer to
  package init(_ profile: RunProfile, title: String, peak: Double, log: FusionLog) {
    add(.metadata("process_name", title, track: Self.stepTrack))
    add(.metadata("thread_name", "steps", track: Self.stepTrack))
    let threads = Set(profile.steps.flatMap { $0.spans.map(\.thread) }).sorted()
    for thread in threads { add(.metadata("thread_name", "thread \(thread + 1)", track: Self.track(of: thread))) }
    var moved = 0.0
    add(.counter("live activation", 0, at: 0))
    add(.counter("moved", 0, at: 0))
    for step in profile.steps {
      let anchor = step.attention.flatMap { log.decisions.indices.contains($0) ? log.decisions[$0].anchor : nil }
      add(.slice(step, track: Self.stepTrack, arguments: Self.arguments(of: step, peak: peak, attention: anchor)))
      for span in step.spans { add(.span(span, of: step, track: Self.track(of: span.thread))) }
      moved += step.work.bytes
      let end = step.start + step.duration
      add(.counter("live activation", Double(step.liveBytes), at: end))
      add(.counter("moved", moved, at: end))
    }
  }

  /// The file's contents: one object, an event a line.
  package func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let lines = try events.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
    let head = "\"displayTimeUnit\": \"ms\", \"otherData\": {\"flashfuse\": \"\(FlashFuseVersion.current)\"}"
    return Data("{\(head), \"traceEvents\": [\n\(lines.joined(separator: ",\n"))\n]}\n".utf8)
  }

  private mutating func add(_ event: Event) { events.append(event) }

  private static func track(of thread: Int) -> Int { stepTrack + 1 + thread }

  private static func arguments(of step: ProfiledStep, peak: Double, attention: String?) -> [String: Argument] {
    var arguments: [String: Argument] = [
      "node": .text(step.name), "sources": .texts(step.sources),
      "inputs": .texts(step.inputs.map(\.description)), "outputs": .texts(step.outputs.map(\.description)),
      "flops": .number(step.work.operations), "bytes": .number(step.work.bytes),
    ]
    if step.work.operations > 0 {
      arguments["gflops_per_second"] = .number(step.speed * 1e-9)
      arguments["share_of_peak"] = .number(step.speed / max(peak, 1))
    }
    if step.overwrittenBytes > 0 { arguments["overwritten_bytes"] = .number(step.overwrittenBytes) }
    arguments["attention"] = attention.map { .text($0) }
    return arguments
  }
}

extension TraceFile {
  fileprivate enum Argument: Encodable {
    case text(String)
    case texts([String])
    case number(Double)

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let text): try container.encode(text)
      case .texts(let texts): try container.encode(texts)
      case .number(let number): try container.encode(number)
      }
    }
  }

  /// An event; the names of its fields are those of the format. Times are in microseconds.
  fileprivate struct Event: Encodable {
    let name: String
    var cat: String?
    let ph: String
    var ts: Double?
    var dur: Double?
    let pid = TraceFile.process
    let tid: Int
    var args: [String: Argument]?

    static func metadata(_ kind: String, _ name: String, track: Int) -> Event {
      Event(name: kind, ph: "M", tid: track, args: ["name": .text(name)])
    }

    static func slice(_ step: ProfiledStep, track: Int, arguments: [String: Argument]) -> Event {
      Event(
        name: step.kind, cat: step.attention == nil ? "step" : "attention", ph: "X", ts: micro(step.start),
        dur: micro(from: step.start, for: step.duration), tid: track, args: arguments)
    }

    static func span(_ span: ThreadSpan, of step: ProfiledStep, track: Int) -> Event {
      Event(
        name: step.kind, cat: "thread", ph: "X", ts: micro(span.start),
        dur: micro(from: span.start, for: span.duration), tid: track,
        args: ["node": .text(step.name), "tasks": .number(Double(span.taskCount))])
    }

    static func counter(_ name: String, _ value: Double, at seconds: Double) -> Event {
      Event(name: name, ph: "C", ts: micro(seconds), tid: TraceFile.stepTrack, args: ["bytes": .number(value)])
    }

    /// Begin and end are whole nanoseconds, so that slices that touch don't overlap by rounding.
    private static func micro(_ seconds: Double) -> Double { nano(seconds) / 1e3 }

    private static func micro(from start: Double, for duration: Double) -> Double {
      (nano(start + duration) - nano(start)) / 1e3
    }

    private static func nano(_ seconds: Double) -> Double { (seconds * 1e9).rounded() }
  }
}
