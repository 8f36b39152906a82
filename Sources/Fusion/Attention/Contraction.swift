import GraphIR
import Operations
import Tensors

/// A sum of products of two tensors over shared dimensions: MatMul, Einsum and Gemm alike.
struct Contraction {
  let node: NodeID
  let left: Value
  let right: Value
  /// For each dimension, outermost first, a letter; a letter in both operands and not in the output is summed over.
  let leftLetters: [Int]
  let rightLetters: [Int]
  let outputLetters: [Int]
  /// The letters of dimensions that one operand has of its own; all others are summed or shared, if only by broadcasting.
  let leftFree: [Int]
  let rightFree: [Int]
  /// A factor on the product.
  var scale = 1.0
  /// What is added to the scaled product, broadcast to it, and a factor on that.
  var addend: (value: Value, factor: Double)?

  var output: Value { Value(node) }

  /// The contraction that `node` computes, where it is one of two tensors of known rank.
  init?(_ node: Node, in graph: Graph) {
    guard let first = node.inputs.first.flatMap({ $0 }), node.inputs.count >= 2, let second = node.inputs[1],
      let leftRank = graph.info(of: first).rank, let rightRank = graph.info(of: second).rank
    else { return nil }
    self.node = node.id
    left = first
    right = second
    switch node.operation {
    case is MatMul:
      guard leftRank >= 2, rightRank >= 2 else { return nil }
      // Letters 0… are batch dimensions counted from the matrix outwards; rows, columns and the sum come after them.
      let batch = max(leftRank, rightRank) - 2
      let (rows, columns, sum) = (batch, batch + 1, batch + 2)
      leftLetters = Array((0..<(leftRank - 2)).reversed()) + [rows, sum]
      rightLetters = Array((0..<(rightRank - 2)).reversed()) + [sum, columns]
      outputLetters = Array((0..<batch).reversed()) + [rows, columns]
      (leftFree, rightFree) = ([rows], [columns])
    case let gemm as Gemm:
      guard leftRank == 2, rightRank == 2 else { return nil }
      leftLetters = gemm.transposesLeft ? [2, 0] : [0, 2]
      rightLetters = gemm.transposesRight ? [1, 2] : [2, 1]
      outputLetters = [0, 1]
      (leftFree, rightFree) = ([0], [1])
      scale = gemm.alpha
      if node.inputs.count > 2, gemm.beta != 0 { addend = node.inputs[2].map { ($0, gemm.beta) } }
    case let einsum as Einsum:
      guard node.inputs.count == 2, let terms = Contraction.terms(of: einsum.equation, ranks: [leftRank, rightRank])
      else { return nil }
      (leftLetters, rightLetters, outputLetters) = (terms.left, terms.right, terms.output)
      leftFree = terms.output.filter { !terms.right.contains($0) }
      rightFree = terms.output.filter { !terms.left.contains($0) }
    default:
      return nil
    }
  }

  private static func terms(of equation: String, ranks: [Int]) -> (left: [Int], right: [Int], output: [Int])? {
    guard let equation = try? EinsumEquation(equation, ranks: ranks) else { return nil }
    let letters = (equation.operands + [equation.output]).map { labels in
      labels.map { label in
        switch label {
        case .letter(let letter): letter.unicodeScalars.reduce(0) { $0 + Int($1.value) }
        case .ellipsis(let axis): -1 - axis
        }
      }
    }
    let result = (left: letters[0], right: letters[1], output: letters[2])
    // A letter twice in one term is a diagonal; one that is in a single operand and not in the output is a plain sum.
    for term in [result.left, result.right, result.output] where Set(term).count < term.count { return nil }
    let both = Set(result.left).intersection(result.right)
    let either = Set(result.left).union(result.right)
    let output = Set(result.output)
    guard output.isSubset(of: either), either.subtracting(output).isSubset(of: both) else { return nil }
    return result
  }

  /// The letters that are summed over.
  var summed: [Int] { leftLetters.filter { rightLetters.contains($0) && !outputLetters.contains($0) } }

  func letters(ofLeft isLeft: Bool) -> [Int] { isLeft ? leftLetters : rightLetters }

  /// In the order of the output.
  func free(ofLeft isLeft: Bool) -> [Int] { isLeft ? leftFree : rightFree }

  func operand(left isLeft: Bool) -> Value { isLeft ? left : right }
}

extension AxisTable {
  /// The labels of an operand whose dimensions run over `axes` by letter; a dimension of size 1 that is broadcast runs over none.
  func labels(_ letters: [Int], _ axes: [Int: [Axis]], shape: [Dimension]) -> AxisLabels {
    zip(letters, shape).map { letter, size in
      let label = resolve(axes[letter] ?? [])
      return size.constant == 1 && !isKeptUnit(label) ? [] : label
    }
  }

  /// The labels of a tensor of `shape` that is broadcast, aligned at the last dimension, to one with `labels`.
  func labels(of shape: [Dimension], broadcastTo labels: AxisLabels) -> AxisLabels {
    let surplus = labels.count - shape.count
    return shape.indices.map { index in
      guard index + surplus >= 0 else { return [] }
      let label = resolve(labels[index + surplus])
      return shape[index].constant == 1 && !isKeptUnit(label) ? [] : label
    }
  }
}
