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
      let hasAddend = node.inputs.count > 2 && node.inputs[2] != nil
      guard leftRank == 2, rightRank == 2, !hasAddend || gemm.beta == 0 else { return nil }
      leftLetters = gemm.transposesLeft ? [2, 0] : [0, 2]
      rightLetters = gemm.transposesRight ? [1, 2] : [2, 1]
      outputLetters = [0, 1]
      (leftFree, rightFree) = ([0], [1])
      scale = gemm.alpha
    case let einsum as Einsum:
      guard let terms = Contraction.terms(of: einsum.equation), node.inputs.count == 2,
        terms.left.count == leftRank, terms.right.count == rightRank
      else { return nil }
      (leftLetters, rightLetters, outputLetters) = (terms.left, terms.right, terms.output)
      leftFree = terms.output.filter { !terms.right.contains($0) }
      rightFree = terms.output.filter { !terms.left.contains($0) }
    default:
      return nil
    }
  }

  private static func terms(of equation: String) -> (left: [Int], right: [Int], output: [Int])? {
    let text = equation.filter { $0 != " " }
    guard !text.contains("."), let arrow = text.range(of: "->") else { return nil }
    let operands = text[..<arrow.lowerBound].split(separator: ",", omittingEmptySubsequences: false)
    guard operands.count == 2 else { return nil }
    let letters = { (term: Substring) in term.unicodeScalars.map { Int($0.value) } }
    let result = (left: letters(operands[0]), right: letters(operands[1]), output: letters(text[arrow.upperBound...]))
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
