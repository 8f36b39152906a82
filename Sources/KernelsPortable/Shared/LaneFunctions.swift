/// What an instruction of an elementwise program does to one vector.
///
/// Types instead of closures: these are always inlined, where a closure that is called in several places becomes a function.
protocol LaneFunction {
  static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes
}

enum SumOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { a + b }
}

enum DifferenceOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { a - b }
}

enum ProductOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { a * b }
}

enum QuotientOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { a / b }
}

enum LargerLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes {
    b.replacing(with: a, where: (a .> b) .| (a .!= a))
  }
}

enum SmallerLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes {
    b.replacing(with: a, where: (a .< b) .| (a .!= a))
  }
}

enum NegatedLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { -a }
}

enum MagnitudesOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { absolute(a) }
}

enum ReciprocalsOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { Lanes(repeating: 1) / a }
}

enum SquareRootsOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { a.squareRoot() }
}

enum ExponentialsOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { exponential(a) }
}

enum ErrorFunctionsOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { errorFunction(a) }
}

enum HyperbolicTangentsOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { hyperbolicTangent(a) }
}

enum SigmoidsOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { sigmoid(a) }
}

enum SwishOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { a * sigmoid(a * parameter) }
}

enum GeluOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { gelu(a) }
}

enum TanhGeluOfLanes: LaneFunction {
  @inline(__always) static func of(_ a: Lanes, _ b: Lanes, _ parameter: Lanes) -> Lanes { tanhGelu(a) }
}
