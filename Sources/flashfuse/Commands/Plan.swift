import ArgumentParser
import Operations
import Tensors

struct Plan: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the tiles that fused attention takes on a device, and the bytes it moves.",
    usage: "flashfuse plan --shape <B,H,S,D> [--device <DEVICE>] [<options>]",
    discussion: """
      Unfused attention moves the score matrix between slow and fast memory once for every read and write of a step; fused \
      attention never writes it.
      """)

  @Option(help: ArgumentHelp("Batch, heads, length and head size.", valueName: "B,H,S,D"))
  var shape: AttentionShape

  @Option(help: "The element type.")
  var dtype: FloatType = .f32

  @Option(
    help: ArgumentHelp(
      "The device: \(DeviceProfile.all.map(\.name).joined(separator: ", ")).", valueName: "DEVICE"))
  var device = "cpu"

  @Flag(help: "Every query sees only the keys up to its own position.")
  var causal = false

  @Flag(help: "Print figures as JSON.")
  var json = false

  mutating func run() throws {
    guard let profile = DeviceProfile.named(device) else {
      let names = DeviceProfile.all.map(\.name).joined(separator: ", ")
      throw ValidationError("'\(device)' is no device that is known; there are \(names)")
    }
    let workload = AttentionWorkload(
      batch: shape.batch, heads: shape.heads, keyHeads: shape.heads, queryLength: shape.length,
      keyLength: shape.length, headSize: shape.headSize, valueSize: shape.headSize, element: dtype.element,
      isCausal: causal)
    let tile = workload.tile(for: profile)
    guard let unfused = workload.unfusedPasses(), let fused = workload.fusedPasses(queryRows: tile.queryRows) else {
      throw ValidationError("an attention of this size can't be addressed")
    }
    let plan = TilePlan(device: profile, tile: tile, unfused: unfused, fused: fused)
    if json { try JSONOutput.print(plan.encoded) } else { plan.printText() }
  }
}

/// `B,H,S,D` on the command line.
struct AttentionShape: ExpressibleByArgument {
  let batch: Int
  let heads: Int
  let length: Int
  let headSize: Int

  init?(argument: String) {
    let sizes = argument.split(separator: ",", omittingEmptySubsequences: false).compactMap { Int($0) }
    guard sizes.count == 4, sizes.allSatisfy({ (1...(1 << 24)).contains($0) }) else { return nil }
    (batch, heads, length, headSize) = (sizes[0], sizes[1], sizes[2], sizes[3])
  }
}

/// The element types that attention kernels have.
enum FloatType: String, ExpressibleByArgument, CaseIterable {
  case f32
  case bf16
  case f16

  var element: ElementType {
    switch self {
    case .f32: .float32
    case .bf16: .bfloat16
    case .f16: .float16
    }
  }
}

/// A tile and what it means, to be printed.
private struct TilePlan {
  struct Encoded: Encodable {
    struct Tile: Encodable {
      let query: Int
      let key: Int
    }

    struct Pass: Encodable {
      let name: String
      let bytes: Int
    }

    let device: String
    let tile: Tile
    let fastMemoryBytes: Int
    let fastMemoryUsed: Int
    let bytesUnfused: Int
    let bytesFused: Int
    let unfused: [Pass]
    let fused: [Pass]
  }

  let device: DeviceProfile
  let tile: AttentionTile
  let unfused: [MemoryPass]
  let fused: [MemoryPass]

  private var bytesUnfused: Int { unfused.reduce(0) { $0 + $1.bytes } }
  private var bytesFused: Int { fused.reduce(0) { $0 + $1.bytes } }

  var encoded: Encoded {
    Encoded(
      device: device.name, tile: .init(query: tile.queryRows, key: tile.keyRows),
      fastMemoryBytes: device.fastMemoryBytes, fastMemoryUsed: tile.fastMemoryBytes, bytesUnfused: bytesUnfused,
      bytesFused: bytesFused, unfused: unfused.map { .init(name: $0.name, bytes: $0.bytes) },
      fused: fused.map { .init(name: $0.name, bytes: $0.bytes) })
  }

  func printText() {
    let saved = 100 * (1 - Double(bytesFused) / Double(max(bytesUnfused, 1)))
    print(
      """
      \(device.name): tiles of \(tile.queryRows) queries × \(tile.keyRows) keys
      \(device.fastMemoryName): \(Figures.bytes(tile.fastMemoryBytes)) of \(Figures.bytes(device.fastMemoryBytes))
      moves \(Figures.bytes(bytesFused)) instead of \(Figures.bytes(bytesUnfused)): \(Int(saved.rounded())) % less

      """)
    var table = TextTable([
      .init(title: "Pass", width: 50), .init(title: "Bytes", width: 12, isRightAligned: true),
    ])
    for pass in unfused { table.add(["unfused: \(pass.name)", Figures.bytes(pass.bytes)]) }
    for pass in fused { table.add(["fused: \(pass.name)", Figures.bytes(pass.bytes)]) }
    print(table.text, terminator: "")
  }
}
