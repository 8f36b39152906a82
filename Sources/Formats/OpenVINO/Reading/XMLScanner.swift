import CLibXML2
import Tensors

/// What reads an XML file, told of every element in turn.
protocol XMLReceiver {
  /// An element begins. `scanner.tagStart` is where.
  mutating func start(_ name: String, _ attributes: XMLStartAttributes, in scanner: XMLScanner) throws
  /// An element ends. `scanner.position` is just behind it.
  mutating func end(in scanner: XMLScanner) throws
  /// Text of the innermost element, perhaps one part of several; most of it is white space that nobody asks for.
  mutating func text(_ text: @autoclosure () -> String)
}

/// The attributes of an element, references resolved.
protocol XMLAttributeList {
  subscript(name: String) -> String? { get }
}

extension XMLAttributeList {
  /// The attribute that must be there.
  func required(_ name: String, of element: String) throws -> String {
    guard let value = self[name] else { throw ModelError.invalid("<\(element)> has no attribute '\(name)'") }
    return value
  }

  /// The whole number that must be there.
  func requiredInteger(_ name: String, of element: String) throws -> Int {
    let text = try required(name, of: element)
    guard let value = Int(text) else {
      throw ModelError.invalid("attribute '\(name)' of <\(element)> must be a whole number, found '\(text.prefix(40))'")
    }
    return value
  }
}

/// Attributes in the order of the file.
struct XMLAttributes: XMLAttributeList, Sendable {
  let pairs: [(name: String, value: String)]

  subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }
}

/// The attributes of the element that begins, where the parser has them; most elements are asked for a few of theirs and not kept.
struct XMLStartAttributes: XMLAttributeList {
  /// Five pointers an attribute: name, prefix, namespace, begin and end of the value.
  private let pointers: UnsafeBufferPointer<UnsafePointer<xmlChar>?>

  fileprivate init(_ start: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?, count: Int32) {
    pointers = UnsafeBufferPointer(start: start, count: start == nil ? 0 : Int(count) * 5)
  }

  subscript(name: String) -> String? {
    for index in stride(from: 0, to: pointers.count, by: 5) {
      guard let start = pointers[index], XMLStartAttributes.isEqual(start, name) else { continue }
      return string(pointers[index + 3], pointers[index + 4])
    }
    return nil
  }

  /// Whether the text at `start`, which ends with a 0, is `name`.
  private static func isEqual(_ start: UnsafePointer<xmlChar>, _ name: String) -> Bool {
    var next = start
    for byte in name.utf8 {
      guard next.pointee == byte else { return false }
      next += 1
    }
    return next.pointee == 0
  }

  /// The attributes to be kept.
  var all: XMLAttributes {
    XMLAttributes(
      pairs: stride(from: 0, to: pointers.count, by: 5).map {
        (string(pointers[$0]), string(pointers[$0 + 3], pointers[$0 + 4]))
      })
  }
}

/// One pass over an XML file with libxml2's SAX interface.
///
/// Document type declarations are refused before their content is read, so there are no entities to expand and nothing is ever
/// loaded; libxml2 bounds nesting and the length of names and texts.
final class XMLScanner {
  private let bytes: UnsafeRawBufferPointer
  private let context: xmlParserCtxtPtr
  private var receiver: any XMLReceiver
  private var failure: (any Error)?

  /// Reads `storage` to its end. Throws what `receiver` throws, and `ModelError.invalid` with the line where the file is no XML.
  static func scan<Receiver: XMLReceiver>(_ storage: TensorStorage, into receiver: inout Receiver) throws {
    try storage.withBytes { bytes in
      guard let size = Int32(exactly: bytes.count) else {
        throw ModelError.unsupported("an XML file of more than 2 GB")
      }
      let start = bytes.bindMemory(to: CChar.self).baseAddress
      guard let start, let context = xmlCreateMemoryParserCtxt(start, size) else {
        throw ModelError.invalid("the file is empty")
      }
      defer { xmlFreeParserCtxt(context) }
      let scanner = XMLScanner(bytes: bytes, context: context, receiver: receiver)
      try withExtendedLifetime(scanner) { try scanner.run() }
      if let filled = scanner.receiver as? Receiver { receiver = filled }
    }
  }

