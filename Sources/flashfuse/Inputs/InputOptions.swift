import ArgumentParser
import Formats
import GraphIR
import Tensors

/// Where the values of a model's inputs come from.
struct InputOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "An npz file with arrays named like the model's inputs; others in it are ignored.", valueName: "io.npz"))
  var inputs: String?

  @Option(
    name: .customLong("input"), parsing: .singleValue,
    help: ArgumentHelp(
      """
      One input: NAME=FILE.npy, or NAME=random[:DIMS] for random values (floats normal, integers 0 or 1), with the \
      sizes in DIMS, as in 2,33, where the model leaves some open; they hold for other inputs with the same names of \
      sizes too. May be given many times. Without --inputs, every input that is not named is random.
      """, valueName: "NAME=VALUE"))
  var input: [String] = []

  @Option(help: "The seed of random inputs.")
  var seed: UInt64 = 0

  /// The value of every input of the model that something reads, under the input's first name, and which of them are random.
  ///
  /// Weights that the file does not hold are made up, which standard error is told. None may take more than `memoryLimit`.
  func read(
    for document: Document, memoryLimit: ByteCount?
  ) throws -> (tensors: [String: Tensor], random: [String]) {
    try AllocationLimit.$byteCount.withValue(memoryLimit?.value ?? AllocationLimit.machineMemory) {
      try read(for: document)
    }
  }

  private func read(for document: Document) throws -> (tensors: [String: Tensor], random: [String]) {
    let graph = document.graph
    var tensors: [String: Tensor] = [:]
    var random: [String] = []
    let archive = try inputs.map { try NumPyArchive(contentsOfFile: $0) }
    let single = try singleInputs(of: graph)
    let sizes = try statedSizes(single, of: graph)
    if inputs == nil { try requireSizes(of: graph, besides: single, sizes) }
    var madeUp = 0
    for (index, port) in graph.inputs.enumerated() {
      let type = graph.type(of: port.value).substituting(sizes)
      if let value = single[port.name] {
        if value.isRandom {
          tensors[port.name] = try randomTensor(type, dimensions: value.dimensions, port: port, index: index)
          random.append(port.name)
        } else {
          tensors[port.name] = try locating("input '\(port.name)'") {
            try NumPyArray(contentsOfFile: value.path).tensor(declared: type.element)
          }
        }
      } else if document.missingWeights.contains(port.name), archive.map({ !$0.contains(port.name) }) ?? true {
        if graph.uses(of: port.value).isEmpty { continue }
        tensors[port.name] = try randomTensor(type, dimensions: nil, port: port, index: index, isWeight: true)
        madeUp += 1
      } else if let archive {
        if let name = port.names.first(where: archive.contains) {
          tensors[port.name] = try archive.array(named: name).tensor(declared: type.element)
        }
      } else if !graph.uses(of: port.value).isEmpty {
        tensors[port.name] = try randomTensor(type, dimensions: nil, port: port, index: index)
        random.append(port.name)
      }
    }
    if madeUp > 0 {
      Note.write("the file holds no weights: \(madeUp) are made up from seed \(seed), so the results mean nothing")
    }
    return (tensors, random)
  }

  /// The arrays of the npz file that are named like an output of `graph`, by the output's first name.
  func expectedOutputs(of graph: Graph) throws -> [String: Tensor] {
    guard let inputs else { return [:] }
    let archive = try NumPyArchive(contentsOfFile: inputs)
    var expected: [String: Tensor] = [:]
    for port in graph.outputs {
      guard let name = port.names.first(where: archive.contains) else { continue }
      expected[port.name] = try archive.array(named: name).tensor(declared: graph.type(of: port.value).element)
    }
    return expected
  }

  private struct SingleInput {
    let isRandom: Bool
    let path: String
    let dimensions: [Int]?
  }

  /// The sizes that `--input NAME=random:DIMS` gives symbols, which then hold for other inputs too.
  private func statedSizes(_ inputs: [String: SingleInput], of graph: Graph) throws -> [String: Dimension] {
    var sizes: [String: Dimension] = [:]
    for port in graph.inputs {
      let declared = graph.type(of: port.value).shape.dimensions ?? []
      for (dimension, size) in zip(declared, inputs[port.name]?.dimensions ?? []) {
        if let symbol = dimension.symbol, !dimension.isUnknown, sizes[symbol] == nil { sizes[symbol] = Dimension(size) }
      }
    }
    return sizes
  }

  /// Throws where random inputs have open sizes, with the options that would say them.
  private func requireSizes(of graph: Graph, besides given: [String: SingleInput], _ sizes: [String: Dimension]) throws
  {
    var sizes = sizes
    var open: [String] = []
    var examples: [String] = []
    for port in graph.inputs where given[port.name].map({ $0.isRandom && $0.dimensions == nil }) ?? true {
      let type = graph.type(of: port.value)
      let isNeeded = given[port.name] != nil || !graph.uses(of: port.value).isEmpty
      guard isNeeded, type.substituting(sizes).shape.sizes == nil else { continue }
      open.append("'\(port.name)' \(type)")
      examples.append("--input \(port.name)=random:\(Self.example(type.substituting(sizes).shape))")
      for case let symbol? in (type.shape.dimensions ?? []).map(\.symbol) where sizes[symbol] == nil {
        sizes[symbol] = Dimension(Self.exampleSize)
      }
    }
    guard !open.isEmpty else { return }
    throw ValidationError(
      "\(open.joined(separator: ", ")): these inputs leave sizes open; give --inputs, or sizes as in"
        + " \(examples.joined(separator: " "))")
  }

  private func singleInputs(of graph: Graph) throws -> [String: SingleInput] {
    var found: [String: SingleInput] = [:]
    for argument in input {
      guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else {
        throw ValidationError("--input takes NAME=FILE.npy or NAME=random[:DIMS], not '\(argument)'")
      }
      let name = String(argument[..<equals])
      let value = String(argument[argument.index(after: equals)...])
      guard let port = graph.inputs.first(where: { $0.names.contains(name) }) else {
        let names = graph.inputs.map { "'\($0.name)'" }.joined(separator: ", ")
        throw ValidationError("'\(name)' is no input of the model, which has \(names)")
      }
      guard found[port.name] == nil else { throw ValidationError("the input '\(port.name)' is given twice") }
      if value == "random" {
        found[port.name] = SingleInput(isRandom: true, path: "", dimensions: nil)
      } else if value.hasPrefix("random:") {
        let parts = value.dropFirst("random:".count).split(separator: ",", omittingEmptySubsequences: false)
        let sizes = parts.compactMap { Int($0) }.filter { $0 >= 0 }
        guard sizes.count == parts.count else {
          throw ValidationError("--input \(name)=random: takes sizes such as 2,33, not '\(value.dropFirst(7))'")
        }
        found[port.name] = SingleInput(isRandom: true, path: "", dimensions: sizes)
      } else {
        found[port.name] = SingleInput(isRandom: false, path: value, dimensions: nil)
      }
    }
    return found
  }

  /// - Parameter isWeight: whether what is multiplied with it shall stay about as large as it is.
  private func randomTensor(
    _ type: TensorType, dimensions: [Int]?, port: Graph.Port, index: Int, isWeight: Bool = false
  ) throws -> Tensor {
    guard let sizes = dimensions ?? type.shape.sizes, sizes.allSatisfy({ $0 >= 0 }) else {
      throw ValidationError("the input '\(port.name)' \(type) has no size")
    }
    // Every input has a sequence of its own, whatever others there are.
    var generator = SplitMix64(seed: seed &+ UInt64(index) &* 0x9E37_79B9)
    let count = try Tensor.elementCount(of: sizes, element: .int64)
    try locating("input '\(port.name)'") { try AllocationLimit.check(count * MemoryLayout<Int>.stride) }
    if type.element.isFloatingPoint {
      let scale = isWeight ? 1 / Double(max(sizes.dropLast().last ?? 1, 1)).squareRoot() : 1
      return try Tensor(randomOf: type.element, shape: sizes, seed: generator.next(), scale: scale)
    }
    // No larger: what integers count or index is not known, and a larger one may lie outside of it.
    let values = (0..<count).map { _ in Int(generator.next() >> 63) }
    return try Tensor(integers: values, element: type.element, shape: sizes)
  }

  private static let exampleSize = 8

  private static func example(_ shape: Shape) -> String {
    (shape.dimensions ?? [1, 8]).map { String($0.constant ?? exampleSize) }.joined(separator: ",")
  }
}

extension TensorType {
  /// The type with sizes in the place of symbols.
  fileprivate func substituting(_ sizes: [String: Dimension]) -> TensorType {
    guard !sizes.isEmpty, let dimensions = shape.dimensions else { return self }
    return TensorType(element, Shape(dimensions.map { $0.substituting(sizes) }))
  }
}
