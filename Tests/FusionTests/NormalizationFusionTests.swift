import Fusion
import GraphIR
import Operations
import Rewriting
import TestSupport
import Testing

/// Layer and RMS normalisation in the spellings that exporters have, and what only looks like them.
@Suite struct NormalizationFusionTests {
  private func text(_ body: String, shape: String = "f32[n, s, 4]") -> String {
    """
    graph {
      %x = Parameter "x" : \(shape)
      %axis = Constant : i64[1] = [-1]
      %two = Constant : f32[] = 2.0
      %e = Constant : f32[] = 0.0009765625
      %g = Constant : f32[4] = [1.0, 2.0, 3.0, 4.0]
      %b = Constant : f32[4] = [4.0, 3.0, 2.0, 1.0]
      \(body)
      return "y" %y
    }
    """
  }

  private let distance = "%m = ReduceMean (%x, %axis) %d = Sub (%x, %m)"
  private let epsilon = "epsilon = 0.0009765625"

  @Test(arguments: [
    "%p = Pow (%d, %two) %v = ReduceMean (%p, %axis) %a = Add (%v, %e) %r = Sqrt (%a) %n = Div (%d, %r)",
    "%p = Mul (%d, %d) %v = ReduceMean (%p, %axis) %a = Add (%e, %v) %r = Sqrt (%a) %i = Reciprocal (%r) %n = Mul (%i, %d)",
    """
    %p = Mul (%d, %d) %v = ReduceMean (%p, %axis) %a = Add (%v, %e) %h = Constant : f32[] = -0.5 %i = Pow (%a, %h)
    %n = Mul (%d, %i)
    """,
    // Keras subtracts the mean twice.
    """
    %d2 = Sub (%x, %m) %p = Mul (%d2, %d2) %v = ReduceMean (%p, %axis) %a = Add (%v, %e) %r = Sqrt (%a)
    %n = Div (%d, %r)
    """,
  ])
  func layerNormalization(_ body: String) throws {
    let layer = "LayerNormalization {\(epsilon)}"
    for (rest, fused) in [
      ("%q = Mul (%n, %g) %y = Add (%q, %b)", "%y:1 = \(layer) (%x, %g, %b)"),
      ("%q = Mul (%g, %n) %y = Add (%b, %q)", "%y:1 = \(layer) (%x, %g, %b)"),
      ("%y = Mul (%n, %g)", "%y:1 = \(layer) (%x, %g)"),
      ("%y = Add (%n, %b)", "%o = Constant : f32[4] = 1.0 %y:1 = \(layer) (%x, %o, %b)"),
      ("%y = Identity (%n)", "%o = Constant : f32[4] = 1.0 %z:1 = \(layer) (%x, %o) %y = Identity (%z)"),
    ] {
      let log = try expectRewrite(
        LayerNormalizationFusionPass(), text("\(distance) \(body) \(rest)"), to: text(fused))
      #expect(log.decisions.map(\.verdict) == [.fused])
    }
  }

  @Test func oneWithoutScaleTakesInWhatFollows() throws {
    let plain = "%o = Constant : f32[4] = 1.0 %n:1 = LayerNormalization {\(epsilon)} (%x, %o)"
    try expectRewrite(
      LayerNormalizationFusionPass(), text("\(plain) %q = Mul (%n, %g) %y = Add (%q, %b)"),
      to: text("%y:1 = LayerNormalization {\(epsilon)} (%x, %g, %b)"))
    // What is added is no bias: the residual is as large as x.
    let log = try expectRewrite(
      LayerNormalizationFusionPass(), text("\(plain) %q = Mul (%n, %g) %y = Add (%q, %x)"),
      to: text("%q:1 = LayerNormalization {\(epsilon)} (%x, %g) %y = Add (%q, %x)"))
    #expect(log.decisions.map(\.verdict) == [.fused])
  }

  @Test func whatOnlyLooksLikeLayerNormalization() throws {
    let rest = "%v = ReduceMean (%p, %axis) %a = Add (%v, %e) %r = Sqrt (%a) %y = Div (%d, %r)"
    let cases = [
      // A cube; the mean over the wrong axis; a variance over another axis than the mean.
      ("\(distance) %three = Constant : f32[] = 3.0 %p = Pow (%d, %three) \(rest)", ["other-constant"]),
      (
        "%o = Constant : i64[1] = [1] %m = ReduceMean (%x, %o) %d = Sub (%x, %m) %p = Mul (%d, %d) \(rest)",
        ["other-axes"]
      ),
      ("\(distance) %p = Mul (%d, %d) \(rest.replacing("%axis", with: "%first"))", ["other-axes"]),
      // The deviation is read by others; so is the distance.
      ("\(distance) %p = Mul (%d, %d) \(rest) return \"deviation\" %r", ["used-elsewhere"]),
      ("\(distance) %p = Mul (%d, %d) \(rest) return \"distance\" %d", ["used-elsewhere"]),
    ]
    for (body, codes) in cases {
      let text = text("%first = Constant : i64[1] = [0] \(body)")
      let log = try expectNoRewrite(LayerNormalizationFusionPass(), text)
      #expect(log.decisions.compactMap(\.reason?.code) == codes, "\(body)")
      #expect(log.decisions.allSatisfy { $0.verdict == .declined })
    }
  }

