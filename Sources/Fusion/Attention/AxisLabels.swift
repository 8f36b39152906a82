import GraphIR
import Tensors

/// An axis of an attention (a batch, heads, keys …), or a part of one that a reshape has split off.
struct Axis: Hashable {
  fileprivate let id: Int
}

/// For each dimension of a tensor, outermost first, the axes it runs over; a dimension of size 1 runs over none.
typealias AxisLabels = [[Axis]]

/// A value of the graph together with what its dimensions mean.
struct LabelledValue {
  var value: Value
  var labels: AxisLabels

  func holds(_ axes: [Axis]) -> Bool { !Set(labels.joined()).isDisjoint(with: axes) }
}

/// The axes met while matching one attention.
///
/// A reshape may show that what looked like one axis is two (batch · heads). The axis is then split, and every label that
/// mentions it means its parts: `resolve` says so.
struct AxisTable {
  private var sizes: [Dimension] = []
  private var parts: [[Axis]?] = []
  /// Sizes that are taken to be others, which they meet elementwise.
  private var identified: [Dimension: Dimension] = [:]

  /// A new axis of `size`; none where that is 1.
  mutating func make(_ size: Dimension) -> [Axis] {
    size.constant == 1 ? [] : [makeKept(size)]
  }

  mutating func make(_ shape: [Dimension]) -> AxisLabels { shape.map { make($0) } }

  /// A new axis, even where `size` is 1.
  mutating func makeKept(_ size: Dimension) -> Axis {
    sizes.append(size)
    parts.append(nil)
    return Axis(id: sizes.count - 1)
  }

  /// Whether the axes of `label` are kept although they have one element.
  func isKeptUnit(_ label: [Axis]) -> Bool { !label.isEmpty && size(of: label).constant == 1 }

  func size(of axis: Axis) -> Dimension { sizes[axis.id] }

  func size(of axes: [Axis]) -> Dimension { axes.reduce(Dimension(1)) { $0 * size(of: $1) } }

  /// The axes with those that were split replaced by their parts.
  func resolve(_ axes: [Axis]) -> [Axis] {
    axes.flatMap { axis in parts[axis.id].map(resolve) ?? [axis] }
  }

  func resolve(_ labels: AxisLabels) -> AxisLabels { labels.map(resolve) }

  func resolve(_ value: LabelledValue) -> LabelledValue {
    LabelledValue(value: value.value, labels: resolve(value.labels))
  }

  /// Takes `axis` to have one element after all: a run in which it has more fails where the sizes meet.
  mutating func collapse(_ axis: Axis) { parts[axis.id] = [] }

  /// Takes the sizes of `shape` to be those of the axes of `labels` that its dimensions run over.
  mutating func identify(_ shape: [Dimension], with labels: AxisLabels) {
    for (size, label) in zip(shape, labels) where size.constant == nil && !label.isEmpty {
      let own = self.size(of: resolve(label))
      if size != own, own.constant == nil { identified[size] = own }
    }
  }

  private mutating func split(_ axis: Axis, _ first: Dimension, _ second: Dimension) -> (Axis, Axis) {
    let halves = make([first, second]).joined().map { $0 }
    parts[axis.id] = halves
    return (halves[0], halves[1])
  }

  /// The labels of a row-major tensor after it is reshaped to `shape`; nil where its dimensions don't line up with `shape`.
  ///
  /// Works inwards from both ends: a dimension takes axes until their sizes multiply to its own, splitting the last where it must.
  /// What is left in the middle belongs together because both shapes have the same number of elements.
  mutating func regroup(_ labels: AxisLabels, to shape: [Dimension]) -> AxisLabels? {
    let labels = resolve(labels)
    let shape = shape.map { identified[$0] ?? $0 }
    if labels.map({ size(of: $0) }) == shape { return labels }
    guard !labels.contains(where: isKeptUnit) else { return nil }
    var axes = Array(labels.joined())[...]
    var dimensions = Array(shape.enumerated()).filter { $0.element.constant != 1 }[...]
    var result = AxisLabels(repeating: [], count: shape.count)
    while let dimension = dimensions.first, let taken = take(dimension.element, from: &axes, atEnd: false) {
      result[dimension.offset] = taken
      dimensions.removeFirst()
    }
    while let dimension = dimensions.last, let taken = take(dimension.element, from: &axes, atEnd: true) {
      result[dimension.offset] = taken
      dimensions.removeLast()
    }
    if dimensions.isEmpty { return axes.isEmpty ? result : nil }
    if dimensions.count == 1, let dimension = dimensions.first, !axes.isEmpty {
      result[dimension.offset] = Array(axes)
      return result
    }
    guard axes.count == 1, let axis = axes.first else { return nil }
    let whole = make(dimensions.map(\.element))
    parts[axis.id] = Array(whole.joined())
    for (dimension, label) in zip(dimensions, whole) { result[dimension.offset] = label }
    return result
  }

  private mutating func take(_ size: Dimension, from axes: inout ArraySlice<Axis>, atEnd: Bool) -> [Axis]? {
    var rest = axes
    var taken: [Axis] = []
    var remaining = size
    while remaining.constant != 1 {
      guard let axis = atEnd ? rest.last : rest.first else { return nil }
      let own = self.size(of: axis)
      if let quotient = remaining.dividedExactly(by: own) {
        remaining = quotient
        taken.append(axis)
        if atEnd { rest.removeLast() } else { rest.removeFirst() }
        continue
      }
      guard let quotient = own.dividedExactly(by: remaining) else { return nil }
      let (first, second) = atEnd ? split(axis, quotient, remaining) : split(axis, remaining, quotient)
      taken.append(atEnd ? second : first)
      if atEnd {
        rest[rest.endIndex - 1] = first
      } else {
        rest[rest.startIndex] = second
      }
      remaining = 1
    }
    axes = rest
    return atEnd ? taken.reversed() : taken
  }
}
