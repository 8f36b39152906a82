import GraphIR
import Operations
import Rewriting
import Tensors

/// An attention found around a softmax: what it reads, in which layouts, and what `FlashAttention` has to do.
struct AttentionMatch {
  var axes: AxisTable
  let query: LabelledValue
  let key: LabelledValue
  let value: LabelledValue
  let form: AttentionForm
  /// What happens to its result.
  let outputForm: OutputForm
  /// The output of the second product, which the fused node replaces.
  let output: LabelledValue
  let roles: AxisRoles
  /// Every node that the fused one stands for, in the order in which they were added.
  let nodes: [NodeID]
  /// What is done between the products one operation at a time, in the file's words.
  let steps: [String]
  /// Nodes that read the shape of a tensor that is no longer computed, each with the labels of its dimensions.
  var measured: [(reader: NodeID, labels: AxisLabels)] = []
}

/// What the axes of an attention are for.
struct AxisRoles {
  var batch: [Axis]
  /// Heads that keys and values have of their own.
  var keyHeads: [Axis]
  /// Query heads that share a key head.
  var group: [Axis]
  var queries: [Axis]
  var keys: [Axis]
  var features: [Axis]
  var values: [Axis]

  var heads: [Axis] { keyHeads + group }
  var query: AxisLabels { [batch, heads, queries, features] }
  var key: AxisLabels { [batch, keyHeads, keys, features] }
  var value: AxisLabels { [batch, keyHeads, keys, values] }
  var scores: AxisLabels { [batch, heads, queries, keys] }
  var output: AxisLabels { [batch, heads, queries, values] }
}

extension AxisRoles {
  /// Reads the roles off the batch dimensions of the output, outermost first.
  ///
  /// The last of two or more is the heads; a single one is a batch, unless a mask has shown it to be batch · heads. Trailing
  /// axes that keys and values lack are groups of query heads.
  init(
    dimensions: AxisLabels, shared: Set<Axis>, queries: [Axis], keys: [Axis], features: [Axis], values: [Axis]
  ) {
    self.queries = queries
    self.keys = keys
    self.features = features
    self.values = values
    let all = Array(dimensions.joined())
    let own = all.lastIndex(where: shared.contains).map { $0 + 1 } ?? 0
    group = Array(all[own...])
    var rest = dimensions.map { $0.filter { !all[own...].contains($0) } }
    while rest.count > 2, let last = rest.last, last.isEmpty, !dimensions[rest.count - 1].isEmpty { rest.removeLast() }
    switch rest.count {
    case 0: (batch, keyHeads) = ([], [])
    case 1 where rest[0].count > 1: (batch, keyHeads) = (rest[0].dropLast(), [rest[0][rest[0].count - 1]])
    case 1: (batch, keyHeads) = (rest[0], [])
    default: (batch, keyHeads) = (Array(rest.dropLast().joined()), rest[rest.count - 1])
    }
  }
}
