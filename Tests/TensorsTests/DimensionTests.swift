import Tensors
import TestSupport
import Testing

@Suite struct DimensionTests {
  private let a = Dimension(symbol: "a")
  private let b = Dimension(symbol: "b")
  private let c = Dimension(symbol: "c")

  @Test func equalPolynomialsAreEqual() {
    #expect((a + b) * (a - b) == a * a - b * b)
    #expect((a + 1) * (a + 1) == a * a + 2 * a + 1)
    #expect(a * b * c == c * a * b)
    #expect(a - a == 0)
    #expect(0 * a == 0)
    #expect(a != b)
    #expect(Dimension.apply(.maximum, [a, b]) == Dimension.apply(.maximum, [b, a]))
    #expect(Dimension.apply(.maximum, [a, Dimension.apply(.maximum, [b, a])]) == Dimension.apply(.maximum, [a, b]))
  }

  @Test func dividesExactlyOrNotAtAll() {
    #expect((a * a - b * b).dividedExactly(by: a + b) == a - b)
    #expect((12 * a * b + 8 * a).dividedExactly(by: 4 * a) == 3 * b + 2)
    #expect((a * b).dividedExactly(by: c) == nil)
    #expect((2 * a + 1).dividedExactly(by: 2) == nil)
    #expect(a.dividedExactly(by: 0) == nil)
    #expect(Dimension(7).dividedExactly(by: 2) == nil)
    #expect(Dimension.floorDivision(-7, 2) == -4)
    #expect(Dimension.ceilingDivision(7, 2) == 4)
    #expect(Dimension.floorDivision(a * 2, a) == 2)
    #expect(Dimension.floorDivision(a, 2).description == "floordiv(a, 2)")
  }

  @Test func aMaximumOfManyIsUnknown() {
    let many = (0..<300).map { Dimension(symbol: "n\($0)") }
    let few = many.prefix(20).dropFirst().reduce(many[0]) { Dimension.maximum($0, $1) }
    #expect(!few.isUnknown && few == Dimension.apply(.maximum, Array(many.prefix(20))))
    #expect(many.dropFirst().reduce(many[0]) { Dimension.broadcast($0, $1) ?? 0 }.isUnknown)
    #expect(many.dropFirst().reduce(many[0]) { Dimension.minimum($0, $1) }.isUnknown)
  }

  @Test func broadcastsByTheRulesOfNumPy() {
    #expect(Dimension.broadcast(a, 1) == a)
    #expect(Dimension.broadcast(1, 8) == 8)
    #expect(Dimension.broadcast(a, 8) == 8)
    #expect(Dimension.broadcast(3, 8) == nil)
    #expect(Dimension.broadcast(a, b) == Dimension.apply(.maximum, [a, b]))
    let (c, d) = (Dimension(symbol: "c"), Dimension(symbol: "d"))
    let three = Dimension.apply(.maximum, [a, b, c])
    #expect(Dimension.broadcast(three, Dimension.apply(.maximum, [b, c])) == three)
    #expect(Dimension.broadcast(Dimension.apply(.maximum, [b, c]), three) == three)
    #expect(Dimension.broadcast(three, d) == Dimension.apply(.maximum, [a, b, c, d]))
    #expect(Dimension.broadcast(a, Dimension.apply(.maximum, [1, a])) == a)
    #expect(Dimension.broadcast(Dimension.apply(.maximum, [1, a]), a) == a)
    #expect(Dimension.broadcast(a, .unknown) == .unknown)
  }

  @Test func whatIsComputedFromTheUnknownIsUnknown() {
    // Otherwise two sizes of which nothing is known would be equal, or their difference 0.
    #expect((Dimension.unknown - .unknown).isUnknown)
    #expect((2 * Dimension.unknown).isUnknown)
    #expect(Dimension.floorDivision(.unknown, .unknown).isUnknown)
    #expect(Dimension.apply(.maximum, [a, .unknown]).isUnknown)
    #expect(Dimension.unknown * 0 == 0)
  }

  @Test func overflowIsNoNumber() {
    let large = Dimension(Int.max)
    #expect((large + 1).isUnrepresentable)
    #expect((large * 2).isUnrepresentable)
    #expect((large * a + large * a).isUnrepresentable)
    #expect((large * 2 - large * 2).isUnrepresentable)
    #expect((large * 2 + .unknown).isUnrepresentable)
    #expect(Dimension.floorDivision(1, 0).isUnrepresentable)
    #expect(Dimension.floorDivision(Dimension(Int.min), -1).isUnrepresentable)
    #expect((a * 4).evaluate(["a": Int.max / 2]) == nil)
    #expect(a.evaluate([:]) == nil)
  }

