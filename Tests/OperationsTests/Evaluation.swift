import GraphIR
import Operations
import Tensors
import Testing

/// The results of `operation`, after checking that inference said what they are.
func evaluate(
  _ operation: some GraphOperation, _ inputs: Tensor?..., sourceLocation: SourceLocation = #_sourceLocation
) throws -> [Tensor] {
  let results = try operation.evaluate(Operands(inputs))
  let constants = try operation.infer(Operands(inputs.map { $0.map { ValueInfo(constant: $0) } }))
  let typesOnly = try operation.infer(Operands(inputs.map { $0.map { ValueInfo($0.element, Shape($0.shape)) } }))
  for (index, result) in results.enumerated() {
    for known in [constants, typesOnly] where index < known.count {
      #expect(
        known[index].element == result.element && known[index].shape.admits(result.shape),
        "inferred \(known[index].type), evaluated \(result.element.rawValue)\(result.shape)",
        sourceLocation: sourceLocation)
    }
    if index < constants.count {
      if let contents = constants[index].constant { #expect(contents == result, sourceLocation: sourceLocation) }
    }
  }
  return results
}

extension Shape {
  /// Whether a tensor of shape `sizes` can have this shape.
  func admits(_ sizes: [Int]) -> Bool {
    guard let dimensions else { return true }
    return dimensions.count == sizes.count
      && zip(dimensions, sizes).allSatisfy { $0.constant == nil || $0.constant == $1 }
  }
}

/// The 32-bit elements of the first result of `operation`.
func floats(_ operation: some GraphOperation, _ inputs: Tensor?...) throws -> [Float] {
  try operation.evaluate(Operands(inputs))[0].values(as: Float.self)
}

func tensor(_ values: [Float], _ shape: Int...) throws -> Tensor { try Tensor(values, shape: shape) }

func integers(_ values: [Int64], _ shape: Int...) throws -> Tensor {
  try Tensor(values, shape: shape.isEmpty ? [values.count] : shape)
}

/// Numbers 0, 1, 2, … in a tensor of `shape`.
func counting(_ shape: Int...) throws -> Tensor {
  try Tensor((0..<shape.reduce(1, *)).map { Float($0) }, shape: shape)
}

/// Expects `body` to throw a `ModelError`.
func expectRefusal(
  _ operation: some GraphOperation, _ inputs: Tensor?..., sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(throws: ModelError.self, sourceLocation: sourceLocation) { try operation.evaluate(Operands(inputs)) }
}
