/** The search box: nodes by name, operation, type of their result or the source nodes they stand for. */
class Search {
  static mostFound = 40;

  /** `views()` are the graphs to search in; `onFound` is called with one of them and the place of the node that was chosen. */
  constructor(input, list, views, onFound) {
    Object.assign(this, { input, list, views, onFound, found: [], at: -1 });
    input.addEventListener("input", () => this.update());
    input.addEventListener("focus", () => this.update());
    input.addEventListener("keydown", event => this.key(event));
    document.addEventListener("click", event => { if (!event.target.closest(".search")) this.close(); });
  }

  static matches(graph, text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const matches = [];
    graph.nodes.forEach((node, index) => {
      const all = [node.kind, node.name, ...node.sources, ...node.outputs].join(" ").toLowerCase();
      if (!words.every(word => all.includes(word))) return;
      const isWhole = node.kind.toLowerCase() === words[0] || node.name.toLowerCase() === words[0];
      matches.push({ index, rank: isWhole ? 0 : node.name.toLowerCase().includes(words[0]) ? 1 : 2 });
    });
    return matches.sort((a, b) => a.rank - b.rank || a.index - b.index).map(match => match.index);
  }

  update() {
    const views = this.views();
    const each = views.map(view => Search.matches(view.graph, this.input.value).map(index => ({ view, index })));
    const all = each.flat();
    this.found = each.flatMap(found => found.slice(0, Search.mostFound / views.length));
    this.at = this.found.length ? 0 : -1;
    const items = this.found.map(({ view, index }, place) => {
      const node = view.graph.nodes[index];
      return make("li", { role: "option", id: `found-${place}`, onclick: () => this.choose(place) },
        node.kind, views.length > 1 ? make("span", { class: "muted" }, ` ${view.name}`) : "", make("small", {}, node.name));
    });
    const rest = all.length - this.found.length;
    if (rest > 0) items.push(make("li", { class: "muted" }, `and ${rest} more`));
    if (!all.length && this.input.value.trim()) items.push(make("li", { class: "muted" }, "Nothing found"));
    this.list.replaceChildren(...items);
    this.list.hidden = !items.length;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === this.at)));
    if (this.at >= 0) this.input.setAttribute("aria-activedescendant", `found-${this.at}`);
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (this.found.length) this.at = (this.at + step + this.found.length) % this.found.length;
      this.mark();
    } else if (event.key === "Enter" && this.at >= 0) {
      this.choose(this.at);
    } else if (event.key === "Escape") {
      this.close();
    }
  }

  choose(place) {
    const found = this.found[place];
    this.close();
    if (found) this.onFound(found.view, found.index);
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
  }
}
