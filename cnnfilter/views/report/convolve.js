// A convolution to explore: every number of a map taken apart, as `cnnfilter explain --json` does it.
// Arithmetic first, the page below. Rows come before columns; the kernel is not flipped unless it says so.

// ---- Arithmetic -------------------------------------------------------------------------------------------------

/** Return 1 - erf(x), by the series of erf for small x and by a continued fraction beyond: its tail is not rounded away. */
function erfc(x) {
  const size = Math.abs(x);
  if (size < 1.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n += 1) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = size;
  for (let n = 120; n > 0; n -= 1) fraction = size + n / 2 / fraction;
  const tail = Math.exp(-x * x) / fraction / Math.sqrt(Math.PI);
  return x > 0 ? tail : 2 - tail;
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => (x > 30 ? x : Math.log1p(Math.exp(x)));

/** What each activation makes of one value that is a number; `p` are its parameters. */
const ACTIVATIONS = {
  "relu": (x) => Math.max(x, 0),
  "leaky-relu": (x, p) => (x > 0 ? x : p.negative_slope * x),
  "prelu": (x, p) => (x > 0 ? x : p.weight * x),
  "relu6": (x) => Math.min(Math.max(x, 0), 6),
  "elu": (x, p) => (x > 0 ? x : p.alpha * Math.expm1(x)),
  "selu": (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  "celu": (x, p) => Math.max(x, 0) + Math.min(0, p.alpha * Math.expm1(x / p.alpha)),
  "gelu": (x, p) => (p.approximate === "tanh"
    ? x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))
    : 0.5 * x * erfc(-x / Math.SQRT2)),
  "sigmoid": sigmoid,
  "hard-sigmoid": (x) => Math.min(Math.max(x / 6 + 0.5, 0), 1),
  "log-sigmoid": (x) => -softplus(-x),
  "tanh": Math.tanh,
  "hard-tanh": (x, p) => Math.min(Math.max(x, p.min), p.max),
  "tanhshrink": (x) => x - Math.tanh(x),
  "softsign": (x) => x / (1 + Math.abs(x)),
  "softplus": (x, p) => (x * p.beta > p.threshold ? x : softplus(x * p.beta) / p.beta),
  "softshrink": (x, p) => (x > p.lambd ? x - p.lambd : x < -p.lambd ? x + p.lambd : 0),
  "hardshrink": (x, p) => (Math.abs(x) > p.lambd ? x : 0),
  "silu": (x) => x * sigmoid(x),
  "hard-swish": (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
  "mish": (x) => x * Math.tanh(softplus(x)),
  "threshold": (x, p) => (x > p.threshold ? x : p.value),
  "step": (x) => (x > 0 ? 1 : 0),
  "abs": Math.abs,
  "square": (x) => x * x,
  "identity": (x) => x,
};

/** Return what an activation makes of one value: comparisons with NaN are false, and NaN stays NaN. */
const applied = (name, x, p) => (Number.isNaN(x) ? x : ACTIVATIONS[name](x, p));

const modulo = (a, n) => ((a % n) + n) % n;

/** Return the cell of the picture that stands at `position` of its border, or null where a constant stands. */
function sourcePosition(position, size, mode) {
  if (position >= 0 && position < size) return position;
  if (mode === "reflect") {
    if (size === 1) return 0;
    const folded = modulo(position, 2 * (size - 1));
    return Math.min(folded, 2 * (size - 1) - folded);
  }
  if (mode === "symmetric") {
    const folded = modulo(position, 2 * size);
    return Math.min(folded, 2 * size - 1 - folded);
  }
  if (mode === "replicate") return Math.min(Math.max(position, 0), size - 1);
  if (mode === "circular") return modulo(position, size);
  return null;
}

/** Return how many windows fit: (n + pads - dilation*(k-1) - 1) // stride + 1. */
const windowsOf = (n, pads, k, dilation, stride) => Math.floor((n + pads - dilation * (k - 1) - 1) / stride) + 1;

/** What is explored: changed by the controls, read by everything. */
const state = {
  kernel: 0,
  channel: 0,
  weights: [],
  bias: 0,
  stride: data.stride.slice(),
  dilation: data.dilation.slice(),
  pads: data.pads.slice(), // top, bottom, left, right
  at: [0, 0],
};

let planes = []; // one array of numbers for each channel of the picture
const [height, width] = data.size;

/** Return the value of the picture at a place of one channel, its border included. */
function pixel(channel, row, column) {
  const r = sourcePosition(row, height, data.border.mode);
  const c = sourcePosition(column, width, data.border.mode);
  return r === null || c === null ? data.border.value : planes[channel][r * width + c];
}

/** Return rows and columns of the map before its pooling. */
function sizeBefore() {
  const [kh, kw] = kernelSize();
  return [
    windowsOf(height, state.pads[0] + state.pads[1], kh, state.dilation[0], state.stride[0]),
    windowsOf(width, state.pads[2] + state.pads[3], kw, state.dilation[1], state.stride[1]),
  ];
}

/** Return rows and columns of the kernel. */
const kernelSize = () => [state.weights[0].length, state.weights[0][0].length];

/** Return the channels that one map sums over. */
const summed = () => (data.summed ? planes.map((_, index) => index) : [state.channel]);

/** Return the value of a cell of the map before its pooling, after bias and activation. */
function cellValue(row, column) {
  let sum = 0;
  summed().forEach((channel, number) => {
    const weights = state.weights[Math.min(number, state.weights.length - 1)];
    for (let i = 0; i < weights.length; i += 1) {
      const r = row * state.stride[0] - state.pads[0] + i * state.dilation[0];
      for (let j = 0; j < weights[i].length; j += 1) {
        sum += weights[i][j] * pixel(channel, r, column * state.stride[1] - state.pads[2] + j * state.dilation[1]);
      }
    }
  });
  return activated(sum + state.bias);
}

const activated = (x) => (data.activation ? applied(data.activation.name, x, data.activation.parameters) : x);

/** Return how the pooling lies along an axis of so many cells: its windows, and where each begins. */
function poolAxis(axis, n) {
  const p = data.pool;
  const [before, after] = [p.pads[2 * axis], p.pads[2 * axis + 1]];
  const span = p.dilation[axis] * (p.size[axis] - 1) + 1;
  let count = Math.floor((n + before + after - span) / p.stride[axis]) + 1;
  if (p.ceil) {
    count = Math.ceil((n + before + after - span) / p.stride[axis]) + 1;
    if ((count - 1) * p.stride[axis] >= n + before) count -= 1;
  }
  return { count, n, before, after, start: (index) => index * p.stride[axis] - before };
}

/** Return rows and columns of the map. */
function mapSize() {
  const before = sizeBefore();
  return data.pool ? [0, 1].map((axis) => poolAxis(axis, before[axis]).count) : before;
}

/** Return the cells of a pooling's window: place and value, null on padding, and how many an average counts. */
function poolCells(row, column) {
  const p = data.pool;
  const axes = sizeBefore().map((n, axis) => poolAxis(axis, n));
  const cells = [];
  let counted = 0;
  for (let i = 0; i < p.size[0]; i += 1) {
    for (let j = 0; j < p.size[1]; j += 1) {
      const place = [axes[0].start(row) + i * p.dilation[0], axes[1].start(column) + j * p.dilation[1]];
      const inside = place.every((at, axis) => at >= 0 && at < axes[axis].n);
      const padded = place.every((at, axis) => at >= -axes[axis].before && at < axes[axis].n + axes[axis].after);
      counted += p.countPad ? padded : inside;
      cells.push({ row: place[0], column: place[1], value: inside ? cellValue(...place) : null, taken: false });
    }
  }
  return { cells, counted };
}

/** Return what a pooling makes of its window, and mark the cells that it took. */
function pooled(row, column) {
  const { cells, counted } = poolCells(row, column);
  const there = cells.filter((cell) => cell.value !== null);
  const values = there.map((cell) => cell.value);
  const total = values.reduce((sum, value) => sum + value, 0);
  const whole = data.pool.size[0] * data.pool.size[1];
  const results = {
    max: () => Math.max(...values),
    min: () => Math.min(...values),
    sum: () => total,
    avg: () => total / counted,
    lp: () => {
      const powers = values.reduce((sum, value) => sum + Math.abs(value) ** data.pool.p, 0);
      return ((powers * whole) / counted) ** (1 / data.pool.p);
    },
  };
  const value = results[data.pool.kind]();
  const wins = (cell) => cell.value === value || Number.isNaN(cell.value);
  const chosen = ["max", "min"].includes(data.pool.kind) ? [there.find(wins)] : there;
  chosen.forEach((cell) => { cell.taken = true; });
  return { kind: data.pool.kind, cells, value };
}

/** Return every product of a cell before pooling, in the order of the channels, rows and columns of the kernel. */
function termsOf(row, column) {
  const terms = [];
  summed().forEach((channel, number) => {
    const weights = state.weights[Math.min(number, state.weights.length - 1)];
    weights.forEach((line, i) => line.forEach((weight, j) => {
      const r = row * state.stride[0] - state.pads[0] + i * state.dilation[0];
      const c = column * state.stride[1] - state.pads[2] + j * state.dilation[1];
      const input = pixel(channel, r, c);
      const invented = r < 0 || c < 0 || r >= height || c >= width;
      terms.push({ channel, row: r, column: c, input, weight, product: input * weight, invented });
    }));
  });
  return terms;
}

/** Return everything about one cell of the map, as `cnnfilter explain --json` prints it. */
function at(row, column) {
  const pool = data.pool ? pooled(row, column) : null;
  const taken = pool ? pool.cells.find((cell) => cell.taken) : { row, column };
  const terms = termsOf(taken.row, taken.column);
  const per = terms.length / summed().length;
  const sums = summed().map((_, n) => terms.slice(n * per, (n + 1) * per).reduce((sum, one) => sum + one.product, 0));
  const sum = sums.reduce((total, one) => total + one, 0);
  const value = sum + state.bias;
  const activation = data.activation ? { name: data.activation.called, value: activated(value) } : null;
  const before = activation ? activation.value : value;
  return {
    at: [row, column], cell: [taken.row, taken.column], terms, channel_sums: sums, sum, bias: state.bias, value,
    activation, pool, result: data.single ? Math.fround(pool ? pool.value : before) : pool ? pool.value : before,
  };
}

window.cnnfilter = { at, size: mapSize, state };

// ---- The page ---------------------------------------------------------------------------------------------------

const signed = (value) => (value < 0 ? `(${written(value)})` : written(value));

/** Return the sum of a cell as a line of arithmetic, and what follows it. */
function sentence(one) {
  const most = 25;
  const shown = one.terms.length <= most
    ? one.terms
    : one.terms.slice().sort((a, b) => Math.abs(b.product) - Math.abs(a.product)).slice(0, 8);
  let text = shown.map((t) => `${t.invented ? `[${written(t.input)}]` : signed(t.input)}*${signed(t.weight)}`).join(" + ");
  if (shown.length < one.terms.length) text += ` + ${one.terms.length - shown.length} smaller products`;
  text += ` = ${written(one.sum)}`;
  if (one.bias) text += `; ${written(one.sum)} ${one.bias < 0 ? "-" : "+"} ${written(Math.abs(one.bias))} = ${written(one.value)}`;
  if (one.activation) text += `; ${one.activation.name} -> ${written(one.activation.value)}`;
  if (one.pool) {
    const cells = one.pool.cells.filter((cell) => cell.value !== null).map((cell) => written(cell.value));
    text += `; ${one.pool.kind} of ${cells.join(", ")} = ${written(one.pool.value)}`;
  }
  return text;
}

/** The part of picture and map that is drawn: rows and columns of the map, and of the picture below it. */
const VIEW = 48;
let corner = [0, 0];

/** Return how many rows and columns of the map are drawn. */
const viewSize = () => mapSize().map((side) => Math.min(side, VIEW));

/** Return the part of the picture below the part of the map that is drawn: top, left, rows, columns. */
function seen() {
  const [kh, kw] = kernelSize();
  const shape = viewSize();
  const first = corner.map((start, axis) => (data.pool ? start * data.pool.stride[axis] - data.pool.pads[2 * axis] : start));
  const many = shape.map((count, axis) => (data.pool
    ? (count - 1) * data.pool.stride[axis] + data.pool.dilation[axis] * (data.pool.size[axis] - 1) + 1
    : count));
  return [
    first[0] * state.stride[0] - state.pads[0],
    first[1] * state.stride[1] - state.pads[2],
    (many[0] - 1) * state.stride[0] + state.dilation[0] * (kh - 1) + 1,
    (many[1] - 1) * state.stride[1] + state.dilation[1] * (kw - 1) + 1,
  ];
}

/** Return the colour of a pixel of the picture; what a border invents is tinted. */
function inputColour(row, column) {
  const outside = row < 0 || column < 0 || row >= height || column >= width;
  const channels = data.summed && planes.length === 3 ? [0, 1, 2] : [state.channel, state.channel, state.channel];
  if (data.signed) {
    const colour = signedColour(pixel(channels[0], row, column) / data.largest);
    return outside ? colour.map((level, k) => Math.round(0.6 * level + 0.4 * [120, 140, 200][k])) : colour;
  }
  const levels = channels.map((channel) => {
    const share = (pixel(channel, row, column) - data.low) / (data.white - data.low || 1);
    return Math.round(255 * Math.min(Math.max(share, 0), 1));
  });
  return outside ? levels.map((level, k) => Math.round(0.6 * level + 0.4 * [120, 140, 200][k])) : levels;
}

let mapValues = [];

/** Draw picture and map. */
function drawAll() {
  const [top, left, rows, columns] = seen();
  draw($("input"), rows, columns, (row, column) => inputColour(top + row, left + column));
  const shape = viewSize();
  mapValues = [];
  for (let row = 0; row < shape[0]; row += 1) {
    for (let column = 0; column < shape[1]; column += 1) {
      const place = [corner[0] + row, corner[1] + column];
      mapValues.push(data.pool ? pooled(...place).value : cellValue(...place));
    }
  }
  const largest = largestOf(mapValues);
  draw($("map"), shape[0], shape[1], (row, column) => signedColour(mapValues[row * shape[1] + column] / largest));
  const finite = mapValues.filter(Number.isFinite);
  const lost = mapValues.length - finite.length;
  $("map-range").textContent = (finite.length ? `${written(Math.min(...finite))} to ${written(Math.max(...finite))} in what is shown` : "no finite value in what is shown")
    + (lost ? `; ${lost} not finite` : "");
  const whole = mapSize();
  $("map-size").textContent = `${whole[0]} x ${whole[1]}`;
  drawOverview();
}

/** Draw where in the picture the part is that is shown. */
function drawOverview() {
  const box = $("overview-part");
  const [top, left, rows, columns] = seen();
  const share = (value, side) => `${(100 * Math.min(Math.max(value, 0), side)) / side}%`;
  box.style.top = share(top, height);
  box.style.left = share(left, width);
  box.style.height = share(Math.min(rows, height), height);
  box.style.width = share(Math.min(columns, width), width);
  $("overview").hidden = viewSize().every((side, axis) => side === mapSize()[axis]);
}

/** Return the relative luminance of a colour, as WCAG has it: black ink is read above 0.18, white below. */
function luminance(colour) {
  const linear = colour.map((level) => (level / 255 <= 0.03928 ? level / 255 / 12.92 : ((level / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

/** Fill a table with numbers; one cell in each place. */
function fill(table, rows, mark) {
  table.replaceChildren(...rows.map((line) => {
    const row = document.createElement("tr");
    row.append(...line.map((cell) => {
      const made = document.createElement("td");
      made.textContent = cell.text;
      if (cell.invented) made.classList.add("invented");
      if (mark) {
        const colour = signedColour(cell.share);
        made.style.background = `rgb(${colour.join(" ")})`;
        made.style.color = luminance(colour) > 0.18 ? "#000" : "#fff";
      }
      return made;
    }));
    return row;
  }));
}

/** Show one cell of the map: mark it, light up its window, and write its arithmetic. */
function show() {
  const shape = viewSize();
  const whole = mapSize();
  state.at = state.at.map((place, axis) => Math.min(Math.max(place, 0), whole[axis] - 1));
  const moved = corner.map((start, axis) => {
    const last = Math.max(whole[axis] - shape[axis], 0);
    return Math.min(Math.max(Math.min(start, state.at[axis]), state.at[axis] - shape[axis] + 1, 0), last);
  });
  if (moved.some((start, axis) => start !== corner[axis])) {
    corner = moved;
    drawAll();
  }
  const one = at(...state.at);
  place($("cell"), [state.at[0] - corner[0], state.at[1] - corner[1], 1, 1], shape);
  $("cell").dataset.row = String(state.at[0]);
  $("cell").dataset.column = String(state.at[1]);
  const [top, left, rows, columns] = seen();
  const [kh, kw] = kernelSize();
  const first = one.terms[0];
  place($("window"), [first.row - top, first.column - left, state.dilation[0] * (kh - 1) + 1,
    state.dilation[1] * (kw - 1) + 1], [rows, columns]);
  $("sum").textContent = sentence(one);
  $("result").textContent = written(one.result);
  $("place").textContent = `row ${state.at[0]}, column ${state.at[1]}`;
  const most = Math.max(...one.terms.map((term) => Math.abs(term.product))) || 1;
  const plane = one.terms.slice(0, kh * kw);
  const line = (make) => Array.from({ length: kh }, (_, i) => plane.slice(i * kw, (i + 1) * kw).map(make));
  const small = Math.max(kh, kw) <= 11;
  $("grids").hidden = !small;
  if (small) {
    fill($("patch"), line((term) => ({ text: written(term.input), invented: term.invented })), false);
    fill($("products"), line((term) => ({ text: written(term.product), share: term.product / most })), true);
  }
}

/** Lay a frame over cells of a canvas that is drawn at any size. */
function place(frame, [top, left, rows, columns], [allRows, allColumns]) {
  frame.style.top = `${(100 * top) / allRows}%`;
  frame.style.left = `${(100 * left) / allColumns}%`;
  frame.style.height = `${(100 * rows) / allRows}%`;
  frame.style.width = `${(100 * columns) / allColumns}%`;
}

/** Draw anew after a control moved; say why where nothing is left of the map. */
function renew() {
  const whole = mapSize();
  const gone = whole.some((side) => side < 1);
  $("problem").textContent = gone ? "Nothing is left of the map: a smaller kernel or dilation, or more padding." : "";
  $("explored").hidden = gone;
  $("stride-value").textContent = state.stride.join(", ");
  $("dilation-value").textContent = state.dilation.join(", ");
  $("padding-value").textContent = state.pads.join(", ");
  if (gone) return;
  corner = corner.map((start, axis) => Math.min(start, Math.max(whole[axis] - viewSize()[axis], 0)));
  drawAll();
  show();
}

/** Make the table in which the kernel is edited. */
function drawKernel() {
  $("kernel").replaceChildren(...state.weights.map((plane, channel) => {
    const table = document.createElement("table");
    if (state.weights.length > 1) table.createCaption().textContent = `channel ${channel}`;
    plane.forEach((line, i) => {
      const row = table.insertRow();
      line.forEach((weight, j) => {
        const input = document.createElement("input");
        input.type = "number";
        input.step = "any";
        input.value = written(weight);
        input.setAttribute("aria-label", `weight at row ${i}, column ${j}${state.weights.length > 1 ? `, channel ${channel}` : ""}`);
        input.addEventListener("input", () => {
          if (!Number.isFinite(input.valueAsNumber)) return;
          plane[i][j] = input.valueAsNumber;
          renew();
        });
        input.addEventListener("change", () => { // a field that is left empty holds what it held
          if (!Number.isFinite(input.valueAsNumber)) input.value = written(plane[i][j]);
        });
        input.style.width = `${Math.max(input.value.length + 3, 6)}ch`;
        row.insertCell().append(input);
      });
    });
    return table;
  }));
}

/** Take a kernel: those of the job first, then presets. */
function take(kernel) {
  state.weights = kernel.weights.map((plane) => plane.map((line) => line.slice()));
  state.bias = kernel.bias;
  if (data.same) state.pads = sameOf(data.same);
  drawKernel();
  renew();
}

/** Return the border that keeps the size: what is odd goes to the bottom and the right. */
function sameOf(kind) {
  const [kh, kw] = kernelSize();
  const sides = [[height, kh], [width, kw]].flatMap(([n, k], axis) => {
    const reach = state.dilation[axis] * (k - 1);
    if (kind === "full") return [reach, reach];
    const total = Math.max((Math.ceil(n / state.stride[axis]) - 1) * state.stride[axis] + reach + 1 - n, 0);
    const before = data.flip ? Math.ceil(total / 2) : Math.floor(total / 2);
    return [before, total - before];
  });
  return sides;
}

/** Turn a place of the pointer into a cell of the map. */
function pointed(event) {
  const box = $("map").getBoundingClientRect();
  const shape = viewSize();
  const share = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
  state.at = share.map((part, axis) => corner[axis] + Math.min(Math.floor(part * shape[axis]), shape[axis] - 1));
  show();
}

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0] };

/** Let keys, pointer and controls act. */
function listen() {
  const stage = $("map-stage");
  stage.addEventListener("pointermove", pointed);
  stage.addEventListener("pointerdown", (event) => { pointed(event); stage.focus(); });
  stage.addEventListener("keydown", (event) => {
    const [rows, columns] = mapSize();
    const move = MOVES[event.key];
    if (move) state.at = [state.at[0] + move[0], state.at[1] + move[1]];
    else if (event.key === "Home") state.at = [state.at[0], 0];
    else if (event.key === "End") state.at = [state.at[0], columns - 1];
    else return;
    state.at = [Math.min(Math.max(state.at[0], 0), rows - 1), Math.min(Math.max(state.at[1], 0), columns - 1)];
    event.preventDefault();
    show();
  });
  $("overview").addEventListener("pointerdown", (event) => {
    const box = $("overview").getBoundingClientRect();
    const whole = mapSize();
    state.at = [Math.floor(((event.clientY - box.top) / box.height) * whole[0]), Math.floor(((event.clientX - box.left) / box.width) * whole[1])];
    corner = state.at.map((where, axis) => Math.min(Math.max(where - (viewSize()[axis] >> 1), 0), whole[axis] - viewSize()[axis]));
    drawAll();
    show();
  });
  for (const [id, change] of [
    ["stride", (value) => { state.stride = [value, value]; }],
    ["dilation", (value) => { state.dilation = [value, value]; }],
    ["padding", (value) => { state.pads = [value, value, value, value]; data.same = ""; }],
  ]) {
    $(id).addEventListener("input", () => {
      change($(id).valueAsNumber);
      if (data.same) state.pads = sameOf(data.same);
      renew();
    });
  }
  $("choice").addEventListener("change", () => take([...data.kernels, ...data.presets][$("choice").selectedIndex]));
  $("channel").addEventListener("change", () => { state.channel = $("channel").selectedIndex; renew(); });
}

/** Return the bytes of a PNG as they were: red, green, blue and a fourth for each pixel. */
async function bytesOf(image) {
  await image.decode();
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height).data;
}

/** Return the channels of the picture as numbers: from floats, from a PNG of bytes, or from two with halves of values. */
async function readPlanes() {
  const count = data.channels;
  if (data.floats) {
    const all = data.single ? numbers(data.floats) : new Float64Array(numbers(data.floats).buffer);
    return Array.from({ length: count }, (_, channel) => all.slice(channel * height * width, (channel + 1) * height * width));
  }
  const halves = data.halves.map((text) => Object.assign(new Image(), { src: `data:image/png;base64,${text}` }));
  const [high, low] = halves.length ? await Promise.all(halves.map(bytesOf)) : [null, await bytesOf($("picture"))];
  return Array.from({ length: count }, (_, channel) => {
    const plane = new (data.single ? Float32Array : Float64Array)(height * width);
    const light = Float64Array.from({ length: 256 }, (_, value) => value / data.divisor); // a division a cell takes longer
    for (let index = 0, cell = channel; index < plane.length; index += 1, cell += 4) {
      plane[index] = high ? (256 * high[cell] + low[cell]) / data.divisor : light[low[cell]];
    }
    return plane;
  });
}

/** Return the luma of three channels, as the program weighs them. */
function luma(three) {
  const [[red, green, blue], [ofRed, ofGreen, ofBlue]] = [three, data.luma];
  const all = new red.constructor(red.length);
  for (let index = 0; index < all.length; index += 1) { // a function called for each of twelve million cells takes longer
    all[index] = ofRed * red[index] + ofGreen * green[index] + ofBlue * blue[index];
  }
  return all;
}

/** Begin. */
async function begin() {
  planes = await readPlanes();
  if (data.gray && planes.length === 3) planes = [luma(planes)];
  $("channel-line").hidden = data.summed || planes.length === 1;
  state.weights = data.kernels[0].weights.map((plane) => plane.map((line) => line.slice()));
  state.bias = data.kernels[0].bias;
  state.at = mapSize().map((side) => side >> 1);
  corner = state.at.map((place, axis) => Math.max(place - (viewSize()[axis] >> 1), 0));
  listen();
  drawKernel();
  renew();
  document.body.dataset.ready = "yes";
}

begin();
