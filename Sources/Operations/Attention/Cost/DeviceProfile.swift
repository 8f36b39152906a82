import Foundation
import Tensors

/// What the tile planner has to know of a device.
public struct DeviceProfile: Hashable, Sendable {
  public let name: String
  /// Bytes of fast memory that one core can hold its tiles in.
  public let fastMemoryBytes: Int
  /// Bytes of the cache nearest to the arithmetic, where the fast memory is a cache as well and keeps by itself what is
  /// read again; nil where a program places its tiles.
  public let nearestCacheBytes: Int?
  /// Tile sizes are multiples of this.
  public let alignment: Int
  /// What the fast memory is called, for people.
  public let fastMemoryName: String

  private init(name: String, fastMemoryBytes: Int, fastMemoryName: String, nearestCacheBytes: Int? = nil) {
    self.name = name
    self.fastMemoryBytes = fastMemoryBytes
    self.fastMemoryName = fastMemoryName
    self.nearestCacheBytes = nearestCacheBytes
    alignment = 16
  }

  /// The processor that this program runs on; its caches, or 1 MB and 32 kB where the system does
  /// not tell.
  public static let cpu: DeviceProfile = {
    #if os(Linux)
      let cache = cacheBytes(level: 2) ?? sysconf(Int32(_SC_LEVEL2_CACHE_SIZE))
      let nearest = cacheBytes(level: 1) ?? sysconf(Int32(_SC_LEVEL1_DCACHE_SIZE))
    #else
      let cache = 0
      let nearest = 0
    #endif
    return DeviceProfile(
      name: "cpu", fastMemoryBytes: cache > 0 ? cache : 1 << 20, fastMemoryName: "level-2 cache",
      nearestCacheBytes: nearest > 0 ? nearest : 32 << 10)
  }()

  /// What the kernel of the system says about the first processor's cache of data, which `sysconf` does not know everywhere.
  private static func cacheBytes(level: Int) -> Int? {
    func text(_ cache: Int, _ property: String) -> String? {
      let path = "/sys/devices/system/cpu/cpu0/cache/index\(cache)/\(property)"
      return (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
    }
    let cache = (0..<8).first { text($0, "level") == String(level) && text($0, "type") != "Instruction" }
    guard let size = cache.flatMap({ text($0, "size") }), size.hasSuffix("K"), let kilobytes = Int(size.dropLast()),
      (1...(1 << 30)).contains(kilobytes)
    else { return nil }
    return kilobytes << 10
  }

  /// All devices that can be planned for: this processor, and the published figures of others.
  public static let all: [DeviceProfile] = [
    cpu,
    DeviceProfile(name: "ascend-910b", fastMemoryBytes: 256 << 10, fastMemoryName: "unified buffer"),
    DeviceProfile(name: "a100", fastMemoryBytes: 164 << 10, fastMemoryName: "shared memory"),
    DeviceProfile(name: "h100", fastMemoryBytes: 228 << 10, fastMemoryName: "shared memory"),
  ]

  public static func named(_ name: String) -> DeviceProfile? { all.first { $0.name == name } }
}
