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
  /// Tiles of a span but the last one, where that is short, which are done before the short ones of all spans.
  private let longTiles: Int
  private let longCount: Int
  let count: Int

  /// An item more or less of so many makes little difference.
  private static let itemsPerWorker = 32
  /// Fewer rows would be read along with all keys and values for little work.
  private static let fewestRows = 48
  /// So few rows are an item of their own at no cost; some more, up to the widest vector, would be one at half speed.
  private static let fewRows = 12
  private static let widestVector = 16

  /// - Parameters:
  ///   - panelRows: Rows that the kernel works on at once: tiles are multiples of it, as far as `tiles` allows.
  ///   - workers: With several, items are made so small that all finish at about the same time.
  init(_ arguments: FlashAttentionArguments, tiles: AttentionTiles, panelRows: Int, workers: Int) {
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
    // Tiles of about the same number of whole panels.
    let rest = rowsPerSpan % panelRows
    let panels = max(rowsPerSpan / panelRows + (rest > Self.fewRows ? 1 : 0), 1)
    let mostPanels = max(mostRows / panelRows, 1)
    let fewest = (panels + mostPanels - 1) / mostPanels
    tileRows = min(tiles.queryRows, (panels + fewest - 1) / fewest * panelRows)
    let tileCount = (rowsPerSpan + tileRows - 1) / tileRows
    let last = rowsPerSpan - (tileCount - 1) * tileRows
    let joinsLast =
      tileCount > 1 && last > Self.fewRows && last <= Self.widestVector && tileRows + last <= tiles.queryRows
    tilesPerSpan = tileCount - (joinsLast ? 1 : 0)
    let spans = arguments.isEmpty ? 0 : arguments.batch * keyHeads * spansPerKeyHead
    longTiles = tilesPerSpan - (tilesPerSpan > 1 && !joinsLast && 2 * last <= tileRows ? 1 : 0)
    longCount = spans * longTiles
    count = spans * tilesPerSpan
  }

  /// The items of one head follow each other, the last rows first: under a causal mask those take longest. Short ones come
  /// when all others have been done, so that all workers finish at about the same time.
  func item(at index: Int) -> AttentionItem {
    let isLong = index < longCount
    let span = isLong ? index / longTiles : index - longCount
    let tile = isLong ? longTiles - 1 - index % longTiles : longTiles
    let (headOfAll, spanInGroup) = span.quotientAndRemainder(dividingBy: spansPerKeyHead)
    let (batch, keyHead) = headOfAll.quotientAndRemainder(dividingBy: keyHeads)
    var item = AttentionItem()
    item.batch = batch
    item.keyHead = keyHead
    item.firstHead = keyHead * group + spanInGroup
    item.firstRow = tile * tileRows
    item.rowCount = tile == tilesPerSpan - 1 ? rowsPerSpan - item.firstRow : tileRows
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
  var largestItem: Int { tilesPerSpan == 1 ? rowsPerSpan : max(tileRows, rowsPerSpan - (tilesPerSpan - 1) * tileRows) }

  /// Into how many shares the keys are split, so that few items with many keys keep all workers busy.
  func keySplits(workers: Int) -> Int {
    let fewestItems = 8 * workers
    let keysPerShare = 512
    guard workers > 1, count > 0, count < fewestItems else { return 1 }
    return max(1, min((fewestItems + count - 1) / count, keyLength / keysPerShare))
  }
}
