/// What a tile asks for, while it is computed, of what comes after it: rows of the left matrix, and a stretch of a panel.
///
/// It asks line by line: many requests at once would keep the tile itself waiting.
struct Ahead {
  /// Steps of a sum between two requests: those that a cache line of the left matrix lasts.
  static var steps: Int { cacheLine / MemoryLayout<Float>.size }
  private static var cacheLine: Int { 64 }

  private var left: UnsafeRawPointer
  private let leftStride: Int
  private let leftRows: Int
  private var panel: UnsafeRawPointer
  private let panelLines: Int

  /// - Parameters:
  ///   - leftRows: The rows that one tile asks for.
  ///   - panelNumbers: The numbers of a panel that are due in the `depth` steps of one tile.
  init(
    left: UnsafePointer<Float>, leftStride: Int, leftRows: Int, panel: UnsafePointer<Float>, panelNumbers: Int,
    depth: Int
  ) {
    self.left = UnsafeRawPointer(left)
    self.leftStride = leftStride &* MemoryLayout<Float>.size
    self.leftRows = leftRows
    self.panel = UnsafeRawPointer(panel)
    panelLines = (panelNumbers &+ depth &- 1) / max(depth, 1)
  }

  /// What the tile of the panel `index` asks for, panels being `panelStride` numbers apart.
  func part(_ index: Int, panelStride: Int) -> Ahead {
    var part = self
    part.left += index &* leftRows &* leftStride
    part.panel += index &* panelStride &* MemoryLayout<Float>.size
    return part
  }

  /// Asks for what is due in the next ``steps``; any address is allowed.
  @inline(__always)
  mutating func bring() {
    var row = left
    for _ in 0..<leftRows {
      prefetch(row)
      row += leftStride
    }
    left += Self.cacheLine
    for _ in 0..<panelLines {
      prefetch(panel)
      panel += Self.cacheLine
    }
  }
}
