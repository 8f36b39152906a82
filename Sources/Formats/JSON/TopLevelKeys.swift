/// The keys of a JSON object itself, not of what it holds; as many as can be read before something is malformed.
struct TopLevelKeys: Sequence, IteratorProtocol {
  private var rest: Slice<UnsafeRawBufferPointer>
  private var depth = 0
  private var expectsKey = false

  init(of bytes: UnsafeRawBufferPointer) { rest = bytes[...] }

  mutating func next() -> String? {
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        expectsKey = depth == 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        if depth <= 0 { return nil }
      case UInt8(ascii: ","):
        expectsKey = depth == 1
      case UInt8(ascii: "\""):
        let key = string(isWanted: expectsKey)
        if expectsKey, let key {
          expectsKey = false
          return key
        }
      default: break
      }
    }
    return nil
  }

  private mutating func string(isWanted: Bool) -> String? {
    var characters: [UInt8] = []
    while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
      if byte == UInt8(ascii: "\\") { _ = rest.popFirst() }
      if isWanted { characters.append(byte) }
    }
    return isWanted ? String(decoding: characters, as: UTF8.self) : nil
  }
}