  @Test func severalAxes() throws {
    let both = "%both = Constant : i64[2] = [1, 2]"
    let body = """
      %m = ReduceMean (%x, %both) %d = Sub (%x, %m) %p = Mul (%d, %d) %v = ReduceMean (%p, %both) %a = Add (%v, %e)
      %r = Sqrt (%a) %y = Div (%d, %r)
      """
    try expectRewrite(
      LayerNormalizationFusionPass(), text("\(both) \(body)", shape: "f32[n, 3, 4]"),
      to: text(
        "%o = Constant : f32[3, 4] = 1.0 %y:1 = LayerNormalization {axis = -2, \(epsilon)} (%x, %o)",
        shape: "f32[n, 3, 4]"))
  }

  @Test(arguments: [
    "%p = Pow (%x, %two) %m = ReduceMean (%p, %axis) %a = Add (%m, %e) %r = Sqrt (%a) %n = Div (%x, %r)",
    "%p = Mul (%x, %x) %m = ReduceMean (%p, %axis) %a = Add (%e, %m) %r = Sqrt (%a) %i = Reciprocal (%r) %n = Mul (%i, %x)",
    """
    %p = Pow (%x, %two) %m = ReduceMean (%p, %axis) %a = Add (%m, %e) %r = Sqrt (%a) %one = Constant : f32[] = 1.0
    %i = Div (%one, %r) %n = Mul (%x, %i)
    """,
  ])
  func rmsNormalization(_ body: String) throws {
    let fused = "RMSNormalization {\(epsilon)}"
    for (rest, result) in [
      ("%y = Mul (%n, %g)", "%y = \(fused) (%x, %g)"), ("%y = Mul (%g, %n)", "%y = \(fused) (%x, %g)"),
      ("%c = Cast {to = f32} (%n) %y = Mul (%g, %c)", "%y = \(fused) (%x, %g)"),
      ("%y = Identity (%n)", "%o = Constant : f32[4] = 1.0 %z = \(fused) (%x, %o) %y = Identity (%z)"),
      ("%y = Mul (%n, %x)", "%o = Constant : f32[4] = 1.0 %z = \(fused) (%x, %o) %y = Mul (%z, %x)"),
    ] {
      let log = try expectRewrite(RMSNormalizationFusionPass(), text("\(body) \(rest)"), to: text(result))
      #expect(log.decisions.map(\.verdict) == [.fused])
    }
  }

  @Test func castsAroundTheQuotientGo() throws {
    func text(_ body: String) -> String {
      """
      graph {
        %x = Parameter "x" : f16[n, 4]
        %axis = Constant : i64[1] = [-1]
        %two = Constant : f32[] = 2.0
        %e = Constant : f32[] = 0.0009765625
        %g = Constant : f16[4] = [1.0, 2.0, 3.0, 4.0]
        %w = Cast {to = f32} (%x)
        \(body)
        return "y" %y
        return "wide" %w
      }
      """
    }
    try expectRewrite(
      RMSNormalizationFusionPass(),
      text(
        """
        %p = Pow (%w, %two) %m = ReduceMean (%p, %axis) %a = Add (%m, %e) %r = Sqrt (%a) %n = Div (%w, %r)
        %c = Cast {to = f16} (%n) %y = Mul (%g, %c)
        """), to: text("%y = RMSNormalization {epsilon = 0.0009765625} (%x, %g)"))
  }

  @Test func whatOnlyLooksLikeRMSNormalization() throws {
    let rest = "%a = Add (%m, %e) %r = Sqrt (%a) %y = Div (%x, %r)"
    for (body, codes) in [
      (
        "%p = Pow (%x, %two) %m = ReduceMean {keepdims = false} (%p, %axis) %k = Unsqueeze (%m, %axis) \(rest.replacing("%m", with: "%k"))",
        [String]()
      ),
      ("%o = Constant : i64[1] = [1] %p = Pow (%x, %two) %m = ReduceMean (%p, %o) \(rest)", ["other-axes"]),
      ("%p = Pow (%x, %two) %m = ReduceSum (%p, %axis) \(rest)", []),
      ("%p = Pow (%x, %two) %m = ReduceMean (%p, %axis) \(rest) return \"mean\" %m", ["used-elsewhere"]),
    ] {
      let log = try expectNoRewrite(RMSNormalizationFusionPass(), text(body))
      #expect(log.decisions.compactMap(\.reason?.code) == codes, "\(body)")
    }
  }
}
