/** Both runs on one scale of time: a slice a step, and below it the bytes of values alive. */
class Timeline {
  static titles = ["Before", "After"];

  constructor(element, text, timelines, peak, onChosen) {
    Object.assign(this, { element, text, timelines, peak, onChosen, zoomed: 1 });
    this.labelled = [];
    this.total = Math.max(...timelines.map(timeline => timeline.seconds * 1e6));
    this.memory = Math.max(...timelines.flatMap(timeline => timeline.liveBytes), 1);
    this.lanes = timelines.map((timeline, run) => this.lane(timeline, run));
    this.axis = make("div", { class: "axis lane", style: "padding: 0" });
    element.replaceChildren(...this.lanes, this.axis);
    element.addEventListener("wheel", event => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 300), event.clientX - element.getBoundingClientRect().left);
    }, { passive: false });
    this.resize();
  }

  part(micro) { return `${(100 * micro / this.total).toFixed(4)}%`; }

  lane(timeline, run) {
    const slices = make("div", { class: "slices" });
    timeline.kinds.forEach((kind, step) => {
      const family = Kinds.family(kind);
      const slice = make("button", {
        class: `slice ${family === "attention" ? "attention" : ""}`, tabindex: -1,
        style: `--k: var(--k-${family}); left: ${this.part(timeline.starts[step])}; width: ${this.part(timeline.durations[step])}`,
        onclick: () => this.choose(run, step, slice), onmouseenter: () => this.tell(run, step),
      });
      // Only slices that may become wide enough have a label: there can be thousands.
      if (timeline.durations[step] > this.total / 2000) {
        slice.append(make("span", {}, kind));
        this.labelled.push({ slice, part: timeline.durations[step] / this.total, width: 9 + 7.2 * kind.length });
      }
      slices.append(slice);
    });
    return make("div", { class: "lane", "data-run": run },
      make("span", { class: "title" }, `${Timeline.titles[run]}, ${Format.seconds(timeline.seconds)}`), slices, this.area(timeline));
  }

  /** The bytes alive over time, on the same scale for both runs. */
  area(timeline) {
    let path = "M0 40";
    let level = 40;
    timeline.liveBytes.forEach((bytes, step) => {
      const x = 1000 * (timeline.starts[step] + timeline.durations[step]) / this.total;
      path += ` L${x.toFixed(2)} ${level.toFixed(2)}`;
      level = 40 - 38 * bytes / this.memory;
      path += ` L${x.toFixed(2)} ${level.toFixed(2)}`;
    });
    path += ` L${(1000 * timeline.seconds * 1e6 / this.total).toFixed(2)} 40 Z`;
    return draw("svg", { class: "memory", viewBox: "0 0 1000 40", preserveAspectRatio: "none", "aria-hidden": "true" }, draw("path", { d: path }));
  }

  describe(run, step) {
    const timeline = this.timelines[run];
    const entries = Details.stepEntries(timeline, step, this.peak).filter(([, value]) => value);
    return [make("b", {}, timeline.kinds[step]), ` ${timeline.names[step]}: `,
      entries.map(([name, value]) => name === "Result" ? value : `${name.toLowerCase()} ${value}`).join("; ")];
  }

  tell(run, step) { this.text.replaceChildren(...this.describe(run, step)); }

  choose(run, step, slice) {
    for (const other of this.element.querySelectorAll(".chosen")) other.classList.remove("chosen");
    slice.classList.add("chosen");
    this.tell(run, step);
    const node = this.timelines[run].nodes[step];
    if (node !== null && node !== undefined) this.onChosen(run, node);
  }

  zoom(factor, x = this.element.clientWidth / 2) {
    const old = this.zoomed;
    this.zoomed = Math.min(400, Math.max(1, old * factor));
    const at = (this.element.scrollLeft + x) / old;
    this.resize();
    this.element.scrollLeft = at * this.zoomed - x;
  }

  fit() {
    this.zoomed = 1;
    this.resize();
  }

  resize() {
    for (const lane of [...this.lanes, this.axis]) lane.style.width = `${100 * this.zoomed}%`;
    const width = this.element.clientWidth * this.zoomed;
    for (const { slice, part, width: needed } of this.labelled) slice.classList.toggle("narrow", part * width < needed);
    const least = this.total * 130 / width;
    const power = 10 ** Math.floor(Math.log10(least));
    const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= least);
    const ticks = Array.from({ length: Math.ceil(this.total / step) }, (_, index) => index * step)
      .filter(tick => (1 - tick / this.total) * width > 34);
    this.axis.replaceChildren(...ticks.map(tick => make("span", { style: `left: ${this.part(tick)}` }, Format.seconds(tick * 1e-6))));
  }
}
