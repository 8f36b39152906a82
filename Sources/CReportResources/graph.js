/** One drawn graph: folding, zoom, selection. */
class GraphView {
  /** Graphs of more nodes start with everything folded. */
  static mostUnfolded = 60;
  /** Above this, unfolding everything would keep the browser busy for long. */
  static mostDrawn = 900;

  /**
   * `types` has the types of results as a run had them, by node; `onSelect` is called with `{node}`, `{group}` or `{output}` when something is clicked.
   */
  constructor(figure, graph, decisions, types, title, onSelect) {
    this.canvas = figure.querySelector(".canvas");
    this.caption = figure.querySelector("figcaption");
    this.name = figure.id;
    this.graph = graph;
    this.decisions = decisions;
    this.types = types;
    this.onSelect = onSelect;
    this.scale = 1;
    this.chosen = null;
    this.folded = new Set();
    if (graph.nodes.length > GraphView.mostUnfolded) this.foldInitially();
    this.caption.append(make("b", {}, title), " ", make("span", {}, this.summary()));
    this.listen();
  }

  summary() {
    const hidden = this.graph.nodeCount - this.graph.nodes.length;
    const shown = Format.count(this.graph.nodes.length, "node");
    return hidden ? `${shown}, and ${hidden} that are constant` : shown;
  }

  get canUnfoldAll() { return this.graph.nodes.length <= GraphView.mostDrawn; }

  /** Everything between attentions is folded; attentions too where there are many nodes in them. */
  foldInitially() {
    const attentions = this.graph.groups.filter(group => group.decision != null);
    const inside = attentions.reduce((sum, group) => sum + group.members.length, 0);
    this.graph.groups.forEach((group, index) => {
      if (group.members.length > 1 && (group.decision == null || inside > 130)) this.folded.add(index);
    });
  }

  foldAll() {
    this.graph.groups.forEach((group, index) => { if (group.members.length > 1) this.folded.add(index); });
    this.render();
  }

  unfoldAll() {
    if (!this.canUnfoldAll) return;
    this.folded.clear();
    this.render();
  }

  toggle(group) {
    const before = this.place(this.folded.has(group) ? `g${group}` : `c${group}`);
    if (!this.folded.delete(group)) this.folded.add(group);
    this.render();
    // What was clicked stays where it was.
    const after = this.place(this.folded.has(group) ? `g${group}` : `c${group}`);
    if (before && after) this.canvas.scrollTop += (after.top - before.top) * this.scale;
    if (before && after) this.canvas.scrollLeft += (after.x - before.x) * this.scale;
  }

  place(key) {
    if (!this.layout) return null;
    const item = key.startsWith("c")
      ? this.layout.frames.find(frame => `c${frame.group}` === key) : this.layout.boxes.find(box => box.key === key);
    if (!item) return null;
    return { x: item.x - this.layout.left, y: item.y - this.layout.top, top: item.y - this.layout.top - item.height / 2 };
  }

  /** Draws the graph anew. */
  render() {
    const typeOf = node => this.types.get(node) ?? this.graph.nodes[node].outputs[0];
    this.layout = Layout.arrange(this.graph, this.decisions, typeOf, group => this.folded.has(group));
    const { left, top, width, height, frames, edges, boxes } = this.layout;
    const marker = draw("marker", {
      id: `${this.name}-arrow`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto",
    }, draw("path", { d: "M0 1 L8 4 L0 7 z" }));
    this.svg = draw("svg", { viewBox: `${left} ${top} ${width} ${height}`, role: "group", "aria-label": `graph ${this.name}` }, draw("defs", {}, marker));
    this.drawn = new Map();
    // Edges lie above the frames and below their titles.
    const drawnFrames = frames.map(frame => this.drawFrame(frame));
    this.svg.append(...drawnFrames.map(frame => frame.area), ...edges.map(edge => this.drawEdge(edge)));
    this.svg.append(...drawnFrames.map(frame => frame.title));
    for (const box of boxes) this.svg.append(this.drawBox(box));
    this.canvas.replaceChildren(this.svg);
    this.applyScale();
    this.markChosen();
  }

