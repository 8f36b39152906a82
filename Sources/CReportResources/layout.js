/**
 * Where everything of a graph goes: boxes for nodes, folded groups, outputs and references, frames around unfolded groups, and
 * the edges between them, from top to bottom.
 */
const Layout = (() => {
  /** A value read in more places than this is drawn as an edge once, and as a reference to it elsewhere. */
  const mostEdges = 4;
  const titleHeight = 18;
  const framePadding = 13;
  const margin = 14;
  const ruler = document.createElement("canvas").getContext("2d");

  function textWidth(text, size) {
    ruler.font = `${size}px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif`;
    return ruler.measureText(text).width;
  }

  function box(key, lines, properties) {
    const width = Math.max(...lines.map((line, index) => textWidth(line, index ? 11 : 13.5)));
    return { key, lines, width: Math.ceil(Math.max(width, 40)) + 22, height: lines.length > 1 ? 40 : 28, ...properties };
  }

  function typeText(type) { return type.length > 40 ? Format.tail(type, 40) : type; }

  /** What a folded group says of itself. */
  function groupLines(graph, group, decisions) {
    const kinds = new Map();
    for (const member of group.members) {
      const kind = graph.nodes[member].kind;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    const most = [...kinds].sort((a, b) => b[1] - a[1]).slice(0, 3).map(([kind]) => kind);
    const nodes = Format.count(group.members.length, "node");
    if (group.decision === null || group.decision === undefined) {
      return [`+ ${nodes}`, most.join(", ") + (kinds.size > 3 ? ", …" : "")];
    }
    const verdict = decisions[group.decision]?.verdict ?? "";
    return [`+ Attention, ${nodes}`, `${verdict}: ${Format.tail(decisions[group.decision]?.anchor ?? "", 30)}`];
  }

  /** The boxes that are to be seen, and which box each node is in. */
  function boxes(graph, decisions, typeOf, isFolded) {
    const found = new Map();
    const keyOf = graph.nodes.map((node, index) => {
      const isHidden = node.group !== undefined && node.group !== null && isFolded(node.group);
      return isHidden ? `g${node.group}` : `n${index}`;
    });
    graph.nodes.forEach((node, index) => {
      const key = keyOf[index];
      if (found.has(key)) return;
      if (key.startsWith("g")) {
        const group = graph.groups[node.group];
        found.set(key, box(key, groupLines(graph, group, decisions), { group: node.group }));
      } else {
        const isInput = node.kind === "Input";
        const hasFrame = node.group !== undefined && graph.groups[node.group].members.length > 1;
        const lines = [isInput ? Format.tail(node.name, 28) : node.kind, typeText(typeOf(index))];
        found.set(key, box(key, lines, { node: index, parent: hasFrame ? node.group : undefined, isRound: isInput }));
      }
    });
    graph.outputs.forEach((port, index) => {
      found.set(`o${index}`, box(`o${index}`, [Format.tail(port.name, 28), typeText(port.node == null ? port.type : typeOf(port.node))], { output: index, isRound: true }));
    });
    return { found, keyOf };
  }

  /** Which boxes read each node, its own box aside. */
  function readers(graph, keyOf) {
    const found = new Map();
    function add(node, key) {
      if (node === undefined || node === null || keyOf[node] === key) return;
      if (!found.has(node)) found.set(node, new Set());
      found.get(node).add(key);
    }
    graph.nodes.forEach((node, index) => node.inputs.forEach(input => add(input.node, keyOf[index])));
    graph.outputs.forEach((port, index) => add(port.node, `o${index}`));
    return found;
  }

  /** The edges between boxes; in place of most of those from a node that is read in many places, boxes that refer to it. */
  function connections(graph, keyOf, found) {
    const edges = new Map();
    for (const [node, keys] of readers(graph, keyOf)) {
      [...keys].forEach((to, place) => {
        let from = keyOf[node];
        if (keys.size > mostEdges && place > 0) {
          from = `r${node} ${to}`;
          const { kind, name } = graph.nodes[node];
          found.set(from, box(from, [`↑ ${kind === "Input" ? Format.tail(name, 22) : kind}`], { reference: node, parent: found.get(to).parent }));
        }
        edges.set(`${from} ${to}`, [from, to]);
      });
    }
    return [...edges.values()];
  }

  /** The frame around what is in a group, with room for its title. */
  function frameAround(group, boxes) {
    const members = boxes.filter(box => box.parent === group);
    const left = Math.min(...members.map(box => box.x - box.width / 2)) - framePadding;
    const right = Math.max(...members.map(box => box.x + box.width / 2)) + framePadding;
    const top = Math.min(...members.map(box => box.y - box.height / 2)) - framePadding - titleHeight;
    const bottom = Math.max(...members.map(box => box.y + box.height / 2)) + framePadding;
    const width = Math.max(right - left, 150);
    return { group, x: (left + right) / 2, y: (top + bottom) / 2, width, height: bottom - top };
  }

  /** The area that all of it takes. */
  function bounds(boxes, frames, edges) {
    const points = edges.flatMap(edge => edge.points.map(point => ({ ...point, width: 0, height: 0 })));
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const item of [...boxes, ...frames, ...points]) {
      left = Math.min(left, item.x - item.width / 2);
      right = Math.max(right, item.x + item.width / 2);
      top = Math.min(top, item.y - item.height / 2);
      bottom = Math.max(bottom, item.y + item.height / 2);
    }
    if (left > right) [left, right, top, bottom] = [0, 40, 0, 40];
    return { left: left - margin, top: top - margin, width: right - left + 2 * margin, height: bottom - top + 2 * margin };
  }

  /** `typeOf` gives the type of a node's first result. */
  function arrange(graph, decisions, typeOf, isFolded) {
    const { found, keyOf } = boxes(graph, decisions, typeOf, isFolded);
    const pairs = connections(graph, keyOf, found);
    const plan = new dagre.graphlib.Graph({ compound: true });
    // Long graphs of many boxes take the quicker of the ways to assign ranks.
    plan.setGraph({ rankdir: "TB", nodesep: 18, ranksep: 34, ranker: found.size > 250 ? "longest-path" : "tight-tree" });
    plan.setDefaultEdgeLabel(() => ({}));
    const groups = new Set();
    for (const item of found.values()) {
      plan.setNode(item.key, { width: item.width, height: item.height });
      if (item.parent === undefined) continue;
      if (!groups.has(item.parent)) plan.setNode(`c${item.parent}`, {});
      groups.add(item.parent);
      plan.setParent(item.key, `c${item.parent}`);
    }
    for (const [from, to] of pairs) plan.setEdge(from, to);
    dagre.layout(plan);
    const placed = [...found.values()].map(item => ({ ...item, x: plan.node(item.key).x, y: plan.node(item.key).y }));
    const edges = plan.edges().map(edge => ({ from: edge.v, to: edge.w, points: plan.edge(edge).points }));
    straighten(placed, edges);
    const frames = [...groups].map(group => frameAround(group, placed));
    return { ...bounds(placed, frames, edges), boxes: placed, frames, edges };
  }

  return { arrange };
})();
