import Foundation
import Tensors
import TestSupport
import Testing

/// The files of `graphs/`, cut off or with bytes changed: whatever comes of it, it is no crash.
@Suite struct DamagedFileTests {
  private static let folder = "\(packageDirectory)/graphs"

  private static let models =
    (try? FileManager.default.contentsOfDirectory(atPath: folder))?
    .filter { name in [".xml", ".onnx", ".json"].contains { name.hasSuffix($0) } }.sorted() ?? []

  @Test func thereAreModels() { #expect(Self.models.count >= 10) }

  @Test(arguments: models)
  func neverCrash(_ name: String) throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(Self.folder)/\(name)"))
    let folder = try TemporaryDirectory()
    if name.hasSuffix(".xml") {
      let weights = name.replacing(".xml", with: ".bin")
      try FileManager.default.copyItem(atPath: "\(Self.folder)/\(weights)", toPath: folder.file(weights))
    }
    var generator = SplitMix64(seed: UInt64(bytes.count))
    for round in 0..<8 {
      var damaged = bytes
      let place = Int.random(in: 0..<bytes.count, using: &generator)
      switch round % 4 {
      case 0: damaged = bytes.prefix(place)
      case 1: damaged[place] = UInt8(truncatingIfNeeded: generator.next())
      case 2: damaged.remove(at: place)
      default:
        for _ in 0..<8 {
          damaged[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8(truncatingIfNeeded: generator.next())
        }
      }
      let result = try CommandRun(["explain", try folder.write(damaged, to: name)])
      let comment = Comment(rawValue: "round \(round) at \(place): \(result.status) \(result.errors)")
      #expect([0, 65, 66, 69].contains(result.status), comment)
      if result.status != 0 { #expect(result.saysOneError && result.output.isEmpty, comment) }
    }
  }
}
