import GraphIR
import Tensors

/// What a value is a sum or a product of, level by level: a tree whose joints are the additions or multiplications.
struct CombinedTerms {
  struct Term {
    let value: Value
    let isInverted: Bool
    let parent: Int?
    var isJoint = false
  }

  private var terms: [Term] = []

  /// Formulas have fewer terms, and fewer levels, than these.
  private static let countLimit = 16

  init(of value: Value, _ algebra: Combination.Algebra, in graph: Graph) {
    terms.append(Term(value: value, isInverted: false, parent: nil))
    var next = 0
    while next < terms.count, terms.count < Self.countLimit {
      expand(next, algebra, in: graph)
      next += 1
    }
  }

  /// How many there are that are not made of others; as many parts can be found at most.
  var leafCount: Int { terms.count { !$0.isJoint } }

  var indices: Range<Int> { terms.indices }

  subscript(index: Int) -> Term { terms[index] }

  var root: Value { terms[0].value }

  private mutating func expand(_ index: Int, _ algebra: Combination.Algebra, in graph: Graph) {
    let term = terms[index]
    let node = graph[term.value.node]
    let type = node.kind
    guard type == algebra.joining || type == algebra.separating || type == algebra.inverting else { return }
    let info = graph.info(of: term.value)
    guard info.element.isFloatingPoint, info.scalar == nil else { return }
    let inputs = node.inputs.compactMap { $0 }
    func add(_ value: Value, inverted: Bool) {
      terms.append(Term(value: value, isInverted: term.isInverted != inverted, parent: index))
    }
    switch type {
    case algebra.joining where inputs.count == 2:
      add(inputs[0], inverted: false)
      add(inputs[1], inverted: false)
    case algebra.separating where inputs.count == 2:
      add(inputs[0], inverted: false)
      add(inputs[1], inverted: true)
    case algebra.inverting where inputs.count == 1:
      add(inputs[0], inverted: true)
    default: return
    }
    terms[index].isJoint = true
  }

  /// Whether the term holds none of `taken` and is part of none.
  func isFree(_ index: Int, beside taken: [Int]) -> Bool {
    !taken.contains { isInside(index, $0) || isInside($0, index) }
  }

  private func isInside(_ index: Int, _ outer: Int) -> Bool {
    var current: Int? = index
    while let next = current {
      if next == outer { return true }
      current = terms[next].parent
    }
    return false
  }

  /// What the constants beside the terms `taken` come to, and the joints that put all together; nil where there is more than constants.
  func rest(without taken: [Int], _ algebra: Combination.Algebra, in graph: Graph) -> (Double, Set<NodeID>)? {
    var number = algebra.identity
    var joints: Set<NodeID> = []
    for index in terms.indices where !taken.contains(where: { isInside(index, $0) }) {
      let term = terms[index]
      if term.isJoint {
        joints.insert(term.value.node)
      } else {
        guard let constant = graph.info(of: term.value).scalar else { return nil }
        number = algebra.join(number, term.isInverted ? algebra.invert(constant) : constant)
      }
    }
    return (number, joints)
  }
}
