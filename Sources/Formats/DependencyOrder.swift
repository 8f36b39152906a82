import Tensors

/// The positions of nodes, each after those it depends on, otherwise as they are in the file.
enum DependencyOrder {
  /// - Parameters:
  ///   - dependencies: the positions of the nodes that a node reads.
  ///   - label: what messages call a node.
  static func sorted(_ dependencies: [[Int]], label: (Int) -> String) throws -> [Int] {
    enum State { case new, open, done }
    var states = Array(repeating: State.new, count: dependencies.count)
    var order: [Int] = []
    order.reserveCapacity(dependencies.count)
    for root in dependencies.indices where states[root] == .new {
      var stack: [(node: Int, next: Int)] = [(root, 0)]
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
          let cycle = stack.drop { $0.node != producer }.prefix(5).map { "'\(label($0.node))'" }
          throw ModelError.invalid("the graph has a cycle: \(cycle.joined(separator: ", ")) depend on each other")
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
