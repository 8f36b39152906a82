import GraphIR

/// Every operation of the canonical set: a new one is listed here, and known everywhere.
public enum StandardOperations {
  public static let all: [any GraphOperation.Type] = [
    FlashAttention.self,
    Softmax.self,
  ]

  public static let registry = OperationRegistry(all)
}
