/// Query and key rows that are worked on at once, and the fast memory they take.
public struct AttentionTile: Hashable, Sendable {
  public let queryRows: Int
  public let keyRows: Int
  public let fastMemoryBytes: Int
}

extension AttentionWorkload {
  /// Longer key tiles save little: the running maximum and sum are corrected once a tile.
  private static let largestKeyTile = 256

  /// The tile for `device`: keys up to 256 rows, then as many queries as fit beside them, since keys and values are read once a
  /// query tile. Fast memory holds a query, a key and a value tile, the scores in 32 bits, the weights in the element type, and
  /// the unfinished output in 32 bits.
  public func tile(for device: DeviceProfile) -> AttentionTile {
    if let nearest = device.nearestCacheBytes { return cachedTile(for: device, nearest: nearest) }
    func rounded(_ length: Int) -> Int { max((length + device.alignment - 1) / device.alignment, 1) * device.alignment }
    var keyRows = min(Self.largestKeyTile, rounded(keyLength))
    while keyRows > device.alignment && bytes(device.alignment, keyRows) > device.fastMemoryBytes {
      keyRows = rounded(keyRows / 2)
    }
    let fixed = bytes(0, keyRows)
    let perRow = max(bytes(1, keyRows) - fixed, 1)
    let fitting = max(device.fastMemoryBytes - fixed, 0) / perRow / device.alignment * device.alignment
    let queryRows = min(max(fitting, device.alignment), rounded(queryLength))
    return AttentionTile(queryRows: queryRows, keyRows: keyRows, fastMemoryBytes: bytes(queryRows, keyRows))
  }

  private func bytes(_ queryRows: Int, _ keyRows: Int) -> Int {
    let operands = (queryRows * headSize + keyRows * (headSize + valueSize)) * element.byteCount
    return operands + queryRows * keyRows * (4 + element.byteCount) + queryRows * valueSize * 4
  }

  /// The tile where caches hold what is read again: the weights of a panel of queries stay in the nearest one, keys and values of
  /// a tile in a quarter of the next, outputs of the query tile in another part of it. Six panels read keys and values rarely enough.
  /// Weights have 32 bits but those of bfloat16, which are multiplied as pairs.
  private func cachedTile(for device: DeviceProfile, nearest: Int) -> AttentionTile {
    let panelRows = 48
    let rowBytes = 4 * max(headSize + valueSize, 1)
    let weightBytes = element == .bfloat16 ? 2 : 4
    let keyRows = min(nearest * 3 / 4 / (panelRows * weightBytes), device.fastMemoryBytes / 4 / rowBytes) / 32 * 32
    let panels = min(max(device.fastMemoryBytes * 3 / 8 / rowBytes / panelRows, 1), 6)
    func shortened(_ rows: Int, to length: Int) -> Int {
      min(rows, max((length + device.alignment - 1) / device.alignment, 1) * device.alignment)
    }
    let tile = (shortened(panels * panelRows, to: queryLength), shortened(max(keyRows, 32), to: keyLength))
    // Only one panel at a time has scores.
    let idle = max(tile.0 - panelRows, 0) * tile.1 * (4 + element.byteCount)
    return AttentionTile(queryRows: tile.0, keyRows: tile.1, fastMemoryBytes: bytes(tile.0, tile.1) - idle)
  }
}
