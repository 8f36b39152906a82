/// The steps between the scores and their softmax, on one panel's tile of `count` keys and `vectors` vectors a key.
struct ScoreModifiers {
  let scores: UnsafeMutablePointer<Lanes>
  let count: Int
  let vectors: Int

  func multiply(by factor: Float) {
    guard factor != 1 else { return }
    let factor = Lanes(repeating: factor)
    for index in 0..<count &* vectors { scores[index] *= factor }
  }

  /// `softcap · tanh(score / softcap)`
  func cap(_ softcap: Float) {
    let limit = Lanes(repeating: softcap)
    for index in 0..<count &* vectors {
      scores[index] = limit * hyperbolicTangent(scores[index] / limit)
    }
  }

  /// Adds a number per score, or with `isShared` one per key.
  func add(_ bias: UnsafePointer<Lanes>, isShared: Bool) {
    guard isShared else {
      for index in 0..<count &* vectors { scores[index] += bias[index] }
      return
    }
    let shared = UnsafeRawPointer(bias).assumingMemoryBound(to: Float.self)
    for key in 0..<count {
      for vector in 0..<vectors { scores[key &* vectors &+ vector] += Lanes(repeating: shared[key]) }
    }
  }

  /// Replaces the scores where `kept` is 0; with `isShared` it holds one number per key.
  func mask(_ kept: UnsafePointer<Lanes>, isShared: Bool, replacement: Float) {
    let masked = Lanes(repeating: replacement)
    let zero = Lanes(repeating: 0)
    guard isShared else {
      for index in 0..<count &* vectors {
        scores[index] = scores[index].replacing(with: masked, where: kept[index] .== zero)
      }
      return
    }
    let shared = UnsafeRawPointer(kept).assumingMemoryBound(to: Float.self)
    for key in 0..<count where shared[key] == 0 {
      for vector in 0..<vectors { scores[key &* vectors &+ vector] = masked }
    }
  }

  /// Hides the keys outside each row's bounds; the tile's first key is `firstKey`.
  func hide(
    outside range: KeyRange, firstKey: Int,
    first: UnsafePointer<IntegerLanes>, last: UnsafePointer<IntegerLanes>
  ) {
    let hidden = Lanes(repeating: -.infinity)
    for index in 0..<count {
      let key = firstKey &+ index
      if key >= range.openFirst && key < range.openLast { continue }
      let keys = IntegerLanes(repeating: Int32(truncatingIfNeeded: key))
      for vector in 0..<vectors {
        let position = index &* vectors &+ vector
        let score = scores[position].replacing(with: hidden, where: keys .< first[vector])
        scores[position] = score.replacing(with: hidden, where: keys .>= last[vector])
      }
    }
  }
}
