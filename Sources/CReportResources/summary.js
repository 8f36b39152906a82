/** The answer at the top, the table of decisions and the table of operations. */
const Summary = (() => {
  function bar(name, value, largest, text) {
    const width = largest > 0 ? Math.max(100 * value / largest, 0.5) : 0;
    return make("div", { class: `bar ${name}` }, make("span", { class: "name" }, name === "fused" ? "after" : "before"),
      make("div", { class: "track" }, make("div", { class: "fill", style: `width: ${width}%` })), make("span", { class: "value" }, text));
  }

  function change(before, after) {
    if (!(before > 0) || !(after > 0)) return "";
    const ratio = before / after;
    if (ratio >= 2) return `${Format.significant(ratio)} × less`;
    const percent = Math.round(100 * (after / before - 1));
    return percent === 0 ? "unchanged" : `${Math.abs(percent)} % ${percent < 0 ? "less" : "more"}`;
  }

  function figure(title, before, after, format, words = change(before, after)) {
    const largest = Math.max(before, after);
    return make("div", { class: `figure ${after < before * 0.995 ? "better" : ""}` }, make("h3", {}, title),
      make("p", { class: "change" }, words), bar("native", before, largest, format(before)), bar("fused", after, largest, format(after)));
  }

  function speedup(before, after) {
    const ratio = before / after;
    return ratio >= 1.005 ? `${Format.significant(ratio)} × faster` : ratio > 0.995 ? "unchanged" : `${Format.significant(1 / ratio)} × slower`;
  }

  function figures(report) {
    const profile = report.profile;
    if (profile) {
      const [native, fused] = [profile.native, profile.fused];
      return [
        figure("Time of a run", native.seconds, fused.seconds, Format.seconds, speedup(native.seconds, fused.seconds)),
        figure("Memory for values, at its peak", native.activationBytes, fused.activationBytes, Format.bytes),
        figure("Time in attention", native.attention.seconds, fused.attention.seconds, Format.seconds),
        figure("Bytes moved, by the model", native.bytesMoved, fused.bytesMoved, Format.bytes),
      ];
    }
    const costs = report.decisions.map(decision => decision.cost).filter(cost => cost?.bytes_unfused != null);
    const sum = key => costs.reduce((total, cost) => total + cost[key], 0);
    const attentions = report.decisions.filter(decision => decision.attention || (decision.pass === report.attentionPass && decision.verdict === "declined"));
    const unfused = attentions.filter(decision => decision.verdict === "declined").length;
    const before = attentions.filter(decision => decision.verdict !== "already-fused").length;
    const result = [];
    if (before) {
      result.push(figure("Attentions that write out their scores", before, unfused, String, unfused ? `${unfused} left` : "none left"));
    }
    const [nodesBefore, nodesAfter] = [report.before.nodes.length, report.after.nodes.length];
    if (nodesAfter < nodesBefore) result.push(figure("Nodes that run", nodesBefore, nodesAfter, String));
    if (costs.length) result.unshift(figure("Bytes that attention moves, by the model", sum("bytes_unfused"), sum("bytes_fused"), Format.bytes));
    return result;
  }

  function lead(report) {
    const profile = report.profile;
    if (!profile) {
      const isOpen = report.decisions.some(decision => decision.pass === report.attentionPass && decision.verdict === "fused" && decision.cost?.bytes_unfused == null);
      return isOpen ? ["The model leaves sizes open: ", make("code", {}, "flashfuse profile"), " runs it and measures what fusion saves."] : [];
    }
    const largest = Math.max(...profile.outputs.map(output => Number(output.relativeError)));
    const native = profile.native.attention.share, fused = profile.fused.attention.share;
    return [
      "Attention took ", make("strong", {}, Format.percent(native)), " of the run and takes ", make("strong", {}, Format.percent(fused)),
      ` fused. Outputs differ by ${Format.error(largest)} of their magnitude at most. Measured on ${Format.count(profile.threads, "thread")} (${profile.instructionSet}), `,
      `whose peak is ${Format.significant(profile.peakOperationsPerSecond * 1e-9)} GFLOP/s.`,
    ];
  }

  const verdicts = ["declined", "fused", "already-fused", "not-attention"];

  /** The decisions of which the same is to be said, those about attention first, and of these what can be acted on; each with its place in the report. */
  function groups(report, isShown) {
    const found = new Map();
    report.decisions.forEach((decision, index) => {
      if (!isShown(decision)) return;
      const { anchor, nodes, result, reason, ...same } = decision;
      const { node, nearest, ...words } = reason ?? {};
      const key = JSON.stringify([same, words, nearest?.map(step => step.kind), nodes.length]);
      if (!found.has(key)) found.set(key, []);
      found.get(key).push({ decision, index });
    });
    const rank = ([{ decision }]) => verdicts.indexOf(decision.verdict) + (decision.pass === report.attentionPass ? 0 : verdicts.length);
    return [...found.values()].sort((a, b) => rank(a) - rank(b));
  }

  const mostPlaces = 6;

  /** Links to places; where there are many, most are folded. */
  function places(group, onChosen) {
    const links = group.map(({ decision, index }) => make("li", {},
      make("button", { class: "link", title: "Show in the graph", onclick: () => onChosen(index) }, breakable(decision.anchor))));
    if (links.length <= mostPlaces) return make("ul", { class: "places" }, links);
    const shown = links.splice(0, mostPlaces - 2);
    return [make("ul", { class: "places" }, shown),
      make("details", {}, make("summary", {}, `and ${links.length} more`), make("ul", { class: "places" }, links))];
  }

  /** `onChosen` is called with the place of a decision. */
  function decisions(report, table, filters, onChosen) {
    const isAttention = decision => decision.pass === report.attentionPass;
    const kinds = [
      ["all", () => true],
      ...verdicts.map(verdict => [verdict, decision => isAttention(decision) && decision.verdict === verdict]),
      ["other fusions", decision => !isAttention(decision)],
    ];
    let shown = "all";
    function update() {
      const rows = groups(report, kinds.find(([name]) => name === shown)[1]).map(group => make("tr", {},
        make("td", { class: "anchor" }, places(group, onChosen)),
        make("td", { class: "verdict" }, Details.verdictBadge(group[0].decision.verdict), group.length > 1 ? ` ${group.length} ×` : ""),
        make("td", {}, what(group[0].decision))));
      const head = make("thead", {}, make("tr", {}, ["Place", "Verdict", "What and why"].map(title => make("th", {}, title))));
      table.replaceChildren(rows.length ? make("table", {}, head, make("tbody", {}, rows)) : make("p", { class: "hint" }, "Nothing to decide: there is no softmax in this model."));
      filters.replaceChildren(...kinds.flatMap(([name, isShown]) => {
        const count = report.decisions.filter(isShown).length;
        if (!count) return [];
        const choose = () => { shown = name; update(); };
        return [make("button", { "aria-pressed": String(shown === name), onclick: choose }, `${name} ${count}`)];
      }));
    }
    update();
  }

  function what(decision) {
    if (decision.reason) {
      return [
        make("p", {}, make("b", {}, decision.reason.code), `: ${decision.reason.message}`),
        decision.reason.nearest ? Details.nearest(decision.reason) : "",
        decision.reason.hint ? make("p", { class: "muted" }, decision.reason.hint) : "",
      ];
    }
    const attention = decision.attention;
    if (!attention) return [make("p", {}, `${decision.pass} replaced ${Format.count(decision.nodes.length, "node")}`)];
    const parts = [`query [${(attention.query ?? ["?"]).join(", ")}]`, `${attention.heads} heads`];
    if (attention.kv_heads !== attention.heads) parts.push(`${attention.kv_heads} of keys`);
    if (attention.scale !== null) parts.push(`scale ${+Number(attention.scale).toPrecision(4)}`);
    if (attention.mask !== "none") parts.push(`${attention.mask} mask`);
    if (attention.causal !== "none") parts.push(`causal ${attention.causal}`);
    const cost = decision.cost;
    return [
      make("p", {}, parts.join("; ")),
      cost?.bytes_unfused != null
        ? make("p", { class: "muted" }, `moves ${Format.bytes(cost.bytes_fused)} instead of ${Format.bytes(cost.bytes_unfused)}`) : "",
    ];
  }

  function operations(profile, element) {
    const native = new Map(profile.native.kinds.map(kind => [kind.name, kind]));
    const fused = new Map(profile.fused.kinds.map(kind => [kind.name, kind]));
    const longest = name => Math.max(native.get(name)?.seconds ?? 0, fused.get(name)?.seconds ?? 0);
    const names = [...new Set([...native.keys(), ...fused.keys()])].sort((a, b) => longest(b) - longest(a));
    const cell = (kind, text, style = "number") => make("td", { class: style }, kind ? text(kind) : "–");
    const steps = kind => make("td", { class: "number steps" }, kind ? String(kind.count) : "–");
    const speed = kind => kind.operations ? Format.speed(kind.operations / kind.seconds) : "–";
    const titles = [["Operation"], ["Before", "number"], ["Steps", "number steps"], ["After", "number"], ["Steps", "number steps"], ["Speed after", "number steps"]];
    element.replaceChildren(make("table", {},
      make("thead", {}, make("tr", {}, titles.map(([title, style]) => make("th", { class: style }, title)))),
      make("tbody", {}, names.map(name => make("tr", {}, make("td", {}, breakable(name)),
        cell(native.get(name), kind => Format.seconds(kind.seconds)), steps(native.get(name)),
        cell(fused.get(name), kind => Format.seconds(kind.seconds)), steps(fused.get(name)),
        cell(fused.get(name), speed, "number steps"))))));
  }

  return { figures, lead, decisions, operations };
})();