  private init(bytes: UnsafeRawBufferPointer, context: xmlParserCtxtPtr, receiver: any XMLReceiver) {
    self.bytes = bytes
    self.context = context
    self.receiver = receiver
  }

  /// The offset just behind what has been read.
  var position: Int { min(max(Int(xmlByteConsumed(context)), 0), bytes.count) }

  /// The offset of the `<` of the element that is being reported: values can't hold that character unescaped.
  var tagStart: Int {
    var start = position
    while start > 0 {
      start -= 1
      if bytes[start] == UInt8(ascii: "<") { break }
    }
    return start
  }

  var line: Int { Int(xmlSAX2GetLineNumber(context)) }

  private func run() throws {
    // Without this option `&amp;` in attributes comes as a character reference. There are no other entities.
    xmlCtxtUseOptions(
      context,
      Int32(XML_PARSE_NOENT.rawValue | XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue)
        | Int32(XML_PARSE_NOWARNING.rawValue))
    var handlers = xmlSAXHandler()
    handlers.initialized = UInt32(XML_SAX2_MAGIC)
    handlers.startElementNs = startElement
    handlers.endElementNs = endElement
    handlers.characters = characters
    handlers.internalSubset = documentType
    handlers.serror = { _, _ in }
    context.pointee.sax.pointee = handlers
    context.pointee.userData = Unmanaged.passUnretained(self).toOpaque()
    xmlParseDocument(context)
    if let document = context.pointee.myDoc {
      xmlFreeDoc(document)
      context.pointee.myDoc = nil
    }
    if let failure { throw failure }
    if context.pointee.wellFormed == 0 {
      let error = xmlCtxtGetLastError(context)
      let message = error?.pointee.message.map { String(cString: $0) } ?? "not well-formed"
      let line = error.map { "line \($0.pointee.line): " } ?? ""
      throw ModelError.invalid(
        "\(line)the XML is broken: \(message.split(whereSeparator: \.isNewline).joined(separator: " "))")
    }
  }

  /// Runs `body` unless something has failed; what it throws ends the scan, with the line added.
  fileprivate func attempt(_ body: () throws -> Void) {
    guard failure == nil else { return }
    do {
      if context.pointee.input?.pointee.buf?.pointee.encoder != nil {
        throw ModelError.unsupported("an XML encoding other than UTF-8")
      }
      try locating("line \(line)", body)
    } catch {
      failure = error
      xmlStopParser(context)
    }
  }

  fileprivate func start(_ name: String, _ attributes: XMLStartAttributes) {
    attempt { try receiver.start(name, attributes, in: self) }
  }

  fileprivate func end() {
    attempt { try receiver.end(in: self) }
  }

  fileprivate func text(_ text: UnsafeBufferPointer<xmlChar>) {
    if failure == nil { receiver.text(String(decoding: text, as: UTF8.self)) }
  }

  fileprivate func refuseDocumentType() {
    attempt { throw ModelError.invalid("a document type declaration (and with it entities) is not accepted") }
  }
}

private func scanner(_ context: UnsafeMutableRawPointer?) -> XMLScanner? {
  context.map { Unmanaged<XMLScanner>.fromOpaque($0).takeUnretainedValue() }
}

private func string(_ start: UnsafePointer<xmlChar>?, _ end: UnsafePointer<xmlChar>?) -> String {
  guard let start, let end, end >= start else { return "" }
  return String(decoding: UnsafeBufferPointer(start: start, count: end - start), as: UTF8.self)
}

private func string(_ text: UnsafePointer<xmlChar>?) -> String { text.map { String(cString: $0) } ?? "" }

private let startElement: startElementNsSAX2Func = { context, name, _, _, _, _, count, _, attributes in
  scanner(context)?.start(string(name), XMLStartAttributes(attributes, count: count))
}

private let endElement: endElementNsSAX2Func = { context, _, _, _ in
  scanner(context)?.end()
}

private let characters: charactersSAXFunc = { context, text, count in
  guard let text, count > 0 else { return }
  scanner(context)?.text(UnsafeBufferPointer(start: text, count: Int(count)))
}

private let documentType: internalSubsetSAXFunc = { context, _, _, _ in
  scanner(context)?.refuseDocumentType()
}
