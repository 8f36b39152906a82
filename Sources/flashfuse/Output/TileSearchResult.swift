import Runtime

/// What `bench attention --search` prints; the names of the JSON keys follow from these.
struct TileSearchResult: Encodable {
  struct Tile: Encodable {
    let query: Int
    let key: Int
    let seconds: Double
  }

  let planned: Tile
  let best: Tile
  /// The time with the planned tiles, as a multiple of the least time.
  let plannedToBest: Double
  let searched: Int
  /// All that were measured.
  let tiles: [Tile]

  /// - Parameter measured: the planned tile, then the others; not empty.
  init(_ measured: [MeasuredTile]) {
    tiles = measured.map { Tile(query: $0.queryRows, key: $0.keyRows, seconds: $0.seconds) }
    planned = tiles[0]
    best = tiles.min { $0.seconds < $1.seconds } ?? tiles[0]
    plannedToBest = planned.seconds / max(best.seconds, 1e-9)
    searched = tiles.count
  }

  func printText() {
    func line(_ name: String, _ tile: Tile) {
      print("\(name)  \(tile.query) queries × \(tile.key) keys, \(Figures.seconds(tile.seconds))")
    }
    line("planned", planned)
    line("best   ", best)
    print("planned takes \(Figures.number(plannedToBest)) × the time of the best of \(searched)")
  }
}