  drawFrame(frame) {
    const group = this.graph.groups[frame.group];
    const verdict = this.decisions[group.decision]?.verdict;
    const left = frame.x - frame.width / 2, top = frame.y - frame.height / 2;
    const state = verdict === undefined ? "" : verdict === "declined" ? " declined" : " attention";
    const label = verdict === undefined ? `− ${Format.count(group.members.length, "node")}` : `− attention, ${verdict}`;
    const area = draw("g", { class: `cluster${state}` },
      draw("rect", { x: left, y: top, width: frame.width, height: frame.height, rx: 9 }));
    const title = draw("g", { class: `cluster title${state}`, tabindex: 0, role: "button", "aria-label": `fold ${label.slice(2)}` },
      draw("text", { x: left + 9, y: top + 16 }, label));
    for (const element of [area, title]) {
      this.onClick(element, () => {
        if (group.members.length > 1) this.toggle(frame.group);
        this.onSelect({ group: frame.group });
      });
    }
    return { area, title };
  }

  drawEdge(edge) {
    const points = edge.points;
    let path = `M${points[0].x} ${points[0].y}`;
    for (let i = 1; i < points.length - 1; i++) {
      const next = points[i + 1], end = i === points.length - 2;
      const x = end ? next.x : (points[i].x + next.x) / 2, y = end ? next.y : (points[i].y + next.y) / 2;
      path += ` Q${points[i].x} ${points[i].y} ${x} ${y}`;
    }
    if (points.length === 2) path += ` L${points[1].x} ${points[1].y}`;
    const element = draw("path", { class: "edge", d: path, "marker-end": `url(#${this.name}-arrow)` });
    element.dataset.from = edge.from;
    element.dataset.to = edge.to;
    return element;
  }

  drawBox(box) {
    const node = box.node === undefined ? null : this.graph.nodes[box.node];
    const classes = ["box"];
    let family = "io", label = box.lines.join(" ");
    if (node) {
      family = Kinds.family(node.kind);
      // What a pass added beside it, to bring operands into their layout, is no fusion.
      if (family === "attention") classes.push("fused");
      else if (node.passes.length && family !== "move") classes.push("made");
      label = `${node.kind} ${node.name}`;
    } else if (box.group !== undefined) {
      const verdict = this.decisions[this.graph.groups[box.group].decision]?.verdict;
      classes.push("folded");
      if (verdict) classes.push(verdict === "declined" ? "declined" : "attention");
      label = `unfold ${label}`;
    } else if (box.reference !== undefined) {
      classes.push("reference");
    }
    const left = box.x - box.width / 2, top = box.y - box.height / 2;
    const element = draw("g", { class: classes.join(" "), style: `--k: var(--k-${family})`, tabindex: 0, role: "button", "aria-label": label },
      draw("rect", { x: left, y: top, width: box.width, height: box.height, rx: box.isRound ? box.height / 2 : 6 }));
    box.lines.forEach((line, index) => element.append(draw("text", {
      x: box.x, y: top + (box.lines.length > 1 ? 17 + 15 * index : 18.5), "text-anchor": "middle", class: index ? "small" : undefined,
    }, line)));
    element.dataset.key = box.key;
    this.drawn.set(box.key, element);
    this.onClick(element, () => this.clicked(box));
    return element;
  }

  clicked(box) {
    if (box.group !== undefined) {
      this.toggle(box.group);
      this.onSelect({ group: box.group });
    } else if (box.reference !== undefined) {
      this.reveal(box.reference);
      this.onSelect({ node: box.reference });
    } else {
      this.onSelect(box.node !== undefined ? { node: box.node } : { output: box.output });
    }
  }

