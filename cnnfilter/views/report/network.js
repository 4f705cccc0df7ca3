// The layers of a network to explore: which part of the picture a value sees, and what it is.

for (const layer of data.layers) layer.numbers = numbers(layer.values);

const state = { layer: 0, map: 0, at: [0, 0] };

/** Return the value of a layer at a map, row and column: those that the page holds. */
function valueOf(layer, map, row, column) {
  const [rows, columns] = layer.size;
  return layer.numbers[(map * rows + row) * columns + column];
}

/** Return the part of the picture that a value sees: top, left, rows, columns; all of it where it sees everything. */
function seenBy(layer, row, column) {
  if (!layer.field || !layer.jump) return data.part;
  // a value lies over the middle of what it sees; the maps are spread evenly over what the network takes, and that
  // is a part of the picture, made larger or smaller
  const step = [0, 1].map((axis) => data.part[2 + axis] / data.taken[axis]);
  const field = [0, 1].map((axis) => layer.field[axis] * step[axis]);
  const first = [0, 1].map((axis) => {
    const share = ([row, column][axis] + 0.5) / layer.size[axis];
    return data.part[axis] + share * data.part[2 + axis] - field[axis] / 2;
  });
  return [...first, ...field];
}

/** Return how what a value sees is called: a part of the picture, or of what it was made into. */
function seenWords(layer) {
  if (!layer.field || !layer.jump) return "all of the picture";
  const same = data.taken.every((side, axis) => side === data.size[axis]);
  const whole = same ? "the picture" : `the ${data.taken.join(" x ")} that the picture is made`;
  return `${layer.field.join(" x ")} of ${whole}`;
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
  const which = single ? `value ${layer.maps[state.map]}` : `map ${layer.maps[state.map]}, row ${row}, column ${column}`;
  $("result").textContent = written(value);
  $("sum").textContent = `${layer.name}: ${which}; it sees ${seenWords(layer)}, about where the frame is`;
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
  const best = part.reduce((most, value, index) => (value > part[most] ? index : most), 0);
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
    const facts = document.createElement("p");
    facts.className = "faint";
    facts.textContent = `${layer.kind}, ${layer.shape.join(" x ")}`;
    const maps = document.createElement("div");
    maps.className = layer.size[0] * layer.size[1] === 1 ? "maps cells" : "maps";
    layer.maps.forEach((which, map) => {
      const button = document.createElement("button");
      button.dataset.layer = String(number);
      button.dataset.map = String(map);
      button.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-label", `${layer.name}, map ${which}`);
      const canvas = document.createElement("canvas");
      drawMap(canvas, layer, map);
      button.append(canvas);
      button.addEventListener("click", () => choose(number, map));
      maps.append(button);
    });
    column.append(name, facts, maps);
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
