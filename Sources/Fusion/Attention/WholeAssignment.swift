import GraphIR
import Operations
import Tensors

extension Graph {
  /// The updates of the scatter `node`, where they take the place of all elements of its data, each at its own place.
  ///
  /// So exporters write an assignment to all of a tensor, `x[:, :] = y`.
  func wholeAssignment(_ node: Node) -> Value? {
    guard let scatter = node.operation as? ScatterND, scatter.reduction == .none, node.inputs.count == 3,
      let data = node.inputs[0], let places = node.inputs[1], let updates = node.inputs[2],
      let sizes = info(of: data).shape.dimensions, let rank = info(of: places).shape.dimensions?.last?.constant,
      rank == sizes.count, info(of: places).shape.dimensions?.dropLast() == sizes[...],
      info(of: updates).shape.dimensions == sizes
    else { return nil }
    var axes = AxisTable()
    let labels = axes.make(sizes) + [[]]
    guard let coordinates = coordinates(places, rank: rank) else { return nil }
    for (coordinate, label) in zip(coordinates, labels) {
      guard counts(LabelledValue(value: coordinate, labels: labels), along: label, axes: axes) else { return nil }
    }
    return updates
  }

  /// The tensors, one for each axis, that the tuples `places` are put together from.
  private func coordinates(_ places: Value, rank: Int) -> [Value]? {
    if rank == 1 { return [places] }
    let node = self[places.node]
    guard let concat = node.operation as? Concat, let count = info(of: places).rank,
      (try? normalizedAxis(concat.axis, rank: count)) == count - 1, node.inputs.count == rank
    else { return nil }
    let parts = node.inputs.compactMap { $0 }
    let areSingle = parts.allSatisfy { info(of: $0).shape.dimensions?.last?.constant == 1 }
    return parts.count == rank && areSingle ? parts : nil
  }

  /// Whether `value` is 0, 1, 2 … along the axis `label`, whatever the places along its other axes.
  private func counts(_ value: LabelledValue, along label: [Axis], axes: AxisTable) -> Bool {
    var axes = axes
    var value = value
    for _ in 0..<24 {
      let wanted = axes.resolve(label)
      if wanted.isEmpty { return uniformNumber(value.value) == 0 }
      let node = self[value.value.node]
      if node.operation is NumberRange {
        func number(_ index: Int) -> Double? { node.inputs[index].flatMap { info(of: $0).scalar } }
        return axes.resolve(value.labels) == [wanted] && number(0) == 0 && number(2) == 1
      }
      if let listed = info(of: value.value).integers, axes.resolve(value.labels).filter({ !$0.isEmpty }) == [wanted] {
        return listed == Array(listed.indices)
      }
      if let source = axes.upstream(value, in: self) {
        value = source
      } else if node.operation is Cast, let source = node.inputs[0], info(of: source).element.isInteger,
        info(of: value.value).element.isInteger
      {
        value.value = source
      } else {
        return false
      }
    }
    return false
  }
}
