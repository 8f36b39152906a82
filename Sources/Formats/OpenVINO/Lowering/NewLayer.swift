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
    var lines = ["<layer id=\"\(id)\" name=\"\(name.escapedForXML)\" type=\"\(type)\" version=\"opset\(version)\">"]
    if !data.isEmpty {
      lines.append("\t<data\(data.map { " \($0.name)=\"\($0.value.escapedForXML)\"" }.joined()) />")
    }
    if !runtimeInfo.isEmpty {
      lines.append("\t<rt_info>")
      for (key, text) in runtimeInfo {
        lines.append("\t\t<attribute name=\"\(key)\" version=\"0\" value=\"\(text.escapedForXML)\" />")
      }
      lines.append("\t</rt_info>")
    }
    if !inputs.isEmpty {
      lines.append("\t<input>")
      for (index, input) in inputs.enumerated() { lines += NewLayer.port(index, input.type, names: []) }
      lines.append("\t</input>")
    }
    if !outputs.isEmpty {
      lines.append("\t<output>")
      for (index, type) in outputs.enumerated() {
        lines += NewLayer.port(inputs.count + index, type, names: outputNames[index])
      }
      lines.append("\t</output>")
    }
    lines.append("</layer>")
    return lines.joined(separator: "\n" + indentation)
  }

  private static func port(_ id: Int, _ type: TensorType, names: [String]) -> [String] {
    let names = names.isEmpty ? "" : " names=\"\(IRText.list(of: names).escapedForXML)\""
    let tag = "\t\t<port id=\"\(id)\" precision=\"\(IRText.precision(of: type.element))\"\(names)"
    guard let sizes = type.shape.dimensions, !sizes.isEmpty else { return ["\(tag) />"] }
    return ["\(tag)>"] + sizes.map { "\t\t\t<dim>\($0.constant ?? -1)</dim>" } + ["\t\t</port>"]
  }
}

extension String {
  /// The text as the value of an attribute.
  var escapedForXML: String {
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
}
