/// What the XML file of an IR says, without meaning attached: layers, the edges between their ports, and where in the file each is.
struct IRNetwork: Sendable {
  var name = ""
  var version = 0
  var layers: [IRLayer] = []
  var edges: [IREdge] = []
  /// Where further layers and edges go: the offsets of `</layers>` and `</edges>`.
  var layersEnd: Int?
  var edgesEnd: Int?
}

struct IRLayer: Sendable {
  var id: Int
  var name: String
  var type: String
  /// The operator set, as `opset8`, or the name of an extension.
  var operatorSet: String
  /// Every name that a Result says its model output has.
  var outputNames: [String] = []
  var data = XMLAttributes(pairs: [])
  /// What its runtime information says under the keys of `Provenance`.
  var provenance: [String: String] = [:]
  var inputs: [IRPort] = []
  var outputs: [IRPort] = []
  /// Its bytes in the file, from `<layer` to the end of its closing tag.
  var range: Range<Int>
  /// The graphs that it runs, by the names of their elements: `then_body`, `else_body` or `body`.
  var bodies: [String: IRNetwork] = [:]
  /// How ports of the layer and layers of its graphs belong together, by the names of the elements: `port_map`, `then_port_map`, `else_port_map`.
  var portMaps: [String: [IRPortMapEntry]] = [:]
  /// What a round of a loop hands to the next: the ids of a Result and a Parameter of the body.
  var backEdges: [(from: Int, to: Int)] = []

  /// The number of the operator set; nil for extensions.
  var version: Int? {
    if operatorSet.isEmpty { return 1 }
    return operatorSet.hasPrefix("opset") ? Int(operatorSet.dropFirst(5)) : nil
  }
}

struct IRPort: Sendable {
  var id: Int
  /// `FP32`, `I64`, …; nil where the file does not say.
  var precision: String?
  var names: [String] = []
  /// The sizes, −1 where dynamic. None at all says a scalar or a dynamic rank.
  var dimensions: [Int] = []
  /// The bytes of its opening tag.
  var tag: Range<Int>
}

/// A line of a port map.
struct IRPortMapEntry: Sendable {
  let isInput: Bool
  /// The port of the layer; −1 for what no port gives or takes.
  let port: Int
  /// The id of the Parameter or Result inside.
  let layer: Int
  /// How a tensor is cut into slices or put together from them: `axis`, `start`, `end`, `stride`, `part_size`; and `purpose`.
  let attributes: XMLAttributes
}

struct IREdge: Sendable {
  var fromLayer: Int
  var fromPort: Int
  var toLayer: Int
  var toPort: Int
  /// Its bytes in the file.
  var range: Range<Int>
}
