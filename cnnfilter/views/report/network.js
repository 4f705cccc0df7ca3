// The layers of a network to explore: which part of the picture a value sees, and what it is.

for (const layer of data.layers) layer.numbers = numbers(layer.values);

const state = { layer: 0, map: 0, at: [0, 0] };

/** Return the value of a layer at a map, row and column: those that the page holds. */
function valueOf(layer, map, row, column) {
  const [rows, columns] = layer.size;
  return layer.numbers[(map * rows + row) * columns + column];
}

/** Say whether anything is known of what a layer's values see. */
const known = (layer) => !layer.field.size || layer.field.size[0] > 0;

/** Say whether it is known where what a value sees lies. */
const placed = ({ field }) => Boolean(field.size && field.size[0] > 0 && (field.even || field.jump));

/** Return the part of the picture that a value sees: top, left, rows, columns; all of it where it sees everything. */
function seenBy(layer, row, column) {
  if (!placed(layer)) return data.part;
  // what the network takes is a part of the picture, made larger or smaller
  const { size, begin } = layer.field;
  const jump = layer.field.jump || [0, 0];
  const step = [0, 1].map((axis) => data.part[2 + axis] / data.taken[axis]);
  const first = [0, 1].map((axis) => data.part[axis] + (begin[axis] + [row, column][axis] * jump[axis]) * step[axis]);
  return [...first, ...size.map((cells, axis) => cells * step[axis])];
}

/** Say how much a value sees, and where: a part of the picture, or of what it was made into. */
function seenWords(layer) {
  const { size, even } = layer.field;
  if (!size) return "it sees all of the picture";
  if (!known(layer)) return "what it sees is not known";
  const same = data.taken.every((side, axis) => side === data.size[axis]);
  const whole = same ? "the picture" : `the ${data.taken.join(" x ")} that the picture is made`;
  const where = placed(layer) ? `, ${even ? "" : "about "}where the frame is` : "";
  return `it sees ${size.join(" x ")} of ${whole}${where}`;
}

/** Return what a map or a value is called: its class, or its number. */
function nameOf(layer, map) {
  const what = layer.size[0] * layer.size[1] === 1 ? "value" : "map";
  const number = String(layer.maps[map]);
  return `${what} ${number}${[undefined, number].includes(layer.names[map]) ? "" : `, ${layer.names[map]}`}`;
}

/** Draw one map on a canvas. */
function drawMap(canvas, layer, map) {
  draw(canvas, ...layer.size, (row, column) => signedColour(valueOf(layer, map, row, column) / layer.largest));
}

/** Frame a part of the picture, cut off at its edges. */
function frame([top, left, rows, columns]) {
  const edges = [Math.max(top, 0), Math.max(left, 0), Math.min(top + rows, data.size[0]), Math.min(left + columns, data.size[1])];
  const box = $("window").style;
  box.top = `${(100 * edges[0]) / data.size[0]}%`;
  box.left = `${(100 * edges[1]) / data.size[1]}%`;
  box.height = `${(100 * (edges[2] - edges[0])) / data.size[0]}%`;
  box.width = `${(100 * (edges[3] - edges[1])) / data.size[1]}%`;
}

/** Show what is chosen: its value, and what it sees. */
function show() {
  const layer = data.layers[state.layer];
  const [row, column] = state.at;
  const value = valueOf(layer, state.map, row, column);
  const single = layer.size[0] * layer.size[1] === 1;
  const which = single ? nameOf(layer, state.map) : `${nameOf(layer, state.map)}, row ${row}, column ${column}`;
  $("result").textContent = written(value);
  $("sum").textContent = `${layer.name}: ${which}; ${seenWords(layer)}`;
  $("map").hidden = single;
  if (!single) drawMap($("map"), layer, state.map);
  $("map").dataset.row = String(row);
  $("map").dataset.column = String(column);
  frame(seenBy(layer, row, column));
  for (const button of document.querySelectorAll(".maps button")) {
    const chosen = Number(button.dataset.layer) === state.layer && Number(button.dataset.map) === state.map;
    button.setAttribute("aria-pressed", String(chosen));
  }
}

/** Choose a map; the cell is its largest value. */
function choose(layer, map) {
  state.layer = layer;
  state.map = map;
  const [rows, columns] = data.layers[layer].size;
  const part = data.layers[layer].numbers.subarray(map * rows * columns, (map + 1) * rows * columns);
  const best = part.reduce((most, value, index) => (value > part[most] || !Number.isFinite(part[most]) ? index : most), 0);
  state.at = [Math.floor(best / columns), best % columns];
  show();
}

/** Make a column for each layer. */
function drawLayers() {
  data.layers.forEach((layer, number) => {
    layer.largest = largestOf(layer.numbers);
    const column = document.createElement("div");
    column.className = "column";
    const name = document.createElement("h2");
    name.textContent = layer.name;
    const facts = [layer.kind, layer.shape.join(" x ")].map((text) => {
      const line = document.createElement("p");
      line.className = "faint";
      line.textContent = text;
      return line;
    });
    const maps = document.createElement("div");
    maps.className = layer.names.length ? "maps named" : layer.size[0] * layer.size[1] === 1 ? "maps cells" : "maps";
    layer.maps.forEach((_, map) => {
      const button = document.createElement("button");
      button.dataset.layer = String(number);
      button.dataset.map = String(map);
      button.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-label", `${layer.name}, ${nameOf(layer, map)}`);
      const canvas = document.createElement("canvas");
      drawMap(canvas, layer, map);
      button.append(canvas);
      if (layer.names[map]) button.append(layer.names[map]);
      button.addEventListener("click", () => choose(number, map));
      maps.append(button);
    });
    column.append(name, ...facts, maps);
    $("layers").append(column);
  });
}

/** List the classes; each leads back to its value in the last layer. */
function drawClasses() {
  const last = data.layers.findIndex((layer) => layer.name === data.last);
  for (const one of data.classes) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.textContent = `${one.name}  ${one.share.toFixed(4)}`;
    button.style.setProperty("--share", `${100 * one.share}%`);
    button.addEventListener("click", () => {
      const map = last < 0 ? -1 : data.layers[last].maps.indexOf(one.place);
      if (map >= 0) choose(last, map);
    });
    item.append(button);
    $("classes").append(item);
  }
}

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

$("map").addEventListener("keydown", (event) => {
  const move = MOVES[event.key];
  if (!move) return;
  const { size } = data.layers[state.layer];
  state.at = state.at.map((place, axis) => Math.min(Math.max(place + move[axis], 0), size[axis] - 1));
  event.preventDefault();
  show();
});

$("map").addEventListener("pointermove", (event) => {
  const box = $("map").getBoundingClientRect();
  const { size } = data.layers[state.layer];
  const share = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
  state.at = share.map((part, axis) => Math.min(Math.max(Math.floor(part * size[axis]), 0), size[axis] - 1));
  show();
});

drawLayers();
drawClasses();
if (data.layers.length) choose(0, 0);
window.cnnfilter = { state, choose, value: () => valueOf(data.layers[state.layer], state.map, ...state.at) };
document.body.dataset.ready = "yes";
