import GraphIR
import Tensors

/// How a scattered element meets the one that is there.
public enum ScatterReduction: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
  case none
  case add
  case mul
  case max
  case min
}

/// A copy of `data` in which elements are replaced by or combined with `updates`, one after the other.
///
/// The run of updates from *i*·`run` on goes to the data from `positions[i]` on.
struct Scatter {
  let data: Tensor
  let positions: [Int]
  let updates: Tensor
  let run: Int
  let reduction: ScatterReduction

  func scattered() throws -> Tensor {
    try require(
      data.element == updates.element,
      "updates of type \(updates.element.rawValue) don't fit data of type \(data.element.rawValue)")
    let (needed, overflow) = positions.count.multipliedReportingOverflow(by: run)
    try require(
      !overflow && updates.count == needed,
      "\(updates.count) updates are given for \(positions.count) positions of \(run) elements")
    try require(
      positions.allSatisfy { $0 >= 0 && $0 <= data.count && run <= data.count - $0 }, "a position lies outside the data"
    )
    if reduction == .none { return try Replacement(scatter: self).dispatch(on: data.element) }
    return try Combination(scatter: self).dispatch(on: data.element)
  }

  private struct Replacement: WordComputation {
    let scatter: Scatter

    func run<Word: TensorScalar & FixedWidthInteger>(_ type: Word.Type) throws -> Tensor {
      let (data, run) = (scatter.data, scatter.run)
      return try data.withWords(as: Word.self) { old in
        try scatter.updates.withWords(as: Word.self) { new in
          try Tensor.filledWords(data.element, data.shape, as: Word.self) { result in
            _ = result.update(fromContentsOf: old)
            for (index, position) in scatter.positions.enumerated() {
              for i in 0..<run { result[position &+ i] = new[index &* run &+ i] }
            }
          }
        }
      }
    }
  }

  private struct Combination: NumberComputation {
    let scatter: Scatter

    func run<Scalar: NumberScalar>(_ type: Scalar.Type) throws -> Tensor {
      let (data, run) = (scatter.data, scatter.run)
      return try data.withElements(as: Scalar.self) { old in
        try scatter.updates.withElements(as: Scalar.self) { new in
          try Tensor.filled(Scalar.self, data.shape) { result in
            _ = result.update(fromContentsOf: old)
            for (index, position) in scatter.positions.enumerated() {
              for i in 0..<run {
                let combined = combine(result[position &+ i].number, new[index &* run &+ i].number)
                result[position &+ i] = Scalar(number: combined)
              }
            }
          }
        }
      }
    }

    private func combine<Number: Arithmetic>(_ old: Number, _ new: Number) -> Number {
      switch scatter.reduction {
      case .none: new
      case .add: old.plus(new)
      case .mul: old.times(new)
      case .max: old.maximum(new)
      case .min: old.minimum(new)
      }
    }
  }
}
