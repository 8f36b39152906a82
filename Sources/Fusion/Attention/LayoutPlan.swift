import GraphIR
import Operations
import Tensors

/// How to bring a labelled tensor into another layout: at most reshape, transpose, reshape, expand, in that order.
struct LayoutPlan {
  enum Step: Equatable {
    /// Dimensions taken together or apart; elements stay in order.
    case reshape(to: AxisLabels)
    case transpose([Int])
    /// Dimensions of size 1 repeated.
    case expand(to: AxisLabels)
  }

  private(set) var steps: [Step] = []
  var cost: Int { steps.count }

  /// The plan from `labels` to `target`, both resolved.
  ///
  /// Where `labels` lacks all axes of a dimension in `broadcast`, that dimension stays 1; any other axis that is missing is
  /// repeated. Nil where `labels` has axes that `target` has not.
  init?(from labels: AxisLabels, to target: AxisLabels, broadcast: Set<Int> = []) {
    let own = Array(labels.joined())
    let wanted = Array(target.joined())
    guard Set(own).isSubset(of: wanted), Set(own).count == own.count else { return nil }
    let present = target.map { $0.filter(own.contains) }
    let order = Array(present.joined())
    var current = labels

    if own != order {
      let blocks = LayoutPlan.blocks(of: labels, in: order) ?? own.map { [$0] }
      if current != blocks {
        steps.append(.reshape(to: blocks))
        current = blocks
      }
      let position = { (label: [Axis]) in label.first.flatMap { order.firstIndex(of: $0) } }
      // Dimensions of size 1 may go anywhere: they keep their place as far as they can.
      let transposed = LayoutPlan.permutation(current, by: position, target: present)
      if transposed != Array(current.indices) {
        steps.append(.transpose(transposed))
        current = transposed.map { current[$0] }
      }
    }
    // A dimension of which some axes are missing and others there must come apart before the missing ones are repeated.
    let needsExpansion = target.indices.contains {
      !present[$0].elementsEqual(target[$0]) && !(broadcast.contains($0) && present[$0].isEmpty)
    }
    guard needsExpansion else {
      if current != present { steps.append(.reshape(to: present)) }
      return
    }
    var apart: AxisLabels = []
    var full: AxisLabels = []
    for index in target.indices {
      if broadcast.contains(index) && present[index].isEmpty || target[index].isEmpty {
        apart.append([])
        full.append([])
      } else {
        for axis in target[index] {
          apart.append(own.contains(axis) ? [axis] : [])
          full.append([axis])
        }
      }
    }
    if current != apart { steps.append(.reshape(to: apart)) }
    steps.append(.expand(to: full))
    let final = target.indices.map { broadcast.contains($0) && present[$0].isEmpty ? [] : target[$0] }
    if full != final { steps.append(.reshape(to: final)) }
  }

  /// `labels` with unit dimensions, if each dimension's axes follow one another in `order`.
  private static func blocks(of labels: AxisLabels, in order: [Axis]) -> AxisLabels? {
    for label in labels where label.count > 1 {
      guard let start = order.firstIndex(of: label[0]), start + label.count <= order.count,
        Array(order[start..<(start + label.count)]) == label
      else { return nil }
    }
    return labels
  }

  private static func permutation(
    _ labels: AxisLabels, by position: ([Axis]) -> Int?, target: AxisLabels
  ) -> [Int] {
    let moving = labels.indices.filter { !labels[$0].isEmpty }.sorted {
      position(labels[$0]) ?? 0 < position(labels[$1]) ?? 0
    }
    var units = labels.indices.filter { labels[$0].isEmpty }[...]
    guard labels.count == target.count else {
      var next = moving[...]
      return labels.indices.map { labels[$0].isEmpty ? $0 : next.removeFirst() }
    }
    // With as many dimensions as the target, units go where the target has them, which saves the reshape.
    var next = moving[...]
    var result: [Int] = []
    for label in target {
      if label.isEmpty, let unit = units.popFirst() {
        result.append(unit)
      } else if let index = next.popFirst() {
        result.append(index)
      }
    }
    result += next
    result += units
    return result
  }
}
