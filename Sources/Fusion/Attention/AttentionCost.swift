import GraphIR
import Rewriting
import Tensors

extension Cost {
  /// The query and key tile that bytes are counted for.
  static let tile = (query: 96, key: 256)

  /// Bytes moved between slow and fast memory by an attention spelled out and fused.
  ///
  /// Spelled out, the score matrix is written by the first product and read by the second, and every step in between reads
  /// and writes it. Fused, queries and output move once, keys and values once for every query tile.
  init(query: Shape, key: Shape, value: Shape, element: ElementType, steps: Int) {
    self.init(bytesUnfused: nil, bytesFused: nil, queryTile: Cost.tile.query, keyTile: Cost.tile.key)
    guard let q = query.sizes, let k = key.sizes, let v = value.sizes, q.count == 4, k.count == 4, v.count == 4 else {
      return
    }
    let bytes = Double(element.byteCount)
    let heads = Double(q[0]) * Double(q[1])
    let scores = heads * Double(q[2]) * Double(k[2]) * bytes
    let ends = heads * Double(q[2]) * Double(q[3] + v[3]) * bytes
    let keysAndValues = heads * Double(k[2]) * Double(k[3] + v[3]) * bytes
    let tiles = Double((q[2] + Cost.tile.query - 1) / Cost.tile.query)
    bytesUnfused = Int(exactly: (scores * Double(2 + 2 * steps) + ends + keysAndValues).rounded())
    bytesFused = Int(exactly: (ends + keysAndValues * tiles).rounded())
  }
}
