import Tensors

/// Collects an `IRNetwork` from the elements of an XML file.
///
/// Elements that say nothing about the graph are passed over, and so is `rt_info` but for what fusions write; write-back copies their text.
struct IRReceiver: XMLReceiver {
  private(set) var network = IRNetwork()
  private var elements: [Element] = []
  private var layer: IRLayer?
  /// The graphs around the one that is being read, each with the layer that it is inside of.
  private var around: [(network: IRNetwork, layer: IRLayer)] = []
  private var port: IRPort?
  private var edge: IREdge?
  private var size = ""

  private enum Element {
    case network
    case body(String)
    case layers
    case layer
    case data
    case inputs
    case outputs
    case port
    case size
    case edges
    case edge
    case portMap(String)
    case backEdges
    case runtimeInfo
    case ignored
  }

  /// Graphs inside graphs are worked on recursively.
  private static let depthLimit = 32

  mutating func start(_ name: String, _ attributes: XMLStartAttributes, in scanner: XMLScanner) throws {
    let element: Element
    switch (elements.last, name) {
    case (nil, "net"):
      element = .network
      try startNetwork(attributes)
    case (nil, _):
      throw ModelError.invalid("an OpenVINO IR begins with <net>, this file with <\(name.prefix(40))>")
    case (.network, "layers"), (.body, "layers"): element = .layers
    case (.network, "edges"), (.body, "edges"): element = .edges
    case (.layer, "body"), (.layer, "then_body"), (.layer, "else_body"):
      element = .body(name)
      try startBody(name)
    case (.layer, "port_map"), (.layer, "then_port_map"), (.layer, "else_port_map"): element = .portMap(name)
    case (.portMap(let map), "input"), (.portMap(let map), "output"):
      element = .ignored
      try addPortMapEntry(to: map, isInput: name == "input", attributes)
    case (.layer, "back_edges"): element = .backEdges
    case (.backEdges, "edge"):
      element = .ignored
      layer?.backEdges.append(
        (
          try attributes.requiredInteger("from-layer", of: name), try attributes.requiredInteger("to-layer", of: name)
        ))
    case (.layers, "layer"):
      element = .layer
      try startLayer(attributes, at: scanner.tagStart)
    case (.layer, "data"):
      element = .data
      layer?.data = attributes.all
    case (.layer, "rt_info"): element = .runtimeInfo
    case (.runtimeInfo, "attribute"):
      element = .ignored
      if let key = attributes["name"], Provenance.keys.contains(key) { layer?.provenance[key] = attributes["value"] }
    case (.layer, "input"): element = .inputs
    case (.layer, "output"): element = .outputs
    case (.inputs, "port"), (.outputs, "port"):
      element = .port
      try startPort(attributes, tag: scanner.tagStart..<scanner.position)
    case (.port, "dim"):
      element = .size
      size = ""
    case (.edges, "edge"):
      element = .edge
      try startEdge(attributes, at: scanner.tagStart)
    default: element = .ignored
    }
    elements.append(element)
  }

  mutating func end(in scanner: XMLScanner) throws {
    switch elements.popLast() {
    case .layer:
      guard let start = layer?.range.lowerBound else { return }
      layer?.range = start..<max(scanner.position, start)
      if let layer { network.layers.append(layer) }
      layer = nil
    case .port:
      if let port {
        if case .inputs = elements.last { layer?.inputs.append(port) } else { layer?.outputs.append(port) }
      }
      port = nil
    case .size:
      guard let value = Int(size) ?? Int(size.filter { !$0.isWhitespace }), value >= -1 else {
        throw ModelError.invalid("<dim> must hold a size or -1, found '\(size.prefix(40))'")
      }
      port?.dimensions.append(value)
    case .edge:
      if var edge {
        edge.range = edge.range.lowerBound..<max(scanner.position, edge.range.lowerBound)
        network.edges.append(edge)
      }
      edge = nil
    case .body(let name): endBody(name)
    case .layers: network.layersEnd = scanner.tagStart
    case .edges: network.edgesEnd = scanner.tagStart
    default: break
    }
  }

  mutating func text(_ text: @autoclosure () -> String) { if case .size = elements.last { size += text() } }

  private mutating func startNetwork(_ attributes: XMLStartAttributes) throws {
    network.name = attributes["name"] ?? ""
    network.version = try attributes.requiredInteger("version", of: "net")
    guard (10...11).contains(network.version) else {
      throw ModelError.unsupported("OpenVINO IR of version \(network.version); versions 10 and 11 can be read")
    }
  }

  private mutating func startBody(_ name: String) throws {
    guard let layer else { return }
    try require(layer.bodies[name] == nil, "layer \(layer.label) has more than one <\(name)>")
    try require(around.count < Self.depthLimit, "graphs are nested more than \(Self.depthLimit) deep")
    around.append((network, layer))
    network = IRNetwork()
    network.version = 11
    self.layer = nil
  }

  private mutating func endBody(_ name: String) {
    guard let (outer, owner) = around.popLast() else { return }
    layer = owner
    layer?.bodies[name] = network
    network = outer
  }

  private mutating func addPortMapEntry(to map: String, isInput: Bool, _ attributes: XMLStartAttributes) throws {
    let element = isInput ? "input" : "output"
    layer?.portMaps[map, default: []].append(
      IRPortMapEntry(
        isInput: isInput, port: try attributes.requiredInteger("external_port_id", of: element),
        layer: try attributes.requiredInteger("internal_layer_id", of: element), attributes: attributes.all))
  }

  private mutating func startLayer(_ attributes: XMLStartAttributes, at offset: Int) throws {
    let layer = IRLayer(
      id: try attributes.requiredInteger("id", of: "layer"), name: try attributes.required("name", of: "layer"),
      type: try attributes.required("type", of: "layer"), operatorSet: attributes["version"] ?? "",
      outputNames: IRText.names(attributes["output_names"] ?? ""), range: offset..<offset)
    try require(layer.id >= 0, "a layer's id can't be negative, found \(layer.id)")
    self.layer = layer
  }

  private mutating func startPort(_ attributes: XMLStartAttributes, tag: Range<Int>) throws {
    port = IRPort(
      id: try attributes.requiredInteger("id", of: "port"), precision: attributes["precision"],
      names: IRText.names(attributes["names"] ?? ""), tag: tag)
  }

  private mutating func startEdge(_ attributes: XMLStartAttributes, at offset: Int) throws {
    edge = IREdge(
      fromLayer: try attributes.requiredInteger("from-layer", of: "edge"),
      fromPort: try attributes.requiredInteger("from-port", of: "edge"),
      toLayer: try attributes.requiredInteger("to-layer", of: "edge"),
      toPort: try attributes.requiredInteger("to-port", of: "edge"), range: offset..<offset)
  }
}
