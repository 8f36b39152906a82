import GraphIR
import Tensors

/// The functions of a model, by what their calls are called.
struct ONNXFunctions {
  struct Key: Hashable {
    let domain: String
    let name: String
    let overload: String

    init(_ function: Onnx_FunctionProto) {
      (domain, name, overload) = (function.domain, function.name, function.overload)
    }

    init(callOf node: Onnx_NodeProto) { (domain, name, overload) = (node.domain, node.opType, node.overload) }
  }

  private var functions: [Key: Onnx_FunctionProto] = [:]
  /// Those that may hold a whole attention: a softmax and two products, themselves or in what they call.
  private var holders: Set<Key> = []

  init(_ model: Onnx_ModelProto) throws {
    for function in model.functions {
      guard functions.updateValue(function, forKey: Key(function)) == nil else {
        throw ModelError.invalid("the function '\(function.domain).\(function.name)' is defined more than once")
      }
    }
    var counts: [Key: Contents] = [:]
    for key in functions.keys {
      let contents = contents(of: key, &counts, depth: 0)
      if contents.softmaxes > 0 && contents.products > 1 { holders.insert(key) }
    }
  }

  /// The function that `node` calls; flashfuse's own is an operation like any other.
  subscript(node: Onnx_NodeProto) -> Onnx_FunctionProto? {
    guard !functions.isEmpty, !LocalFunction.isOne(domain: node.domain, name: node.opType) else { return nil }
    return functions[Key(callOf: node)]
  }

  /// Whether attention is looked for in the function by itself, so that it can be fused in the function's body. Of other functions the bodies
  /// are read in the place of their calls: what is in them may be part of something larger.
  func mayHoldAttention(_ function: Onnx_FunctionProto) -> Bool { holders.contains(Key(function)) }

  private struct Contents {
    var softmaxes = 0
    var products = 0
  }

  private static let depthLimit = 64

  /// As far as is needed: functions that call each other in a circle are refused where they are read.
  private func contents(of key: Key, _ known: inout [Key: Contents], depth: Int) -> Contents {
    if let contents = known[key] { return contents }
    guard let function = functions[key], depth < Self.depthLimit else { return Contents() }
    known[key] = Contents()
    var contents = Contents()
    var pending = function.node
    while let node = pending.popLast() {
      pending += node.subgraphs.flatMap(\.node)
      switch node.opType {
      case "Softmax", "Exp", "ReduceLogSumExp": contents.softmaxes += 1
      case "MatMul", "Gemm", "Einsum": contents.products += 1
      default: break
      }
      if functions[Key(callOf: node)] != nil {
        let inner = self.contents(of: Key(callOf: node), &known, depth: depth + 1)
        contents.softmaxes += min(inner.softmaxes, 1)
        contents.products += min(inner.products, 2)
      }
    }
    known[key] = contents
    return contents
  }
}
