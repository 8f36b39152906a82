import Tensors

extension ElementType {
  private static let onnxCodes: [(ElementType, Onnx_TensorProto.DataType)] = [
    (.float32, .float), (.float64, .double), (.float16, .float16), (.bfloat16, .bfloat16), (.int64, .int64),
    (.int32, .int32), (.int16, .int16), (.int8, .int8), (.uint64, .uint64), (.uint32, .uint32), (.uint16, .uint16),
    (.uint8, .uint8), (.bool, .bool), (.int4, .int4), (.uint4, .uint4), (.int2, .int2), (.uint2, .uint2),
    (.float4e2m1, .float4E2M1),
    (.float8e4m3, .float8E4M3Fn),
    (.float8e5m2, .float8E5M2), (.float8e8m0, .float8E8M0),
  ]

  private static let byCode = Dictionary(uniqueKeysWithValues: onnxCodes.map { ($1.rawValue, $0) })
  private static let codes = Dictionary(uniqueKeysWithValues: onnxCodes.map { ($0, $1.rawValue) })

  /// The type that ONNX numbers `code`; `unknown` where ONNX has it and flashfuse has not (strings, complex …).
  ///
  /// Throws where ONNX has no such type either.
  init(onnx code: Int) throws {
    if let known = ElementType.byCode[code] {
      self = known
    } else {
      guard code > 0, Onnx_TensorProto.DataType(rawValue: code) != nil else {
        throw ModelError.invalid("\(code) is no ONNX element type")
      }
      self = .unknown
    }
  }

  /// ONNX's number for the type.
  var onnxCode: Int {
    get throws {
      guard let code = ElementType.codes[self] else {
        throw ModelError.unsupported("ONNX can't say the element type '\(rawValue)'")
      }
      return code
    }
  }
}
