import KernelInterface

/// How an attention is cut into items of work.
struct WorkDivision: Sendable {
  private let keyHeads: Int
  private let group: Int
  private let keyLength: Int
  private let rowsPerSpan: Int
  private let spansPerKeyHead: Int
  private let tileRows: Int
  private let tilesPerSpan: Int
  let count: Int

  /// An item more or less of so many makes little difference.
  private static let itemsPerWorker = 32
  /// Fewer rows would be read along with all keys and values for little work.
  private static let fewestRows = 48

  /// - Parameter workers: With several, items are made so small that all finish at about the same time.
  init(_ arguments: FlashAttentionArguments, tiles: AttentionTiles, workers: Int) {
    keyHeads = arguments.keyHeads
    group = arguments.keyHeads == 0 ? 1 : arguments.queryHeads / arguments.keyHeads
    keyLength = arguments.keyLength
    // Heads of one group read the same keys, so short ones share an item.
    var mostRows = tiles.queryRows
    if workers > 1 {
      let rows = arguments.batch * arguments.queryHeads * arguments.queryLength
      mostRows = min(mostRows, max(rows / (Self.itemsPerWorker * workers), Self.fewestRows))
    }
    let sharesItems = arguments.queryLength < mostRows && group > 1
    rowsPerSpan = arguments.queryLength * (sharesItems ? group : 1)
    spansPerKeyHead = sharesItems ? 1 : group
    // Tiles of about the same size, of whole vectors.
    let fewest = max(1, (rowsPerSpan + mostRows - 1) / mostRows)
    let widestVector = 16
    let even = ((rowsPerSpan + fewest - 1) / fewest + widestVector - 1) / widestVector * widestVector
    tileRows = max(1, min(tiles.queryRows, even))
    tilesPerSpan = (rowsPerSpan + tileRows - 1) / tileRows
    count = arguments.isEmpty ? 0 : arguments.batch * keyHeads * spansPerKeyHead * tilesPerSpan
  }

  /// The items of one head follow each other, the last rows first: under a causal mask those take longest.
  func item(at index: Int) -> AttentionItem {
    let (span, reversedTile) = index.quotientAndRemainder(dividingBy: tilesPerSpan)
    let (headOfAll, spanInGroup) = span.quotientAndRemainder(dividingBy: spansPerKeyHead)
    let (batch, keyHead) = headOfAll.quotientAndRemainder(dividingBy: keyHeads)
    var item = AttentionItem()
    item.batch = batch
    item.keyHead = keyHead
    item.firstHead = keyHead * group + spanInGroup
    item.firstRow = (tilesPerSpan - 1 - reversedTile) * tileRows
    item.rowCount = min(tileRows, rowsPerSpan - item.firstRow)
    item.firstKey = 0
    item.lastKey = keyLength
    return item
  }

  /// One of `splits` shares of an item's keys.
  func item(at index: Int, split: Int, of splits: Int) -> AttentionItem {
    var item = item(at: index)
    let share = (keyLength + splits - 1) / splits
    item.firstKey = min(split * share, keyLength)
    item.lastKey = min(item.firstKey + share, keyLength)
    return item
  }

  /// The rows of the largest item.
  var largestItem: Int { min(tileRows, rowsPerSpan) }

  /// Into how many shares the keys are split, so that few items with many keys keep all workers busy.
  func keySplits(workers: Int) -> Int {
    let fewestItems = 8 * workers
    let keysPerShare = 512
    guard workers > 1, count > 0, count < fewestItems else { return 1 }
    return max(1, min((fewestItems + count - 1) / count, keyLength / keysPerShare))
  }
}
