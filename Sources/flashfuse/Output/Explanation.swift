import Rewriting
import Tensors

/// The decisions of a log in words and as a table.
struct Explanation {
  let log: FusionLog

  private static let attentionPass = "FlashAttentionFusionPass"

  private var attention: [FusionDecision] { log.decisions.filter { $0.pass == Self.attentionPass } }

  private func count(_ verdict: FusionDecision.Verdict) -> Int { attention.count { $0.verdict == verdict } }

  /// One sentence: `10 of 12 attentions fused; 2 declined: scores-used-elsewhere (2)`.
  var headline: String {
    if log.switchedOff.contains(Self.attentionPass) { return "\(Self.attentionPass) is switched off" }
    let (fused, declined, already) = (count(.fused), count(.declined), count(.alreadyFused))
    let total = fused + declined + already
    var parts: [String] = []
    if total == 0 {
      parts.append("no attention found")
    } else if fused == 0 && declined == 0 {
      parts.append("\(Figures.count(already, "attention")), fused already")
    } else {
      parts.append("\(fused) of \(Figures.count(total, "attention")) fused")
      if already > 0 { parts.append("\(already) fused already") }
    }
    if declined > 0 {
      var codes: [(code: String, count: Int)] = []
      for decision in attention where decision.verdict == .declined {
        let code = decision.reason?.code ?? "no reason given"
        if let index = codes.firstIndex(where: { $0.code == code }) {
          codes[index].count += 1
        } else {
          codes.append((code, 1))
        }
      }
      let reasons = codes.map { declined > 1 ? "\($0.code) (\($0.count))" : $0.code }
      parts.append("\(declined) declined: \(reasons.joined(separator: ", "))")
    }
    let others = count(.notAttention)
    if others > 0 { parts.append("\(Figures.count(others, "softmax", plural: "softmaxes")) without attention") }
    return parts.joined(separator: "; ")
  }

  /// One row for every decision.
  var table: String {
    var table = TextTable([
      .init(title: "Softmax", width: 31), .init(title: "Verdict", width: 13, style: Self.style),
      .init(title: "What and why", width: 32),
    ])
    for decision in log.decisions {
      table.add([decision.anchor, decision.verdict.rawValue, Self.detail(decision)])
    }
    return table.text
  }

  private static func style(_ verdict: String) -> TerminalStyle? {
    switch FusionDecision.Verdict(rawValue: verdict) {
    case .fused, .alreadyFused: .green
    case .declined: .yellow
    case .notAttention: .dim
    case nil: nil
    }
  }

  private static func detail(_ decision: FusionDecision) -> String {
    var parts: [String] = []
    if let reason = decision.reason {
      parts.append("\(reason.code): \(reason.message)")
      if let node = reason.node, node != decision.anchor { parts.append("at \(node)") }
      if let hint = reason.hint { parts.append(hint) }
    }
    if let attention = decision.attention { parts += words(attention) }
    if !decision.assumptions.isEmpty { parts.append("assuming \(decision.assumptions.joined(separator: ", "))") }
    if let cost = decision.cost, let before = cost.bytesUnfused, let after = cost.bytesFused {
      parts.append("moves \(Figures.bytes(after)) instead of \(Figures.bytes(before))")
    }
    return parts.joined(separator: "; ")
  }

  private static func words(_ attention: AttentionSummary) -> [String] {
    var parts = ["query \(attention.query)"]
    if attention.key != attention.query { parts.append("key \(attention.key)") }
    if attention.value != attention.key { parts.append("value \(attention.value)") }
    let heads = attention.heads == attention.keyHeads ? "" : " sharing \(attention.keyHeads)"
    parts.append(attention.heads.constant == 1 ? "1 head" : "\(attention.heads) heads\(heads)")
    parts.append(attention.scale.map { "scale \(Figures.number($0))" } ?? "scale computed")
    if attention.causal != "none" { parts.append("causal \(attention.causal)") }
    if attention.mask != "none" { parts.append("\(attention.mask) mask") }
    if let softcap = attention.softcap { parts.append("softcap \(Figures.number(softcap))") }
    if let window = attention.window {
      let limits = window.map { $0.map(String.init) ?? "any" }.joined(separator: " before, ")
      parts.append("window \(limits) after")
    }
    if attention.sinks { parts.append("sinks") }
    return parts
  }
}
