/* A heat map: tokens that attend as rows, attended ones as columns. Knows what is drawn where. */

import { drawn } from "./elements.js";

const CELL = 22; // pixels, as all of these
const LETTER = 9;
const GAP = 6;
const LONGEST = 14; // letters of a token that are shown
const LEAST = 0.005; // what has less is no cell

/**
 * Returns the drawing; in words it says to what each row attends most.
 *
 * @param {string} title
 * @param {string[]} queries
 * @param {string[]} keys
 * @param {number[][]} rows A weight for each query and key.
 */
export function heatMap(title, queries, keys, rows) {
  const [left, top] = [queries, keys].map((names) => LETTER * Math.max(...names.map((name) => [...short(name)].length)) + GAP);
  const [width, height] = [left + keys.length * CELL + 1, top + queries.length * CELL + 1];
  const most = Math.max(...rows.flat()) || 1;
  const cells = rows.flatMap((row, query) =>
    row.flatMap((weight, key) => {
      if (weight < LEAST) return [];
      const place = { x: left + key * CELL + 0.5, y: top + query * CELL + 0.5, width: CELL - 1, height: CELL - 1 };
      const told = drawn("title", {}, `${queries[query]} → ${keys[key]}: ${percent(weight)}`);
      return [drawn("rect", { class: "cell", ...place, "fill-opacity": weight / most }, told)];
    }),
  );
  const names = [
    ...queries.map((name, query) => drawn("text", { x: left - GAP, y: top + (query + 0.7) * CELL, "text-anchor": "end" }, short(name))),
    ...keys.map((name, key) => {
      const [x, y] = [left + (key + 0.7) * CELL, top - GAP];
      return drawn("text", { x, y, transform: `rotate(-90 ${x} ${y})` }, short(name));
    }),
  ];
  const frame = drawn("rect", { class: "frame", x: left, y: top, width: keys.length * CELL, height: queries.length * CELL });
  const strongest = rows.map((row, query) => {
    const key = row.indexOf(Math.max(...row));
    return `${queries[query]} to ${keys[key]} ${percent(row[key])}`;
  });
  const label = `${title}. Most: ${strongest.join(", ")}`;
  return drawn("svg", { role: "img", "aria-label": label, width, height, viewBox: `0 0 ${width} ${height}` }, frame, ...cells, ...names);
}

function short(name) {
  const letters = [...name];
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join("")}…` : name;
}

function percent(weight) {
  return `${Math.round(weight * 100)}%`;
}
