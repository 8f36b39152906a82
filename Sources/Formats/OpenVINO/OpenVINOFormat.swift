import Tensors

/// OpenVINO's intermediate representation: layers and edges in XML, weights in a `.bin` file beside it.
package enum OpenVINOFormat: GraphFormat {
  package static let name = "OpenVINO IR (XML)"

  package static func recognises(_ file: ModelFile) -> Bool { file.firstSignificantByte == UInt8(ascii: "<") }

  package static func read(_ file: ModelFile) throws -> Document { try IRImporter.read(file) }
}
