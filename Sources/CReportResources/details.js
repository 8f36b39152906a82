/** The panel that tells all that is known of what was clicked. */
const Details = (() => {
  function list(entries) {
    const rows = entries.filter(([, value]) => value !== undefined && value !== null && value !== "");
    return make("dl", {}, rows.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  }

  function verdictBadge(verdict) { return make("span", { class: `badge ${verdict}` }, verdict); }

  function shape(dimensions) { return dimensions ? `[${dimensions.join(", ")}]` : "of unknown rank"; }

  /** The nodes that were followed, with the one at which matching stopped. */
  function nearest(reason) {
    const steps = reason.nearest.flatMap((step, index) => [
      index ? " → " : "", make(step.node === reason.node ? "mark" : "span", { title: step.node }, step.kind),
    ]);
    return make("p", { class: "nearest" }, make("span", { class: "muted" }, "nearest: "), steps);
  }

  /** A decision in full. */
  function decisionText(decision) {
    const parts = [make("p", {}, verdictBadge(decision.verdict), " ", make("span", { class: "muted" }, decision.pass))];
    const reason = decision.reason;
    if (reason) {
      parts.push(make("p", {}, make("b", {}, reason.code), `: ${reason.message}`));
      if (reason.nearest) parts.push(nearest(reason));
      if (reason.node) parts.push(make("p", { class: "muted" }, "at ", make("code", {}, breakable(reason.node))));
      if (reason.hint) parts.push(make("p", {}, reason.hint));
    }
    const attention = decision.attention;
    if (attention) {
      parts.push(list([
        ["Query", shape(attention.query)], ["Key", shape(attention.key)], ["Value", shape(attention.value)],
        ["Heads", attention.heads === attention.kv_heads ? String(attention.heads) : `${attention.heads}, keys ${attention.kv_heads}`],
        ["Scale", attention.scale === null ? "computed" : String(+Number(attention.scale).toPrecision(6))],
        ["Mask", attention.mask], ["Causal", attention.causal],
        ["Soft cap", attention.softcap === null ? "" : String(attention.softcap)],
        ["Window", attention.window ? attention.window.map(size => size ?? "any").join(" before, ") + " after" : ""],
        ["Sinks", attention.sinks ? "yes" : ""],
      ]));
    }
    const cost = decision.cost;
    if (cost?.bytes_unfused != null) {
      parts.push(make("p", {}, `moves ${Format.bytes(cost.bytes_fused)} instead of ${Format.bytes(cost.bytes_unfused)}`));
    }
    for (const assumption of decision.assumptions ?? []) parts.push(make("p", { class: "muted" }, `assumes: ${assumption}`));
    return parts;
  }

  /** The step of a run that a node was. */
  function stepText(timeline, node, peak) {
    const step = timeline ? timeline.members.findIndex(members => members.includes(node)) : -1;
    if (step < 0) return [];
    const together = timeline.members[step].length > 1 ? make("p", { class: "muted" }, `computed together: ${timeline.kinds[step]}`) : "";
    return [make("h4", {}, "In the run"), together, list(stepEntries(timeline, step, peak))];
  }

  function stepEntries(timeline, step, peak) {
    const seconds = timeline.durations[step] * 1e-6;
    const speed = seconds > 0 ? timeline.operations[step] / seconds : 0;
    return [
      ["Time", `${Format.seconds(seconds)}, ${Format.percent(seconds / timeline.seconds)} of the run`],
      ["Result", timeline.types[step]],
      ["Work", timeline.operations[step] ? Format.operations(timeline.operations[step]) : ""],
      ["Speed", speed ? `${Format.speed(speed)}, ${Format.percent(speed / peak)} of peak` : ""],
      ["Bytes moved", timeline.bytes[step] ? Format.bytes(timeline.bytes[step]) : ""],
      ["Values alive", Format.bytes(timeline.liveBytes[step])],
    ];
  }

  class Panel {
    constructor(element, report) {
      this.element = element;
      this.report = report;
      this.empty();
    }

    empty() {
      this.element.classList.remove("open");
      this.element.replaceChildren(make("p", { class: "hint" },
        "Click a node for its attributes, shapes and decision; click a frame or a folded card to fold or unfold it. Drag or scroll to move, Ctrl and wheel or two fingers to zoom."));
    }

    show(title, ...parts) {
      const close = make("button", { class: "close", "aria-label": "Close", onclick: () => this.empty() }, "×");
      this.element.replaceChildren(close, make("h3", {}, title), ...parts.flat(Infinity).filter(part => part !== ""));
      this.element.classList.add("open");
      this.element.scrollTop = 0;
    }

    /** `view` is the drawn graph, `index` the place of the node in it. */
    node(view, index) {
      const node = view.graph.nodes[index];
      const link = target => make("button", { class: "link", onclick: () => { view.reveal(target); this.node(view, target); } },
        breakable(view.graph.nodes[target].name || view.graph.nodes[target].kind));
      const inputs = node.inputs.map(input => make("li", {}, `${input.slot}: ${input.type} `,
        input.node != null ? link(input.node) : make("span", { class: "muted" }, input.constant ?? "")));
      const readers = view.graph.nodes.flatMap((other, at) => other.inputs.some(input => input.node === index) ? [at] : []);
      const parts = [make("p", { class: "mono" }, breakable(node.name))];
      if (node.sourceKind) parts.push(make("p", { class: "muted" }, `${node.sourceKind} in the file`));
      if (node.passes.length) parts.push(make("p", { class: "muted" }, `made by ${node.passes.join(", ")}`));
      if (Object.keys(node.attributes).length) {
        parts.push(make("h4", {}, "Attributes"), list(Object.entries(node.attributes)));
      }
      if (inputs.length) parts.push(make("h4", {}, "Inputs"), make("ul", {}, inputs));
      parts.push(make("h4", {}, node.outputs.length > 1 ? "Outputs" : "Output"), make("ul", {}, node.outputs.map(type => make("li", {}, type))));
      if (readers.length) parts.push(make("h4", {}, "Read by"), make("ul", {}, readers.slice(0, 12).map(reader => make("li", {}, link(reader))),
        readers.length > 12 ? make("li", {}, `and ${readers.length - 12} more`) : ""));
      parts.push(...stepText(this.report.timelines[view.name === "before" ? 0 : 1], index, this.report.profile?.peakOperationsPerSecond));
      const decision = this.report.decisions[node.decision];
      if (decision) parts.push(make("h4", {}, "Decision"), ...decisionText(decision));
      if (node.sources.length > 1) {
        parts.push(make("h4", {}, `Stands for ${node.sources.length} nodes of the file`), make("ul", {}, node.sources.map(name => make("li", {}, breakable(name)))));
      }
      this.show(node.kind, parts);
    }

    group(view, index) {
      const group = view.graph.groups[index];
      const decision = this.report.decisions[group.decision];
      const kinds = new Map();
      for (const member of group.members) {
        const kind = view.graph.nodes[member].kind;
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }
      const counts = [...kinds].sort((a, b) => b[1] - a[1]).map(([kind, count]) => make("li", {}, `${count} × ${kind}`));
      this.show(decision ? "Attention" : `Group of ${group.members.length}`,
        decision ? [make("p", { class: "mono" }, breakable(decision.anchor)), decisionText(decision)] : [],
        make("h4", {}, Format.count(group.members.length, "node")), make("ul", {}, counts));
    }

    output(view, index) {
      const port = view.graph.outputs[index];
      this.show("Output", make("p", { class: "mono" }, port.name), make("ul", {}, make("li", {}, port.type)));
    }
  }

  return { Panel, decisionText, nearest, stepEntries, verdictBadge };
})();
