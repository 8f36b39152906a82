import Foundation
import Tensors

/// What the tile planner has to know of a device.
public struct DeviceProfile: Hashable, Sendable {
  public let name: String
  /// Bytes of fast memory that one core can hold its tiles in.
  public let fastMemoryBytes: Int
  /// Tile sizes are multiples of this.
  public let alignment: Int
  /// What the fast memory is called, for people.
  public let fastMemoryName: String

  /// The processor that this program runs on; its second-level cache, or 1 MB where the system does not tell.
  public static let cpu: DeviceProfile = {
    #if os(Linux)
      let cache = sysconf(Int32(_SC_LEVEL2_CACHE_SIZE))
    #else
      let cache = 0
    #endif
    return DeviceProfile(
      name: "cpu", fastMemoryBytes: cache > 0 ? cache : 1 << 20, alignment: 16, fastMemoryName: "level-2 cache")
  }()

  /// All devices that can be planned for: this processor, and the published figures of others.
  public static let all: [DeviceProfile] = [
    cpu,
    DeviceProfile(name: "ascend-910b", fastMemoryBytes: 256 << 10, alignment: 16, fastMemoryName: "unified buffer"),
    DeviceProfile(name: "a100", fastMemoryBytes: 164 << 10, alignment: 16, fastMemoryName: "shared memory"),
    DeviceProfile(name: "h100", fastMemoryBytes: 228 << 10, alignment: 16, fastMemoryName: "shared memory"),
  ]

  public static func named(_ name: String) -> DeviceProfile? { all.first { $0.name == name } }
}
