import GraphIR
import Tensors

/// How the size of a window's axes is padded on its own account.
public enum AutomaticPadding: String, Hashable, Sendable, CaseIterable, AttributeConvertible {
  /// By the explicit padding.
  case notSet = "NOTSET"
  /// So that the result is the input's size over the stride, rounded up; what is odd goes to the end.
  case sameUpper = "SAME_UPPER"
  /// The same, what is odd goes to the start.
  case sameLower = "SAME_LOWER"
  /// Not at all.
  case valid = "VALID"
}

/// The window that a convolution or pooling moves over the spatial axes of its input.
package struct SlidingWindow: Sendable {
  package var kernel: [Int]
  package var strides: [Int]
  var dilations: [Int]
  /// Padding before and after each axis.
  var before: [Int]
  var after: [Int]
  var automatic: AutomaticPadding
  /// Whether a window that begins inside the padded input but does not fit into it still counts.
  var roundsUp = false

  /// Throws where a list does not have one entry an axis, or one that is out of range.
  init(
    kernel: [Int], strides: [Int], dilations: [Int], pads: [Int], automatic: AutomaticPadding, roundsUp: Bool = false
  ) throws {
    let rank = kernel.count
    func filled(_ list: [Int], _ default: Int, _ name: String, count: Int) throws -> [Int] {
      if list.isEmpty { return Array(repeating: `default`, count: count) }
      try require(list.count == count, "\(name) \(list) must have \(count) entries")
      return list
    }
    self.kernel = kernel
    self.strides = try filled(strides, 1, "strides", count: rank)
    self.dilations = try filled(dilations, 1, "dilations", count: rank)
    let pads = try filled(pads, 0, "pads", count: 2 * rank)
    before = Array(pads[..<rank])
    after = Array(pads[rank...])
    self.automatic = automatic
    self.roundsUp = roundsUp
    for list in [kernel, self.strides, self.dilations] {
      try require(list.allSatisfy { $0 > 0 && $0 <= SlidingWindow.limit }, "\(list) must be positive")
    }
    try require(try checkedProduct(kernel) <= SlidingWindow.limit, "a window of sizes \(kernel) is too large")
    try require(
      pads.allSatisfy { $0.magnitude <= UInt(SlidingWindow.limit) }, "the padding \(pads) is out of range")
  }

  /// The greatest size, stride or padding that a window has: sums and products of two stay far from overflow.
  private static let limit = 1 << 24

  /// The extent of the dilated window along `axis`.
  func extent(_ axis: Int) -> Int { (kernel[axis] - 1) * dilations[axis] + 1 }

  /// The number of positions along `axis` of an input of `size`.
  func outputSize(_ axis: Int, _ size: Dimension) throws -> Dimension {
    let stride = Dimension(strides[axis])
    let extent = Dimension(extent(axis))
    switch automatic {
    case .sameUpper, .sameLower:
      return .ceilingDivision(size, stride)
    case .valid, .notSet:
      let padding = automatic == .valid ? 0 : Dimension(before[axis]) + Dimension(after[axis])
      let room = size + padding - extent
      if let room = room.constant {
        try require(room >= 0, "a window of \(extent) does not fit into \(size + padding) elements")
      }
      guard roundsUp else { return .floorDivision(room, stride) + 1 }
      let count = Dimension.ceilingDivision(room, stride) + 1
      guard let number = count.constant, let size = size.constant else { return count }
      // A window that would begin in the padding at the end does not count.
      let begins = (number - 1) * strides[axis] < size + (automatic == .valid ? 0 : before[axis])
      return Dimension(begins ? number : number - 1)
    }
  }

  /// The output sizes and the padding before each axis for an input of `sizes`.
  package func resolved(_ sizes: [Int]) throws -> (output: [Int], before: [Int]) {
    try require(sizes.count == kernel.count, "\(kernel.count) spatial axes were expected, found \(sizes.count)")
    var (output, padding): ([Int], [Int]) = ([], [])
    for (axis, size) in sizes.enumerated() {
      try require(size <= Int(Int32.max), "an axis of \(size) elements is too long")
      guard let count = try outputSize(axis, Dimension(size)).constant, count >= 0 else {
        throw ModelError.invalid("axis \(axis) of the window has no positions in \(size) elements")
      }
      output.append(count)
      switch automatic {
      case .notSet: padding.append(before[axis])
      case .valid: padding.append(0)
      case .sameUpper, .sameLower:
        let total = max((count - 1) * strides[axis] + extent(axis) - size, 0)
        padding.append(automatic == .sameUpper ? total / 2 : total - total / 2)
      }
    }
    return (output, padding)
  }
}
