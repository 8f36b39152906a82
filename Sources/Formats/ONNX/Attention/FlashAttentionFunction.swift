/// The model-local function that stands for `FlashAttention` in files.
enum FlashAttentionFunction {
  static let domain = "flashfuse"
  static let name = "FlashAttention"

  /// Whether a node of this type is a call of one of the function's variants, each of which has a domain of its own.
  static func isOne(domain: String, name: String) -> Bool {
    name == self.name && (domain == self.domain || domain.hasPrefix(self.domain + "."))
  }
}
