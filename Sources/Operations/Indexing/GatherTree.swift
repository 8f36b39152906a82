import GraphIR
import Tensors

/// The sequences of a beam search, followed from their ends back through the parent of each step.
///
/// `step_ids` and `parent_idx` are `[steps, batch, beams]`, `max_seq_len` is `[batch]`. Behind the first `end_token` of a sequence, and
/// behind its length, everything is `end_token`.
public struct GatherTree: GraphOperation {
  public init() {}

  public static let schema = Schema<Self>(
    "GatherTree", inputs: ["step_ids", "parent_idx", "max_seq_len", "end_token"], spellings: [.openVINO("GatherTree")])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let steps = try inputs[0]
    _ = (try inputs[1], try inputs[2], try inputs[3])
    if let rank = steps.rank { try require(rank == 3, "3 axes were expected, found \(steps.type)") }
    return [ValueInfo(steps.type)]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let (steps, parents) = (try inputs[0], try inputs[1])
    try require(steps.rank == 3 && parents.shape == steps.shape, "steps and parents must have 3 axes and one shape")
    let (length, batch, beams) = (steps.shape[0], steps.shape[1], steps.shape[2])
    let (values, origins) = (try steps.doubles(), try parents.doubles())
    let (lengths, ends) = (try inputs[2].doubles(), try inputs[3].doubles())
    try require(lengths.count == batch && ends.count == 1, "\(lengths.count) lengths were given for \(batch) sequences")
    let end = ends[0]
    var result = [Double](repeating: end, count: values.count)
    for entry in 0..<batch {
      let count = Int(exactly: min(lengths[entry].rounded(.towardZero), Double(length))) ?? 0
      for beam in 0..<beams {
        var parent = beam
        for step in (0..<max(count, 0)).reversed() {
          let row = (step * batch + entry) * beams
          result[row + beam] = values[row + parent]
          guard let next = Int(exactly: origins[row + parent]), (0..<beams).contains(next) else {
            throw ModelError.invalid("a parent of step \(step) is no beam")
          }
          parent = next
        }
        var isOver = false
        for step in 0..<max(count, 0) {
          let place = (step * batch + entry) * beams + beam
          if isOver { result[place] = end }
          isOver = isOver || result[place] == end
        }
      }
    }
    return [try Tensor(doubles: result, element: steps.element, shape: steps.shape)]
  }
}
