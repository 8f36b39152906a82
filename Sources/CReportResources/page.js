/** Puts the page together. */
(() => {
  const report = JSON.parse(byId("data").textContent);
  const formats = { openvino: "OpenVINO IR", onnx: "ONNX", json: "graph JSON" };
  const isPhone = () => matchMedia("(max-width: 700px)").matches;

  byId("about").textContent = `${report.model}, ${formats[report.format] ?? report.format}`;
  byId("headline").textContent = report.headline;
  byId("lead").replaceChildren(...Summary.lead(report));
  byId("figures").replaceChildren(...Summary.figures(report));
  byId("version").textContent = `flashfuse ${report.flashfuse}`;

  const panel = new Details.Panel(byId("details"), report);
  const views = {};
  for (const [run, name, title] of [[0, "before", "Before"], [1, "after", "After"]]) {
    const timeline = report.timelines[run];
    const types = new Map((timeline?.nodes ?? []).map((node, step) => [node, timeline.types[step]]));
    views[name] = new GraphView(byId(name), report[name], report.decisions, types, title, chosen => select(views[name], chosen));
  }
  let shown = isPhone() ? "after" : "both";

  function select(view, chosen) {
    if (chosen.node !== undefined) {
      view.choose(`n${chosen.node}`);
      panel.node(view, chosen.node);
      const decision = view.graph.nodes[chosen.node].decision;
      if (decision != null) follow(view, decision);
    } else if (chosen.group !== undefined) {
      panel.group(view, chosen.group);
      const decision = view.graph.groups[chosen.group].decision;
      if (decision != null) follow(view, decision);
    } else {
      view.choose(`o${chosen.output}`);
      panel.output(view, chosen.output);
    }
  }

  /** Brings the same attention into view in the other graph. */
  function follow(view, decision) {
    if (shown === "both") (view === views.before ? views.after : views.before).revealDecision(decision);
  }

  function show(which) {
    shown = which;
    for (const tab of document.querySelectorAll(".tabs button")) tab.setAttribute("aria-selected", String(tab.dataset.view === which));
    byId("panes").classList.toggle("one", which !== "both");
    for (const name of ["before", "after"]) {
      byId(name).hidden = which !== "both" && which !== name;
      if (byId(name).hidden) continue;
      if (!views[name].layout) views[name].render();
    }
    fit();
  }

  /** Both graphs at one scale: what is equal looks equal. */
  function fit() {
    const scale = Math.min(...active().map(view => view.fittingScale));
    active().forEach(view => view.fit(scale));
  }

  const active = () => shown === "before" ? [views.before] : shown === "after" ? [views.after] : [views.before, views.after];
  const first = () => shown === "before" ? views.before : views.after;

  for (const tab of document.querySelectorAll(".tabs button")) tab.addEventListener("click", () => show(tab.dataset.view));
  byId("fold").addEventListener("click", () => { active().forEach(view => view.foldAll()); fit(); });
  byId("unfold").addEventListener("click", () => active().forEach(view => view.unfoldAll()));
  byId("larger").addEventListener("click", () => active().forEach(view => view.zoom(1.25)));
  byId("smaller").addEventListener("click", () => active().forEach(view => view.zoom(0.8)));
  byId("fit").addEventListener("click", fit);
  if (!views.before.canUnfoldAll) {
    byId("unfold").disabled = true;
    byId("unfold").title = "Too many nodes to draw at once: unfold groups one by one, or search";
  }
  new Search(byId("search"), byId("found"), active, (view, index) => {
    view.reveal(index);
    select(view, { node: index });
  });

  byId("legend").replaceChildren(...Object.entries(Kinds.names).map(([family, name]) =>
    make("li", {}, make("i", { class: family === "attention" ? "fused" : "", style: `--k: var(--k-${family})` }), name)));

  Summary.decisions(report, byId("decision-table"), byId("filters"), index => {
    const decision = report.decisions[index];
    for (const view of active()) view.revealDecision(index);
    panel.show(decision.attention ? "Attention" : "Decision", make("p", { class: "mono" }, breakable(decision.anchor)), Details.decisionText(decision));
    byId("graph").scrollIntoView();
  });

  show(shown);

  if (report.profile) {
    byId("timeline").hidden = byId("operations").hidden = false;
    byId("timeline-hint").textContent = "Both runs on one scale; below each, the values alive. Point at a slice for its figures; click it to see the node.";
    const timeline = new Timeline(byId("lanes"), byId("slice-text"), report.timelines, report.profile.peakOperationsPerSecond, (run, node) => {
      const view = run === 0 ? views.before : views.after;
      if (shown !== "both" && first() !== view) show(view.name);
      view.reveal(node);
      if (!isPhone()) panel.node(view, node);
    });
    byId("time-larger").addEventListener("click", () => timeline.zoom(1.6));
    byId("time-smaller").addEventListener("click", () => timeline.zoom(1 / 1.6));
    byId("time-fit").addEventListener("click", () => timeline.fit());
    Summary.operations(report.profile, byId("operation-table"));
  }
  // On paper nothing can be opened any more.
  window.addEventListener("beforeprint", () => {
    for (const folded of byId("decision-table").querySelectorAll("details")) folded.open = true;
  });
  document.documentElement.dataset.ready = "true";
})();
