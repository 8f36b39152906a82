/** Figures with units, which no line break parts from them, and small helpers that make elements. */
const Format = {
  /** A number with three significant digits. */
  significant(value) {
    if (value === 0) return "0";
    const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
    return digits > 6 ? value.toExponential(1) : value.toFixed(digits);
  },

  scaled(value, units, step) {
    let unit = 0;
    while (value >= step * 0.9995 && unit < units.length - 1) {
      value /= step;
      unit++;
    }
    return `${unit === 0 && Number.isInteger(value) ? value : Format.significant(value)}\u00a0${units[unit]}`;
  },

  bytes(value) { return Format.scaled(value, ["B", "kB", "MB", "GB", "TB"], 1000); },

  seconds(value) { return value < 1e-9 ? "0\u00a0s" : Format.scaled(value * 1e6, ["µs", "ms", "s"], 1000); },

  operations(value) { return Format.scaled(value, ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP"], 1000); },

  percent(value) { return `${(100 * value).toFixed(value < 0.095 ? 1 : 0)}\u00a0%`; },

  count(number, noun, plural = `${noun}s`) { return `${number} ${number === 1 ? noun : plural}`; },

  /** GFLOP/s, not more exact than such a figure is. */
  speed(value) { return value < 1e8 ? "under 0.1\u00a0GFLOP/s" : `${Format.significant(value * 1e-9)}\u00a0GFLOP/s`; },

  error(value) { return value === 0 ? "0" : Number(value).toExponential(1); },

  /** The end of a long name: that is where names differ. */
  tail(text, length) { return text.length <= length ? text : `…${text.slice(text.length - length + 1)}`; },
};

/** The family that an operation is coloured by. */
const Kinds = {
  names: {
    attention: "Attention, fused", matmul: "Matrix product", softmax: "Softmax", norm: "Normalization",
    conv: "Convolution", other: "Elementwise and others", move: "Moves elements", io: "Input, output",
  },
  families: {
    matmul: ["MatMul", "Gemm", "Einsum", "MatMulInteger", "QLinearMatMul"],
    softmax: ["Softmax", "LogSoftmax"],
    conv: ["Conv", "ConvTranspose", "ConvInteger", "QLinearConv"],
    io: ["Input", "Output"],
    move: [
      "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Slice", "Split", "Concat", "Gather",
      "GatherElements", "GatherND", "Identity", "Cast", "CastLike", "ShapeOf", "Size", "Tile", "Pad", "ScatterND",
      "ScatterElements", "ConstantOfShape", "NumberRange", "DepthToSpace", "SpaceToDepth",
    ],
  },

  family(kind) {
    const first = kind.split("+")[0];
    if (first === "FlashAttention") return "attention";
    if (/Norm(alization)?$/.test(first)) return "norm";
    return Object.keys(Kinds.families).find(family => Kinds.families[family].includes(first)) ?? "other";
  },
};

/** An HTML element with properties and children; texts become text, never markup. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") element.style.cssText = value;
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter(child => child !== undefined && child !== null && child !== ""));
  return element;
}

/** A name that may be broken after what separates its parts. */
function breakable(name) {
  return name.split(/(?<=[/._:+])(?=[^/._:+])/).flatMap((part, index) => index ? [document.createElement("wbr"), part] : [part]);
}

/** An SVG element. */
function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function byId(id) { return document.getElementById(id); }
