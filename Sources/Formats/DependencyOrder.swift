import Tensors

/// The positions of nodes, each after those it depends on, otherwise as they are in the file.
enum DependencyOrder {
  /// - Parameters:
  ///   - dependencies: the positions of the nodes that a node reads.
  ///   - label: what messages call a node.
  /// - Throws: where nodes depend on each other in a circle.
  static func sorted(_ dependencies: [[Int]], label: (Int) -> String) throws -> [Int] {
    enum State { case new, open, done }
    var states = Array(repeating: State.new, count: dependencies.count)
    var order: [Int] = []
    order.reserveCapacity(dependencies.count)
    var stack: [(node: Int, next: Int)] = []
    for root in dependencies.indices where states[root] == .new {
      stack.append((root, 0))
      states[root] = .open
      while let (node, next) = stack.last {
        guard next < dependencies[node].count else {
          states[node] = .done
          order.append(node)
          stack.removeLast()
          continue
        }
        stack[stack.count - 1].next += 1
        let producer = dependencies[node][next]
        if states[producer] == .open {
          let cycle = stack.drop { $0.node != producer }.prefix(5).map { label($0.node) }
          let verb = cycle.count == 1 ? "depends on itself" : "depend on each other"
          throw ModelError.invalid("the graph has a cycle: \(cycle.joined(separator: ", ")) \(verb)")
        }
        if states[producer] == .new {
          states[producer] = .open
          stack.append((producer, 0))
        }
      }
    }
    return order
  }
}
