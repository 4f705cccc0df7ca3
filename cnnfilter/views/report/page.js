// What the pages that act have in common: their data, how numbers are written, and values as colours.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

/** Return a number as people write it: whole ones as such, others in six digits. */
function written(value) {
  if (!Number.isFinite(value)) return String(value);
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? String(value) : String(Number(value.toPrecision(6)));
}

/** Return the numbers that text holds: little-endian float32. */
function numbers(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/** Return the largest finite value without its sign; 1 where there is none but 0. */
const largestOf = (values) => values.reduce((most, value) => Math.max(most, Number.isFinite(value) ? Math.abs(value) : 0), 0) || 1;

/** Return the colour of a value between -1 and 1: blue below 0, pale at 0, orange above; its own for NaN and infinity. */
function signedColour(share) {
  if (!Number.isFinite(share)) return [198, 60, 160];
  const end = share > 0 ? [231, 126, 35] : [52, 110, 196];
  const part = Math.min(1, Math.abs(share)) ** 0.8;
  return [238, 238, 234].map((zero, index) => Math.round(zero + part * (end[index] - zero)));
}

/** Draw values as cells on a canvas, each in the colour that is given for its row and column. */
function draw(canvas, rows, columns, colour) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const paint = colour(row, column);
      const place = 4 * (row * columns + column);
      for (let k = 0; k < 3; k += 1) image.data[place + k] = paint[k];
      image.data[place + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

