import Foundation
import Tensors

/// A schema without its operation's type: what generic code (readers, writers, the text form) works with.
public final class OperationDescriptor: Sendable {
  public struct Attribute: Sendable {
    public let name: String
    public let read: @Sendable (any GraphOperation) -> AttributeValue?
    public let write: @Sendable (inout any GraphOperation, AttributeValue) throws -> Void
  }

  public let name: String
  public let inputs: [InputSlot]
  public let outputs: ClosedRange<Int>
  public let attributes: [Attribute]
  public let spellings: [Spelling]
  /// Makes the operation with every attribute at its default.
  public let make: @Sendable () -> any GraphOperation

  public init<Op: GraphOperation>(_ type: Op.Type) {
    let schema = Op.schema
    name = schema.name
    inputs = schema.inputs
    outputs = schema.outputs
    spellings = schema.spellings
    make = { Op() }
    attributes = schema.attributes.map { attribute in
      Attribute(
        name: attribute.name,
        read: { ($0 as? Op).flatMap(attribute.read) },
        write: { operation, value in
          guard var concrete = operation as? Op else { return }
          try locating("attribute '\(attribute.name)'") { try attribute.write(&concrete, value) }
          operation = concrete
        })
    }
  }

  public static func of(_ operation: any GraphOperation) -> OperationDescriptor {
    DescriptorCache.shared.descriptor(of: operation)
  }

  /// The attributes of `operation` that differ from their defaults, in the order of the schema.
  public func setAttributes(of operation: any GraphOperation) -> [(name: String, value: AttributeValue)] {
    let fresh = make()
    return attributes.compactMap { attribute in
      guard let value = attribute.read(operation), value != attribute.read(fresh) else { return nil }
      return (attribute.name, value)
    }
  }
}

/// Descriptors by operation type, made once each.
private final class DescriptorCache: @unchecked Sendable {
  static let shared = DescriptorCache()
  private let lock = NSLock()
  private var descriptors: [ObjectIdentifier: OperationDescriptor] = [:]

  func descriptor(of operation: any GraphOperation) -> OperationDescriptor {
    let type = type(of: operation)
    return lock.withLock {
      if let known = descriptors[ObjectIdentifier(type)] { return known }
      let descriptor = OperationDescriptor(type)
      descriptors[ObjectIdentifier(type)] = descriptor
      return descriptor
    }
  }
}

/// The operations that readers and writers know, found by canonical name or by a format's spelling.
public struct OperationRegistry: Sendable {
  private struct Key: Hashable {
    let format: SpellingFormat
    let domain: String
    let type: String
  }

  public let operations: [OperationDescriptor]
  private var byName: [String: OperationDescriptor] = [:]
  private var bySpelling: [Key: [(Spelling, OperationDescriptor)]] = [:]

  public init(_ types: [any GraphOperation.Type]) {
    let basic: [any GraphOperation.Type] = [Parameter.self, Constant.self, Opaque.self]
    operations = (basic + types).map { OperationDescriptor($0) }
    for descriptor in operations {
      byName[descriptor.name] = descriptor
      for spelling in descriptor.spellings {
        let key = Key(format: spelling.format, domain: spelling.domain, type: spelling.type)
        bySpelling[key, default: []].append((spelling, descriptor))
      }
    }
  }

  public subscript(name: String) -> OperationDescriptor? { byName[name] }

  /// The operation that `format` calls `type` in `version` of `domain`, with that spelling: the newest not newer than `version`.
  public func find(
    _ type: String, format: SpellingFormat, domain: String = "", version: Int
  ) -> (spelling: Spelling, descriptor: OperationDescriptor)? {
    bySpelling[Key(format: format, domain: domain, type: type)]?
      .filter { $0.0.since <= version }
      .max { $0.0.since < $1.0.since }
      .map { (spelling: $0.0, descriptor: $0.1) }
  }
}
