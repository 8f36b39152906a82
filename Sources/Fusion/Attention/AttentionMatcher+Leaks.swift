import GraphIR
import Operations
import Rewriting

/// Who else reads what an attention computes on its way.
extension AttentionMatcher {
  /// A node outside that reads the shape of `source`, or of what the shape-only nodes `views` make of it.
  struct Measurement {
    let reader: NodeID
    let source: Value
    let views: [NodeID]
  }

  /// Everything between the products must be read by nothing outside; only its shape may, which others can tell as well.
  func checkLeaks(_ nodes: [NodeID], output: NodeID) throws(Reason) -> [Measurement] {
    let inside = Set(nodes)
    var measured: [Measurement] = []
    for value in nodes.lazy.filter({ $0 != output }).flatMap({ graph[$0].values }) {
      measured += try readers(of: value, viewOf: value, through: [], except: inside)
    }
    return measured
  }

  private func readers(
    of value: Value, viewOf source: Value, through views: [NodeID], except inside: Set<NodeID>
  ) throws(Reason) -> [Measurement] {
    var measured: [Measurement] = []
    for use in graph.uses(of: value) {
      switch use {
      case .output(let index):
        throw Reason(
          "scores-used-elsewhere",
          "the result of this \(graph.kind(of: source.node)) is also the output '\(graph.outputs[index].name)'",
          node: graph[source.node].label, hint: "export the model without attention weights among its outputs")
      case .node(let reader, _) where !inside.contains(reader) && live.contains(reader):
        if graph[reader].operation is ShapeOf {
          measured.append(Measurement(reader: reader, source: source, views: views))
        } else if views.count < 8, ShapeStep.source(of: graph[reader]) == value {
          measured += try readers(of: Value(reader), viewOf: source, through: views + [reader], except: inside)
        } else {
          throw leak(source, graph[views.first ?? reader])
        }
      default: break
      }
    }
    return measured
  }

  func leak(_ value: Value, _ reader: Node) -> Reason {
    Reason(
      "scores-used-elsewhere",
      "the result of this \(graph.kind(of: value.node)) is also read by \(graph.kind(of: reader.id)) '\(reader.label)'",
      node: graph[value.node].label)
  }
}
