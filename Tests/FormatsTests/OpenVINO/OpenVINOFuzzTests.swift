import Formats
import Foundation
import Tensors
import TestSupport
import Testing

/// Files that were damaged at random: whatever they say, reading them ends with a graph that holds together, or with one clear line.
@Suite struct OpenVINOFuzzTests {
  private static let rounds = ProcessInfo.processInfo.environment["FLASHFUSE_FUZZ_ROUNDS"].flatMap(Int.init) ?? 60

  @Test(arguments: [1, 2, 3, 4]) func damagedFilesAreReadOrRefused(seed: UInt64) throws {
    let folder = try TemporaryDirectory()
    for example in [ExampleIR.scores, .sum] {
      let path = try example.write(to: folder)
      var random = SplitMix(state: seed)
      for _ in 0..<Self.rounds {
        try folder.write(Data(damaged(Array(example.text.utf8), &random)), to: "model.xml")
        do {
          try Document.read(path: path).graph.verify()
        } catch let error as ModelError {
          #expect(!error.message.contains("\n"))
        }
      }
    }
  }

  /// Numbers replaced, bytes changed, spans removed or repeated.
  private func damaged(_ bytes: [UInt8], _ random: inout SplitMix) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let position = Int.random(in: 0..<bytes.count, using: &random)
      let end = min(position + Int.random(in: 1...40, using: &random), bytes.count)
      switch Int.random(in: 0..<4, using: &random) {
      case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes.removeSubrange(position..<end)
      case 2: bytes.insert(contentsOf: bytes[position..<end], at: position)
      default:
        let digits = bytes.indices.filter { (0x30...0x39).contains(bytes[$0]) }
        guard let place = digits.randomElement(using: &random) else { continue }
        let numbers = ["-1", "0", "7", "9223372036854775807", "99999999999999999999", "4611686018427387904", ""]
        bytes.replaceSubrange(place...place, with: Array((numbers.randomElement(using: &random) ?? "0").utf8))
      }
    }
    return bytes
  }
}

/// Sebastiano Vigna's SplitMix64: the same numbers for the same seed.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
