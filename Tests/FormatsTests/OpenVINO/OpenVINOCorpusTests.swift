import Foundation
import GraphIR
import Operations
import Tensors
import TestSupport
import Testing

@testable import Formats

/// Every IR of the package's own graphs, and of a corpus folder beside the checkout where there is one.
@Suite struct OpenVINOCorpusTests {
  static let models: [String] = {
    let manager = FileManager.default
    let own = (try? manager.contentsOfDirectory(atPath: packageDirectory + "/graphs")) ?? []
    let corpus = packageDirectory + "/../shared/corpus/dev"
    let cases = (try? manager.contentsOfDirectory(atPath: corpus)) ?? []
    return own.filter { $0.hasSuffix(".xml") }.map { "\(packageDirectory)/graphs/\($0)" }.sorted()
      + cases.filter { $0.hasSuffix("__ov") }.map { "\(corpus)/\($0)/model.xml" }.sorted()
  }()

  @Test(arguments: models) func comesBackByteForByte(_ path: String) throws {
    let document = try Document.read(path: path)
    let folder = try TemporaryDirectory()
    try document.write(document.graph, to: folder.file("model.xml"))
    for suffix in [".xml", ".bin"] {
      let original = try Data(contentsOf: URL(fileURLWithPath: path.dropLast(4) + suffix))
      #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file("model" + suffix))) == original)
    }
  }

  /// What is inferred must agree with what OpenVINO wrote at the ports, wherever both say something.
  @Test(arguments: models) func inferenceAgreesWithTheFile(_ path: String) throws {
    let document = try Document.read(path: path)
    try document.graph.verify()
    let source = try #require(document.source as? OpenVINOSource)
    for (layer, values) in zip(source.graph.network.layers, source.graph.values) {
      for (port, value) in zip(layer.outputs, values) {
        let type = document.graph.type(of: value)
        let element = try IRText.element(port.precision ?? "dynamic")
        #expect(element == .unknown || type.element == element, "\(layer.label): \(type.element) for \(element)")
        // A port without dimensions is a scalar's, or says nothing: that of an If whose branches differ in rank.
        guard let sizes = type.shape.dimensions, !port.dimensions.isEmpty else { continue }
        let agree =
          sizes.count == port.dimensions.count
          && zip(sizes, port.dimensions).allSatisfy { $0.constant == nil || $1 < 0 || $0.constant == $1 }
        #expect(agree, "\(layer.label): \(type) for \(port.dimensions)")
      }
    }
  }
}
