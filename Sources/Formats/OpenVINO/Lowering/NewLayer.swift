import Tensors

/// A layer that the file does not have yet.
struct NewLayer {
  let id: Int
  var name: String
  let type: String
  let version: Int
  let data: [(name: String, value: String)]
  let inputs: [LayerOutput]
  let outputs: [TensorType]
  /// The names of each output port's tensor.
  var outputNames: [[String]]
  /// What it replaced.
  var runtimeInfo: [(key: String, text: String)] = []
}

/// An output port of a layer, new or not, by the ids in the file.
struct LayerOutput: Hashable {
  let layer: Int
  let port: Int
  let type: TensorType
}

extension NewLayer {
  /// The layer as an element, with `indentation` before every line but the first.
  func text(indentation: String) -> String {
    let line = "\n" + indentation
    var text = "<layer id=\"\(id)\" name=\"\(name.escapedForXML)\" type=\"\(type)\" version=\"opset\(version)\">"
    if !data.isEmpty {
      text += line + "\t<data"
      for (name, value) in data { text += " \(name)=\"\(value.escapedForXML)\"" }
      text += " />"
    }
    if !runtimeInfo.isEmpty {
      text += line + "\t<rt_info>"
      for (key, value) in runtimeInfo {
        text += line + "\t\t<attribute name=\"\(key)\" version=\"0\" value=\"\(value.escapedForXML)\" />"
      }
      text += line + "\t</rt_info>"
    }
    if !inputs.isEmpty {
      text += line + "\t<input>"
      for (index, input) in inputs.enumerated() { NewLayer.add(index, input.type, names: [], to: &text, line) }
      text += line + "\t</input>"
    }
    if !outputs.isEmpty {
      text += line + "\t<output>"
      for (index, type) in outputs.enumerated() {
        NewLayer.add(inputs.count + index, type, names: outputNames[index], to: &text, line)
      }
      text += line + "\t</output>"
    }
    text += line + "</layer>"
    return text
  }

  /// Adds a port to `text`; every line begins with `line`.
  private static func add(_ id: Int, _ type: TensorType, names: [String], to text: inout String, _ line: String) {
    text += line + "\t\t<port id=\"\(id)\" precision=\"\(IRText.precision(of: type.element))\""
    if !names.isEmpty { text += " names=\"\(IRText.list(of: names).escapedForXML)\"" }
    guard let sizes = type.shape.dimensions, !sizes.isEmpty else {
      text += " />"
      return
    }
    text += ">"
    for size in sizes { text += line + "\t\t\t<dim>\(size.constant ?? -1)</dim>" }
    text += line + "\t\t</port>"
  }
}

extension String {
  /// The text as the value of an attribute.
  var escapedForXML: String {
    guard utf8.contains(where: String.escapedBytes.contains) else { return self }
    var escaped = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "\n", "\t", "\r": escaped += "&#\(scalar.value);"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  private static let escapedBytes = Array("&<>\"\n\t\r".utf8)
}
