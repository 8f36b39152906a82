import GraphIR
import Tensors

extension GraphOperation {
  /// `results` with the contents that follow from those of the inputs at `moved`, for an operation that only moves elements.
  ///
  /// The operation is evaluated on consecutive numbers in place of those inputs, which tells where each element comes from.
  /// The other inputs must be constants; where anything is missing, the results stay as they are.
  func movingContents(
    _ inputs: Operands<ValueInfo>, moved: [Int], into results: [ValueInfo]
  ) -> [ValueInfo] {
    var pool: [Dimension] = []
    var somethingKnown = false
    var substitutes: [Tensor?] = []
    for index in 0..<inputs.count {
      guard let input = inputs.optional(index) else {
        substitutes.append(nil)
        continue
      }
      guard moved.contains(index) else {
        guard let constant = input.constant else { return results }
        substitutes.append(constant)
        continue
      }
      guard let contents = input.contentsOrUnknown, let sizes = input.shape.sizes,
        let numbers = try? Tensor(integers: Array(pool.count..<pool.count + contents.count), shape: sizes)
      else { return results }
      if input.contents != nil { somethingKnown = true }
      substitutes.append(numbers)
      pool += contents
    }
    let small = results.allSatisfy { result in
      result.shape.elementCount?.constant.map { $0 <= ValueInfo.symbolsLimit } ?? false
    }
    guard somethingKnown, small, let origins = try? evaluate(Operands(substitutes)), origins.count == results.count
    else { return results }
    return zip(results, origins).map { result, origin in
      guard let indices = try? origin.integers(), indices.allSatisfy(pool.indices.contains) else { return result }
      return ValueInfo(result.type, contents: indices.map { pool[$0] })
    }
  }
}
