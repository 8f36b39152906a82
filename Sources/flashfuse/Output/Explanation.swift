import Rewriting
import Tensors

/// The decisions of a log in words.
struct Explanation {
  let log: FusionLog

  private static let attentionPass = "FlashAttentionFusionPass"

  private var attention: [FusionDecision] { log.decisions.filter { $0.pass == Self.attentionPass } }

  private func count(_ verdict: FusionDecision.Verdict) -> Int { attention.count { $0.verdict == verdict } }

  /// One sentence: `10 of 12 attentions fused; 2 declined: scores-used-elsewhere`.
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
    if declined > 0 { parts.append(Self.declined(attention)) }
    let others = count(.notAttention)
    if others > 0 { parts.append("\(Figures.count(others, "softmax", plural: "softmaxes")) without attention") }
    return parts.joined(separator: "; ")
  }

  /// A line for every other pass that found something: `GeluFusionPass: 12 fused; 1 declined: used-elsewhere`.
  var otherPasses: [String] {
    log.passes.map(\.name).filter { $0 != Self.attentionPass }.compactMap { pass in
      let decisions = log.decisions.filter { $0.pass == pass }
      func count(_ verdict: FusionDecision.Verdict) -> Int { decisions.count { $0.verdict == verdict } }
      var parts: [String] = []
      if count(.fused) > 0 { parts.append("\(count(.fused)) fused") }
      if count(.alreadyFused) > 0 { parts.append("\(count(.alreadyFused)) fused already") }
      if count(.declined) > 0 { parts.append(Self.declined(decisions)) }
      return parts.isEmpty ? nil : "\(pass): \(parts.joined(separator: "; "))"
    }
  }

  /// How many of `decisions` were declined, and why: `2 declined: scores-used-elsewhere (2)`.
  private static func declined(_ decisions: [FusionDecision]) -> String {
    var codes: [(code: String, count: Int)] = []
    let declined = decisions.filter { $0.verdict == .declined }
    for decision in declined {
      let code = decision.reason?.code ?? "no reason given"
      if let index = codes.firstIndex(where: { $0.code == code }) {
        codes[index].count += 1
      } else {
        codes.append((code, 1))
      }
    }
    let reasons = codes.map { declined.count > 1 ? "\($0.code) (\($0.count))" : $0.code }
    return "\(declined.count) declined: \(reasons.joined(separator: ", "))"
  }

  /// Every decision about attention, those that can be acted on first; each line ends in a line break. Places about which the same is
  /// to be said are listed together.
  var text: String {
    [.declined, .fused, .alreadyFused, .notAttention].map { verdict in
      entries(of: attention.filter { $0.verdict == verdict }).map { block(verdict, $0) }.joined()
    }.joined()
  }

  private struct Entry {
    var places: [String]
    let details: [String]
  }

  private func entries(of decisions: [FusionDecision]) -> [Entry] {
    var entries: [Entry] = []
    var indices: [[String]: Int] = [:]
    for decision in decisions {
      let details = Self.details(decision)
      if let index = indices[details] {
        entries[index].places.append(decision.anchor)
      } else {
        indices[details] = entries.count
        entries.append(Entry(places: [decision.anchor], details: details))
      }
    }
    return entries
  }

  private var verdictWidth: Int { attention.map(\.verdict.rawValue.count).max() ?? 0 }

  /// The verdict, and beside it the places and what is to be said about them.
  private func block(_ verdict: FusionDecision.Verdict, _ entry: Entry) -> String {
    let indent = verdictWidth + 2
    let width = TextTable.lineWidth - indent
    var lines: [String] = []
    for place in NumberedNames.joined(entry.places) {
      // What does not fit goes on two columns further right.
      let first = TextTable.wrap(place, width: width).first ?? ""
      let rest = TextTable.wrap(String(place.printable.dropFirst(first.count)), width: width - 2)
      lines += [TerminalStyle.bold(first)] + rest.filter { !$0.isEmpty }.map { "  " + TerminalStyle.bold($0) }
    }
    for detail in entry.details { lines += TextTable.wrap(detail, width: width) }
    let name = verdict.rawValue
    let head = (Self.style(verdict)?(name) ?? name) + String(repeating: " ", count: indent - name.count)
    let margin = String(repeating: " ", count: indent)
    return lines.enumerated().map { ($0 == 0 ? head : margin) + $1 + "\n" }.joined()
  }

  private static func style(_ verdict: FusionDecision.Verdict) -> TerminalStyle? {
    switch verdict {
    case .fused, .alreadyFused: .green
    case .declined: .yellow
    case .notAttention: .dim
    }
  }

  /// What is to be said about a decision, a line each.
  private static func details(_ decision: FusionDecision) -> [String] {
    var lines: [String] = []
    if let reason = decision.reason {
      lines.append("\(reason.code): \(reason.message)")
      if !reason.nearest.isEmpty {
        let steps = reason.nearest.map { $0.node == reason.node ? "[\($0.kind)]" : $0.kind }
        lines.append("nearest: \(steps.joined(separator: " → "))")
      }
      if let node = reason.node, node != decision.anchor { lines.append("at: \(node)") }
      if let hint = reason.hint { lines.append("hint: \(hint)") }
    }
    if let attention = decision.attention { lines.append(words(attention).joined(separator: "; ")) }
    if !decision.assumptions.isEmpty { lines.append("assuming \(decision.assumptions.joined(separator: ", "))") }
    if let remark = decision.remark { lines.append(remark) }
    if let cost = decision.cost, let before = cost.bytesUnfused, let after = cost.bytesFused {
      lines.append("moves \(Figures.bytes(after)) instead of \(Figures.bytes(before))")
    } else if let example = decision.cost?.example {
      let lengths = ["query_length", "key_length"].compactMap { example.sizes[$0].map(String.init) }
      lines.append(
        "moves \(Figures.bytes(example.bytesFused)) instead of \(Figures.bytes(example.bytesUnfused)) at batch "
          + "\(example.sizes["batch"] ?? 1) and lengths \(lengths.joined(separator: " and "))")
    }
    return lines
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
    // Lines break between parts, not inside them.
    return parts.map { $0.replacing(" ", with: TextTable.unbreakableSpace) }
  }
}
