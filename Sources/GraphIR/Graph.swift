import Tensors

/// A model or a subgraph of one: nodes, inputs and outputs, as a value.
///
/// Nodes are named by handles that stay valid when others go, so a rewrite works on a copy and a refused one is a copy
/// dropped. Copying shares the weights. Every change goes through the methods of `Graph+Editing.swift`, which keep the use lists and
/// types right.
public struct Graph: Sendable {
  /// An input or output as users see it.
  public struct Port: Hashable, Sendable {
    /// Every name it answers to, the first being the one results are written under.
    public var names: [String]
    public var value: Value

    public init(names: [String], value: Value) {
      self.names = names
      self.value = value
    }

    public var name: String { names.first ?? "" }
  }

  public var name: String
  public internal(set) var inputs: [Port] = []
  public internal(set) var outputs: [Port] = []
  /// The only nodes, but for inputs and what only they need, that perhaps no output depends on: those added, and those that lost
  /// readers, since unused nodes were removed. Nil where they never were.
  var loosened: [NodeID]?
  var slots: [Node?] = []
  var uses: [[[Use]]] = []
  /// For a value that took over another's users, that other value: write-back gives it the other's name in the file.
  public internal(set) var replaced: [Value: Value] = [:]
  /// The nodes whose operations run graphs of their own, in the order in which they were added.
  public internal(set) var subgraphOwners: [NodeID] = []
  /// What the names of unknown sizes begin with, so that those of a subgraph are no others' of the model; empty for a whole model.
  var scope = ""

  public init(name: String = "") { self.name = name }

  /// The node `id`, which must be in the graph.
  public subscript(id: NodeID) -> Node {
    guard let node = slots[id.index] else { preconditionFailure("node \(id.index) was removed") }
    return node
  }

  public func contains(_ id: NodeID) -> Bool { slots.indices.contains(id.index) && slots[id.index] != nil }

  /// All nodes, in the order in which they were added.
  public var nodes: Nodes { Nodes(slots: slots) }

  /// The nodes of a graph; a type of its own, so that those who walk it in other modules need not do so through a protocol.
  public struct Nodes: Sequence, IteratorProtocol {
    fileprivate let slots: [Node?]
    private var position = 0

    fileprivate init(slots: [Node?]) { self.slots = slots }

    public mutating func next() -> Node? {
      while position < slots.count {
        position += 1
        if let node = slots[position - 1] { return node }
      }
      return nil
    }
  }

  public var nodeCount: Int { slots.reduce(0) { $0 + ($1 == nil ? 0 : 1) } }

  public func info(of value: Value) -> ValueInfo { self[value.node].outputs[value.output] }

  public func type(of value: Value) -> TensorType { info(of: value).type }

  /// The places that read `value`.
  public func uses(of value: Value) -> [Use] { uses[value.node.index][value.output] }

  /// Whether nothing but one input of one node reads `value`.
  public func hasSingleUse(_ value: Value) -> Bool { uses(of: value).count == 1 }

  /// The operation that makes `value`, where it is of type `Op`.
  public func operation<Op: GraphOperation>(of value: Value, as type: Op.Type = Op.self) -> Op? {
    let node = self[value.node]
    return node.is(Op.self) ? node.operation as? Op : nil
  }

  /// Every node after those it reads from; otherwise in the order in which they were added.
  ///
  /// Where there is a cycle, no order can be right; `verify()` reports it.
  public func topologicalOrder() -> [NodeID] {
    var order: [NodeID] = []
    order.reserveCapacity(slots.count)
    // 0: not seen, 1: being visited, 2: placed.
    var state = [UInt8](repeating: 0, count: slots.count)
    var stack: [(node: Int, inputs: [Value?], next: Int)] = []
    for case let root? in slots where state[root.id.index] == 0 {
      let inputs = root.inputs
      if inputs.allSatisfy({ $0.map { state[$0.node.index] == 2 } ?? true }) {
        state[root.id.index] = 2
        order.append(root.id)
        continue
      }
      stack.append((root.id.index, inputs, 0))
      state[root.id.index] = 1
      while let (index, inputs, next) = stack.last {
        guard next < inputs.count else {
          state[index] = 2
          order.append(NodeID(index))
          stack.removeLast()
          continue
        }
        stack[stack.count - 1].next += 1
        if let producer = inputs[next]?.node, state[producer.index] == 0 {
          state[producer.index] = 1
          stack.append((producer.index, self[producer].inputs, 0))
        }
      }
    }
    return order
  }

  /// The nodes that some output depends on.
  public func liveNodes() -> Set<NodeID> {
    let isLive = areLive()
    return Set(isLive.indices.lazy.filter { isLive[$0] }.map { NodeID($0) })
  }

  /// For every slot, whether some output depends on its node.
  package func areLive() -> [Bool] {
    var isLive = Array(repeating: false, count: slots.count)
    var pending = outputs.map(\.value.node.index)
    while let index = pending.popLast() {
      guard !isLive[index] else { continue }
      isLive[index] = true
      guard let node = slots[index] else { continue }
      for case let input? in node.inputs { pending.append(input.node.index) }
    }
    return isLive
  }
}