  onClick(element, action) {
    element.addEventListener("click", () => { if (!this.wasDragged) action(); });
    element.addEventListener("keydown", event => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      action();
    });
  }

  /** Marks the box of a key and the edges at it. */
  choose(key) {
    this.chosen = key;
    this.markChosen();
  }

  markChosen() {
    for (const element of this.svg.querySelectorAll(".chosen")) element.classList.remove("chosen");
    if (!this.chosen) return;
    this.drawn.get(this.chosen)?.classList.add("chosen");
    for (const edge of this.svg.querySelectorAll(".edge")) {
      if (edge.dataset.from === this.chosen || edge.dataset.to === this.chosen) edge.classList.add("chosen");
    }
  }

  /** Unfolds what hides the node, brings it into view and marks it. */
  reveal(node) {
    const group = this.graph.nodes[node].group;
    if (group != null && this.folded.has(group)) {
      this.folded.delete(group);
      this.render();
    }
    this.choose(`n${node}`);
    this.scrollTo(`n${node}`);
  }

  /** Brings the attention of a decision into view. */
  revealDecision(decision) {
    const index = this.graph.groups.findIndex(group => group.decision === decision && group.members.length > 1);
    if (index >= 0) this.scrollTo(this.folded.has(index) ? `g${index}` : `c${index}`);
    else {
      const node = this.graph.nodes.findIndex(each => each.decision === decision);
      if (node >= 0) this.reveal(node);
    }
  }

  scrollTo(key) {
    const place = this.place(key);
    if (!place) return;
    const offset = Math.max(0, (this.canvas.clientWidth - this.layout.width * this.scale) / 2);
    this.canvas.scrollTo({
      left: place.x * this.scale + offset - this.canvas.clientWidth / 2,
      top: place.y * this.scale - this.canvas.clientHeight / 2.2,
    });
  }

  /** The scale at which the drawing is as wide as its canvas, as far as it can be read then. */
  get fittingScale() { return Math.min(1, Math.max(0.55, (this.canvas.clientWidth - 4) / this.layout.width)); }

  fit(scale = this.fittingScale) {
    this.scale = scale;
    this.applyScale();
    // Where the drawing is wider than the canvas, its beginning is in view.
    const first = this.layout.boxes.reduce((best, box) => box.y < best.y ? box : best, this.layout.boxes[0]);
    this.canvas.scrollLeft = (first.x - this.layout.left) * scale - this.canvas.clientWidth / 2;
  }

  /** Zooms about a point of the canvas, its centre where none is given. */
  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const old = this.scale;
    this.scale = Math.min(4, Math.max(0.08, old * factor));
    const left = (this.canvas.scrollLeft + x) / old, top = (this.canvas.scrollTop + y) / old;
    this.applyScale();
    this.canvas.scrollTo(left * this.scale - x, top * this.scale - y);
  }

  applyScale() {
    this.svg.setAttribute("width", this.layout.width * this.scale);
    this.svg.setAttribute("height", this.layout.height * this.scale);
  }

  /** Dragging with the mouse pans; the wheel with Control zooms, and so do two fingers. */
  listen() {
    let from = null;
    this.canvas.addEventListener("pointerdown", event => {
      this.wasDragged = false;
      if (event.pointerType === "mouse" && event.button === 0) {
        from = { x: event.clientX, y: event.clientY, left: this.canvas.scrollLeft, top: this.canvas.scrollTop };
      }
    });
    window.addEventListener("pointermove", event => {
      if (!from) return;
      const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
      if (Math.abs(dx) + Math.abs(dy) > 4) {
        this.wasDragged = true;
        this.canvas.classList.add("dragging");
      }
      this.canvas.scrollLeft = from.left - dx;
      this.canvas.scrollTop = from.top - dy;
    });
    window.addEventListener("pointerup", () => {
      from = null;
      this.canvas.classList.remove("dragging");
    });
    this.canvas.addEventListener("wheel", event => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const area = this.canvas.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY / 300), event.clientX - area.left, event.clientY - area.top);
    }, { passive: false });
    let distance = 0;
    const spread = touches => Math.hypot(touches[0].clientX - touches[1].clientX, touches[0].clientY - touches[1].clientY);
    this.canvas.addEventListener("touchstart", event => { if (event.touches.length === 2) distance = spread(event.touches); });
    this.canvas.addEventListener("touchmove", event => {
      if (event.touches.length !== 2 || !distance) return;
      event.preventDefault();
      const now = spread(event.touches);
      this.zoom(now / distance);
      distance = now;
    }, { passive: false });
  }
}
