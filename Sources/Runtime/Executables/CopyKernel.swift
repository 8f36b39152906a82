import GraphIR
import Tensors

/// Copies parts of tensors to where they belong in one result: what transposing, cutting, repeating and joining come to.
struct CopyKernel: Kernel {
  /// Copies from one input.
  private struct Part {
    /// Axes outside of a row, and the bytes from one position to the next in source and target.
    let sizes: [Int]
    let sourceStrides: [Int]
    let targetStrides: [Int]
    let sourceOffset: Int
    let targetOffset: Int
    /// Pieces of a row that lie side by side in the target, and the bytes of each.
    let pieces: Int
    let pieceBytes: Int
    let pieceStride: Int
    let rows: Int
    /// The bytes that source and target must have.
    let sourceEnd: Int
    let targetEnd: Int
  }

  private let parts: [Part]

  /// Bytes of a work item: few enough to stay in a core's cache.
  private static let bytesPerItem = 1 << 16

  /// Copies the elements of each source to the places of the target that goes with it; nil where the layouts do not fit.
  init?(_ sources: [StridedLayout], into targets: [StridedLayout], elementBytes: Int) {
    guard elementBytes > 0, !sources.isEmpty, sources.count == targets.count else { return nil }
    var parts: [Part] = []
    for (source, target) in zip(sources, targets) {
      guard source.shape == target.shape, !source.shape.contains(0) else { return nil }
      var nest = LoopNest(sizes: source.shape, strides: [source.strides, target.strides])
      var inner = nest.removeInner()
      // An axis of which source or target repeats or skips nothing is one piece.
      let isWhole = inner.size == 1 || inner.strides == [1, 1]
      if !isWhole, inner.strides[1] != 1 {
        nest = LoopNest(sizes: source.shape, strides: [source.strides, target.strides])
        inner = (1, [0, 0])
      }
      let sizes = nest.sizes
      parts.append(
        Part(
          sizes: sizes, sourceStrides: nest.strides[0].map { $0 * elementBytes },
          targetStrides: nest.strides[1].map { $0 * elementBytes }, sourceOffset: source.offset * elementBytes,
          targetOffset: target.offset * elementBytes, pieces: isWhole ? 1 : inner.size,
          pieceBytes: isWhole ? inner.size * elementBytes : elementBytes, pieceStride: inner.strides[0] * elementBytes,
          rows: sizes.reduce(1, *), sourceEnd: source.end * elementBytes, targetEnd: target.end * elementBytes))
    }
    self.parts = parts
  }

  func run(_ inputs: Operands<Tensor>, into outputs: [TensorBuffer], on workers: Workers) throws {
    guard let output = outputs.first else { throw InternalError("a copy without a target") }
    try output.withBytes { target in
      guard let targetBase = target.baseAddress else { return }
      for (index, part) in parts.enumerated() {
        try inputs[index].withBytes { source in
          precondition(source.count >= part.sourceEnd && target.count >= part.targetEnd)
          guard let sourceBase = source.baseAddress else { return }
          let memory = Memory(source: sourceBase + part.sourceOffset, target: targetBase + part.targetOffset)
          let rows = max(1, Self.bytesPerItem / max(part.pieces * part.pieceBytes, 1))
          workers.pool.run(count: (part.rows + rows - 1) / rows, scratchBytes: 0) { item, _ in
            copy(part, rows: item * rows..<min((item + 1) * rows, part.rows), memory)
          }
        }
      }
    }
  }

  private struct Memory: @unchecked Sendable {
    let source: UnsafeRawPointer
    let target: UnsafeMutableRawPointer
  }

  private func copy(_ part: Part, rows: Range<Int>, _ memory: Memory) {
    var place = rows.lowerBound
    var positions = part.sizes
    var (source, target) = (memory.source, memory.target)
    for axis in part.sizes.indices.reversed() {
      positions[axis] = place % part.sizes[axis]
      place /= part.sizes[axis]
      source += positions[axis] * part.sourceStrides[axis]
      target += positions[axis] * part.targetStrides[axis]
    }
    for _ in rows {
      copyRow(part, source, target)
      var axis = part.sizes.count - 1
      while axis >= 0 {
        positions[axis] &+= 1
        source += part.sourceStrides[axis]
        target += part.targetStrides[axis]
        if positions[axis] < part.sizes[axis] { break }
        source -= part.sizes[axis] &* part.sourceStrides[axis]
        target -= part.sizes[axis] &* part.targetStrides[axis]
        positions[axis] = 0
        axis -= 1
      }
    }
  }

  private func copyRow(_ part: Part, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer) {
    guard part.pieces > 1 else { return target.copyMemory(from: source, byteCount: part.pieceBytes) }
    switch part.pieceBytes {
    case 1: copyPieces(UInt8.self, part, source, target)
    case 2: copyPieces(UInt16.self, part, source, target)
    case 4: copyPieces(UInt32.self, part, source, target)
    case 8: copyPieces(UInt64.self, part, source, target)
    default:
      for piece in 0..<part.pieces {
        (target + piece &* part.pieceBytes)
          .copyMemory(from: source + piece &* part.pieceStride, byteCount: part.pieceBytes)
      }
    }
  }

  private func copyPieces<Word: FixedWidthInteger & BitwiseCopyable>(
    _: Word.Type, _ part: Part, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer
  ) {
    let words = target.assumingMemoryBound(to: Word.self)
    for piece in 0..<part.pieces {
      words[piece] = (source + piece &* part.pieceStride).loadUnaligned(as: Word.self)
    }
  }
}
