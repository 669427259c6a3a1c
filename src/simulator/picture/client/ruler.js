/** The ruler of virtual time, and above all lanes what concerns the whole network: noise, calm, violations. */

import { BAND_HEIGHT, drawBands, networkRows } from './bands.js';
import { endUs, MARK, marks, model, nodeCount } from './data.js';
import { timeText, withShortHashes } from './format.js';
import { drawViolation } from './glyphs.js';
import { colour } from './palette.js';
import { addHit, addPoint, forgetHits } from './pick.js';
import { usPerPixel, view, xOf } from './view.js';

/** @typedef {CanvasRenderingContext2D} Pen */

const MIN_TICK_PIXELS = 96;
const MINOR_TICKS = 5;
const RULER_HEIGHT = 24;
const VIOLATION_ROW = 20;
const MIN_FLAG_PIXELS = 60;
/** 1, 2 and 5 times a power of ten; 60 s and 300 s read better than 50 and 200, but not in seconds. */
const STEPS = [1, 2, 5];

export const calmUs = model.markKinds.includes('phase') ? firstPhase() : endUs;

function firstPhase() {
  for (let mark = 0; mark < marks.count; mark++) if (marks.kind[mark] === MARK.phase) return marks.at[mark];
  return endUs;
}

export function rulerHeight() {
  const rows = networkRows();
  return RULER_HEIGHT + rows * (BAND_HEIGHT + 1) + (model.run.violations.length > 0 ? VIOLATION_ROW : 0) + 2;
}

/** The distance of labelled ticks, in microseconds. */
export function tickUs() {
  const least = MIN_TICK_PIXELS * usPerPixel();
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return Math.max(1, STEPS.map((step) => step * power).find((step) => step >= least) ?? 10 * power);
}

/**
 * @param {Pen} pen
 * @param {number} height
 */
export function drawRuler(pen, height) {
  forgetHits('ruler');
  drawCalm(pen, height);
  const step = tickUs();
  pen.font = '11px system-ui, sans-serif';
  pen.textBaseline = 'alphabetic';
  pen.strokeStyle = colour('edge');
  pen.lineWidth = 1;
  for (let us = Math.max(0, Math.ceil(view.fromUs / step) * step); us <= Math.min(view.toUs, endUs); us += step) {
    tick(pen, xOf(us), 10);
    pen.fillStyle = colour('quiet');
    pen.fillText(timeText(us, step), xOf(us) + 4, 14);
    for (let minor = 1; minor < MINOR_TICKS; minor++) tick(pen, xOf(us + (minor * step) / MINOR_TICKS), 4);
  }
  drawBands(pen, nodeCount, RULER_HEIGHT, RULER_HEIGHT + networkRows() * (BAND_HEIGHT + 1), 'ruler');
  drawFlags(pen, RULER_HEIGHT + networkRows() * (BAND_HEIGHT + 1) + VIOLATION_ROW / 2);
}

/**
 * @param {Pen} pen
 * @param {number} x
 * @param {number} length
 */
function tick(pen, x, length) {
  pen.beginPath();
  pen.moveTo(x, RULER_HEIGHT - length);
  pen.lineTo(x, RULER_HEIGHT);
  pen.stroke();
}

/**
 * The time after the last fault.
 * @param {Pen} pen
 * @param {number} height
 */
function drawCalm(pen, height) {
  const x = Math.max(xOf(calmUs), 0);
  if (x >= view.width || calmUs >= endUs) return;
  pen.fillStyle = colour('raised');
  pen.fillRect(x, 0, view.width - x, height);
  pen.font = '10px system-ui, sans-serif';
  pen.fillStyle = colour('quiet');
  pen.textBaseline = 'alphabetic';
  const text = 'calm: no more faults';
  if (view.width - x > pen.measureText(text).width + 10) pen.fillText(text, x + 5, RULER_HEIGHT + BAND_HEIGHT - 2);
}

/**
 * Violations by name, as far as there is room.
 * @param {Pen} pen
 * @param {number} y
 */
function drawFlags(pen, y) {
  let lastRight = Number.NEGATIVE_INFINITY;
  for (const [index, { atUs, checker, message, expected }] of model.run.violations.entries()) {
    const x = xOf(atUs);
    if (x < -10 || x > view.width + 10) continue;
    drawViolation(pen, x, y, expected);
    addPoint('ruler', { type: 'violation', index }, x, y, 9);
    pen.font = 'bold 11px system-ui, sans-serif';
    const isRight = x > view.width / 2;
    const room = isRight ? x - 14 - Math.max(lastRight + 8, 0) : view.width - x - 14;
    const text = cut(pen, withShortHashes(`${checker}${expected ? ' (expected)' : ''}: ${message}`), room);
    const width = pen.measureText(text).width;
    const left = isRight ? x - 14 - width : x + 14;
    if (left < lastRight + 8 || room < MIN_FLAG_PIXELS) continue;
    pen.fillStyle = colour('red');
    pen.textBaseline = 'middle';
    pen.fillText(text, left, y + 0.5);
    addHit('ruler', { type: 'violation', index }, { left, top: y - 8, right: left + width, bottom: y + 8 });
    lastRight = left + width;
  }
}

/**
 * @param {Pen} pen
 * @param {string} text
 * @param {number} room
 */
function cut(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let length = text.length;
  while (length > 0 && pen.measureText(`${text.slice(0, length)}…`).width > room) length -= 4;
  return `${text.slice(0, Math.max(length, 0))}…`;
}

/**
 * Fine lines through the lanes at the labelled ticks.
 * @param {Pen} pen
 * @param {number} height
 */
export function drawGrid(pen, height) {
  const step = tickUs();
  pen.strokeStyle = colour('faint');
  pen.lineWidth = 1;
  pen.beginPath();
  for (let us = Math.max(0, Math.ceil(view.fromUs / step) * step); us <= Math.min(view.toUs, endUs); us += step) {
    const x = Math.round(xOf(us)) + 0.5;
    pen.moveTo(x, 0);
    pen.lineTo(x, height);
  }
  pen.stroke();
}

/**
 * The moment that is told of, and the one under the pointer.
 * @param {Pen} pen
 * @param {number} height
 */
export function drawCursor(pen, height) {
  const moments = /** @type {[number | null, number[], string][]} */ ([
    [view.pointerUs, [3, 3], 'quiet'],
    [view.cursorUs, [], 'accent'],
  ]);
  for (const [us, dash, hue] of moments) {
    if (us === null) continue;
    const x = Math.round(xOf(us)) + 0.5;
    pen.beginPath();
    pen.setLineDash(dash);
    pen.moveTo(x, 0);
    pen.lineTo(x, height);
    pen.strokeStyle = colour(hue);
    pen.lineWidth = 1;
    pen.stroke();
    pen.setLineDash([]);
  }
}

/**
 * The cursor's time, written on the ruler.
 * @param {Pen} pen
 */
export function drawCursorTime(pen) {
  const x = xOf(view.cursorUs);
  if (x < 0 || x > view.width) return;
  pen.font = 'bold 11px system-ui, sans-serif';
  const text = timeText(view.cursorUs, Math.max(1, usPerPixel()));
  const width = pen.measureText(text).width + 10;
  const left = Math.min(Math.max(x - width / 2, 0), view.width - width);
  pen.fillStyle = colour('accent');
  pen.fillRect(left, 1, width, 16);
  pen.fillStyle = colour('ground');
  pen.textBaseline = 'middle';
  pen.fillText(text, left + 5, 9.5);
}
