import Foundation
import GraphIR
import Tensors

/// The weights `[dft_length / 2 + 1, num_mel_bins]` with which a spectrum's frequencies make up bands that are equally wide on the mel
/// scale, *2595 · log₁₀(1 + f/700)*: triangles, each from the middle of the band before to that of the band after.
public struct MelWeightMatrix: GraphOperation {
  public var element = ElementType.float32

  public init() {}

  public static let schema = Schema<Self>(
    "MelWeightMatrix",
    inputs: ["num_mel_bins", "dft_length", "sample_rate", "lower_edge_hertz", "upper_edge_hertz"],
    attributes: [.init("output_datatype", \.element)], spellings: [.onnx("MelWeightMatrix", since: 17)])

  public func infer(_ inputs: Operands<ValueInfo>) throws -> [ValueInfo] {
    let bands = try inputs[0].contents?.first?.asSize ?? .unknown
    let length = try inputs[1].contents?.first?.asSize ?? .unknown
    return [ValueInfo(element, [.floorDivision(length, 2) + 1, bands])]
  }

  public func evaluate(_ inputs: Operands<Tensor>) throws -> [Tensor] {
    let (bands, length) = (try inputs[0].scalarInteger(), try inputs[1].scalarInteger())
    let rate = Double(try inputs[2].scalarInteger())
    let limits = 0...(1 << 24)
    try require(
      limits.contains(bands) && limits.contains(length) && rate > 0,
      "\(bands) bands of a transform of length \(length) at \(rate) samples a second can't be made")
    func mel(_ index: Int) throws -> Double {
      let edge = try inputs[index]
      try require(edge.count == 1, "one frequency was expected, found \(edge.shape)")
      return 2595 * log10(1 + (try edge.doubles()[0]) / 700)
    }
    let (low, high) = (try mel(3), try mel(4))
    let rows = length / 2 + 1
    let middles = try (0..<(bands + 2)).map { band in
      let step = (high - low) / Double(bands + 2)
      let frequency = 700 * (pow(10, (low + Double(band) * step) / 2595) - 1)
      let bin = (Double(length + 1) * frequency / rate).rounded(.down)
      try require(bin >= 0 && bin < Double(rows), "the edges of the bands lie beyond the spectrum")
      return Int(bin)
    }
    var weights = try zeros([rows, bands])
    for band in 0..<bands {
      let (left, middle, right) = (middles[band], middles[band + 1], middles[band + 2])
      try require(left <= middle && middle <= right, "the upper edge of the bands lies below the lower one")
      for bin in left...right {
        weights[bin * bands + band] =
          bin < middle
          ? Double(bin - left) / Double(middle - left)
          : bin == middle ? 1 : Double(right - bin) / Double(right - middle)
      }
    }
    return [try Tensor(doubles: weights, element: element, shape: [rows, bands])]
  }
}