  @Test func whatExplodesBecomesUnknown() {
    var power = a
    for _ in 0..<64 { power = power * power }
    #expect(power.isUnknown)
    var nested = a
    for _ in 0..<64 { nested = Dimension.apply(.maximum, [nested + 1, nested * 2]) }
    #expect(nested.isUnknown)
    let sum = (0..<200).reduce(a) { $0 + Dimension(symbol: "s\($1)") }
    #expect(sum.isUnknown)
  }

  @Test(arguments: [
    ("8", "8"), ("-3", "-3"), ("batch", "batch"), ("2*seq+1", "2*seq + 1"), ("1 + seq*2", "2*seq + 1"),
    ("(a + b)*(a - b)", "a*a - b*b"), ("-a", "-a"), ("max(b, a)", "max(a, b)"), ("max(a, b, 3)", "max(3, a, b)"),
    ("floordiv(a + 1, 2)*4", "4*floordiv(a + 1, 2)"), ("mod(7, 4)", "3"), ("`a b`", "`a b`"), ("`max`", "`max`"),
    ("`1st`*2", "2*`1st`"), ("?", "?"), ("Größe", "Größe"), ("``", "``"), ("x.1", "x.1"),
  ])
  func parsesWhatItPrints(_ text: String, _ printed: String) throws {
    let dimension = try #require(Dimension(parsing: text))
    #expect(dimension.description == printed)
    #expect(Dimension(parsing: printed) == dimension)
  }

  @Test(arguments: ["a`b", "`", "\\", "a\\b`", "two\nlines", "\u{1}", "]", "a, b", "\u{301}x", " "])
  func anySymbolComesBack(_ name: String) {
    let dimension = 2 * Dimension(symbol: name) + 1
    #expect(Dimension(parsing: dimension.description) == dimension)
    #expect(!dimension.description.contains("\n"))
  }

  @Test(arguments: [
    "", "+", "a +", "a b", "2a", "99999999999999999999", "max(a)", "floordiv(a, b, c)", "(a", "a)", "`a", "`a\\",
    "`a\\z.`", "1.5", "a**b",
  ])
  func refusesWhatIsNoSize(_ text: String) { #expect(Dimension(parsing: text) == nil) }

  @Test func nestingIsLimited() {
    #expect(Dimension(parsing: String(repeating: "(", count: 100_000)) == nil)
    #expect(Dimension(parsing: String(repeating: "max(", count: 100_000)) == nil)
    let power = String(repeating: "a*", count: 100_000) + "a"
    #expect(Dimension(parsing: power)?.isUnknown == true)
  }

  /// Random expressions: arithmetic on them agrees with arithmetic on numbers, and their text comes back.
  @Test func algebraAgreesWithNumbers() throws {
    var generator = SplitMix64(seed: 42)
    let symbols = ["a", "b", "seq len", "n"]
    for _ in 0..<300 {
      let bindings = Dictionary(uniqueKeysWithValues: symbols.map { ($0, Int.random(in: 0...9, using: &generator)) })
      let (left, leftValue) = expression(2, bindings, &generator)
      let (right, rightValue) = expression(2, bindings, &generator)
      #expect(left.evaluate(bindings) == leftValue)
      #expect((left + right).evaluate(bindings) == leftValue + rightValue)
      #expect((left - right).evaluate(bindings) == leftValue - rightValue)
      #expect((left * right).evaluate(bindings) == leftValue * rightValue)
      #expect(left + right == right + left && left * right == right * left)
      #expect(left * (right + 1) == left * right + left)
      #expect(Dimension(parsing: left.description) == left)
      if right != 0 { #expect((left * right).dividedExactly(by: right) == left, "(\(left)) * (\(right))") }
      if let quotient = left.dividedExactly(by: right) { #expect(quotient * right == left) }
    }
  }

  private func expression(
    _ depth: Int, _ bindings: [String: Int], _ generator: inout SplitMix64
  ) -> (Dimension, Int) {
    if depth == 0 {
      guard Bool.random(using: &generator),
        let (name, value) = bindings.sorted(by: { $0.key < $1.key }).randomElement(using: &generator)
      else {
        let number = Int.random(in: -4...9, using: &generator)
        return (Dimension(number), number)
      }
      return (Dimension(symbol: name), value)
    }
    let (left, a) = expression(depth - 1, bindings, &generator)
    let (right, b) = expression(depth - 1, bindings, &generator)
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: return (left + right, a + b)
    case 1: return (left - right, a - b)
    case 2: return (left * right, a * b)
    case 3: return (Dimension.apply(.maximum, [left, right]), max(a, b))
    default: return (Dimension.apply(.minimum, [left, right]), min(a, b))
    }
  }
}
