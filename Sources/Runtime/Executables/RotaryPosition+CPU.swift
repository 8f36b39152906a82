import GraphIR
import Operations
import Tensors

extension RotaryPosition: CPUExecutable {
  package func prepare(_ inputs: Operands<ValueInfo>, outputs: [TensorType]) throws -> (any Kernel)? {
    guard inputs.present.allSatisfy({ $0.element == .float32 }), let shape = outputs.first?.shape.sizes,
      let features = shape.last, !shape.contains(0)
    else { return nil }
    let angles = try [inputs[1], inputs[2]].map { info in
      // A number for every feature; rows may be shared.
      info.shape.sizes.flatMap { $0.last == features ? StridedLayout(dense: $0).strides(broadcastTo: shape) : nil }
    }
    guard let cosines = angles[0], let sines = angles[1] else { return nil }
    return RotaryKernel(
      shape: shape, strides: [StridedLayout(dense: shape).strides, cosines, sines], interleaved: interleaved)
  }
}

/// Rows of features turned by angles that a feature or a row has.
private struct RotaryKernel: Kernel {
  private let features: Int
  private let rows: Int
  /// From one row to the next, of data, cosines and sines.
  private let rowStrides: [Int]
  /// Where the rows of each block start, in data, cosines and sines.
  private let offsets: [[Int]]
  private let interleaved: Bool
  private let inputCounts: [Int]

  init(shape: [Int], strides: [[Int]], interleaved: Bool) {
    features = shape[shape.count - 1]
    var nest = LoopNest(sizes: Array(shape.dropLast()), strides: strides.map { Array($0.dropLast()) })
    let inner = nest.removeInner()
    (rows, rowStrides) = (inner.size, inner.strides)
    offsets = nest.offsets
    self.interleaved = interleaved
    inputCounts = strides.map { zip(shape, $0).reduce(1) { $0 + ($1.0 - 1) * $1.1 } }
  }

  func run(_ inputs: Operands<Tensor>, into outputs: [TensorBuffer], on workers: Workers) throws {
    guard let output = outputs.first else { throw InternalError("a rotation without an output") }
    try output.withElements(as: Float.self) { result in
      try withFloats(of: try (0..<3).map { try inputs[$0] }) { pointers in
        for (pointer, count) in zip(pointers, inputCounts) { precondition(pointer.count >= count) }
        precondition(result.count >= inputCounts[0])
        guard let target = result.baseAddress, let data = pointers[0].baseAddress,
          let cosines = pointers[1].baseAddress, let sines = pointers[2].baseAddress
        else { return }
        nonisolated(unsafe) let (places, turned) = ((data, cosines, sines), target)
        workers.forRanges(of: offsets.count * rows, minimum: max(1, 8192 / features)) { range in
          for index in range {
            let (block, row) = (offsets[index / rows], index % rows)
            let at = block[0] &+ row &* rowStrides[0]
            turn(
              places.0 + at, places.1 + block[1] + row &* rowStrides[1], places.2 + block[2] + row &* rowStrides[2],
              into: turned + at)
          }
        }
      }
    }
  }

  private func turn(
    _ data: UnsafePointer<Float>, _ cosines: UnsafePointer<Float>, _ sines: UnsafePointer<Float>,
    into target: UnsafeMutablePointer<Float>
  ) {
    let half = features / 2
    if interleaved {
      for i in 0..<half {
        let (first, second) = (2 &* i, 2 &* i &+ 1)
        let (x, y) = (data[first], data[second])
        target[first] = x * cosines[first] - y * sines[first]
        target[second] = y * cosines[second] + x * sines[second]
      }
    } else {
      for i in 0..<half {
        let (x, y) = (data[i], data[half &+ i])
        target[i] = x * cosines[i] - y * sines[i]
        target[half &+ i] = y * cosines[half &+ i] + x * sines[half &+ i]
      }
    }
  }
}
