/** Bands along the lines of nodes: what a node is subject to, and when it is down. Written out where there is room. */
import { model, nodeCount } from './data.js';
import { downtimes } from './history.js';
import { colour, SPAN_NAMES, spanHue } from './palette.js';
import { addHit } from './pick.js';
import { view, xOf } from './view.js';

/** Bands at one time; more of them share the last row. */
const MAX_ROWS_OF_BANDS = 6;
export const BAND_HEIGHT = 11;
const BAND_GAP = 1;
/** Where there is no room for a band: to be seen, but not written out. */
const SLIVER_HEIGHT = 3;
const HATCH_STEP = 7;

/** @typedef {{ span: number, row: number }} Placed */

/** By node; the last list is of what hits the whole network. */
const placed = Array.from({ length: nodeCount + 1 }, (_, node) => placeSpans(node));

/**
 * Each span gets the first row that is free at its beginning.
 * @param {number} node
 * @returns {Placed[]}
 */
function placeSpans(node) {
  /** @type {number[]} */
  const freeAt = [];
  /** @type {Placed[]} */
  const found = [];
  for (const [span, { kind, nodes, fromUs, toUs }] of model.spans.entries()) {
    const isHere = node === nodeCount ? nodes.length === 0 : nodes.includes(node);
    if (!isHere || kind === 'down') continue;
    const free = freeAt.findIndex((us) => us <= fromUs);
    const row = Math.min(free < 0 ? freeAt.length : free, MAX_ROWS_OF_BANDS - 1);
    freeAt[row] = Math.max(freeAt[row] ?? 0, toUs);
    found.push({ span, row });
  }
  return found;
}

/** How many rows of bands the network as a whole has; one even if it has none. */
export function networkRows() {
  return Math.max(1, rowsOf(nodeCount));
}

/** @param {number} node */
function rowsOf(node) {
  return placed[node].reduce((most, { row }) => Math.max(most, row + 1), 0);
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} node nodeCount for the network
 * @param {number} top of the first row
 * @param {number} bottom
 * @param {'lanes' | 'ruler'} where
 */
export function drawBands(pen, node, top, bottom, where) {
  pen.font = '10px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  const slivers = MAX_ROWS_OF_BANDS * (SLIVER_HEIGHT + BAND_GAP);
  const rows = Math.max(
    1,
    Math.min(rowsOf(node), Math.floor((bottom - top - (rowsOf(node) > 1 ? slivers / 3 : 0)) / (BAND_HEIGHT + BAND_GAP))),
  );
  const here = placed[node].filter(({ span }) => isVisible(span));
  for (const [index, { span, row }] of here.entries()) {
    const { kind, fromUs, toUs, label } = model.spans[span];
    const left = Math.max(xOf(fromUs), -2);
    const width = Math.max(Math.min(xOf(toUs), view.width + 2) - left, 1.5);
    const y = top + Math.min(row, rows) * (BAND_HEIGHT + BAND_GAP) + Math.max(0, row - rows) * (SLIVER_HEIGHT + BAND_GAP);
    const height = row < rows ? BAND_HEIGHT : SLIVER_HEIGHT;
    pen.globalAlpha = 0.22;
    pen.fillStyle = colour(spanHue(kind));
    pen.fillRect(left, y, width, height);
    pen.globalAlpha = 1;
    pen.fillRect(left, y, width, 1.5);
    if (xOf(fromUs) >= -2) pen.fillRect(left, y, 1.5, height);
    addHit(where, { type: 'span', index: span }, { left, top: y, right: left + width, bottom: y + height });
    if (row >= rows) continue;
    const next = here.slice(index + 1).find((other) => other.row === row);
    const end = next === undefined ? left + width : Math.min(left + width, xOf(model.spans[next.span].fromUs));
    drawBandLabel(pen, [label, SPAN_NAMES[kind] ?? kind], Math.max(left, 0), end, y);
  }
}

/** @param {number} span */
function isVisible(span) {
  const { kind, fromUs, toUs } = model.spans[span];
  return toUs >= view.fromUs && fromUs <= view.toUs && !view.hiddenSpans.has(kind);
}

/**
 * The first of the texts for which there is room.
 * @param {CanvasRenderingContext2D} pen
 * @param {readonly string[]} texts
 * @param {number} left
 * @param {number} right
 * @param {number} y
 */
function drawBandLabel(pen, texts, left, right, y) {
  if (right - left < 24) return;
  const text = texts.find((candidate) => pen.measureText(candidate).width <= right - left - 8);
  if (text === undefined) return;
  pen.fillStyle = colour('text');
  pen.fillText(text, left + 4, y + BAND_HEIGHT / 2 + 0.5);
}

/**
 * Hatching where a node is down, and why.
 * @param {CanvasRenderingContext2D} pen
 * @param {number} node
 * @param {number} top
 * @param {number} height
 */
export function drawDowntimes(pen, node, top, height) {
  for (const span of downtimes[node]) {
    const { fromUs, toUs, label } = model.spans[span];
    if (toUs < view.fromUs || fromUs > view.toUs) continue;
    const left = Math.max(xOf(fromUs), -2);
    const right = Math.min(xOf(toUs), view.width + 2);
    hatch(pen, left, top + 1, Math.max(right - left, 1), height - 2);
    addHit('lanes', { type: 'span', index: span }, { left, top, right, bottom: top + height });
    if (right - left < 50) continue;
    pen.font = '11px system-ui, sans-serif';
    pen.textBaseline = 'middle';
    pen.fillStyle = colour('quiet');
    pen.fillText(label, left + 8, top + 12);
  }
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} left
 * @param {number} top
 * @param {number} width
 * @param {number} height
 */
function hatch(pen, left, top, width, height) {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  pen.fillStyle = colour('faint');
  pen.fillRect(left, top, width, height);
  pen.beginPath();
  // In step with the page and not with the band, so that bands side by side read as one surface.
  const first = Math.floor((left - height) / HATCH_STEP) * HATCH_STEP;
  for (let x = first; x < left + width; x += HATCH_STEP) {
    pen.moveTo(x, top + height);
    pen.lineTo(x + height, top);
  }
  pen.strokeStyle = colour('hatch');
  pen.lineWidth = 1.2;
  pen.stroke();
  pen.restore();
}
