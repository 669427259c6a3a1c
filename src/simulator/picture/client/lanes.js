/** The lines of nodes: where they lie, how they look, and the marks on them. */

import { drawBands, drawDowntimes } from './bands.js';
import { futureOf, pastOf } from './causality.js';
import { endUs, lastAtOrBefore, lowerBound, MARK, marks, model, nodeCount, roles, textAt } from './data.js';
import { grouped } from './format.js';
import { drawMark, drawViolation, MARK_STYLES } from './glyphs.js';
import { downtimes, firstMark, marksOf, marksOfKind } from './history.js';
import { colour, roleStyle } from './palette.js';
import { addPoint } from './pick.js';
import { nodeOf, timeOf } from './things.js';
import { usPerPixel, view, xOf } from './view.js';

/** @typedef {CanvasRenderingContext2D} Pen */

const MIN_LANE_HEIGHT = 54;
const MAX_LANE_HEIGHT = 170;
/** Of the line, from the top of its lane. */
const LINE_SHARE = 0.38;
/** Of bands below the line, and of violations above it. */
const BAND_DISTANCE = 11;
/** Where there is room, names below the line stay free of bands. */
const ROOMY_LANE = 90;
const ROOMY_BAND_DISTANCE = 21;
const VIOLATION_HEIGHT = 16;
const HALO_RADIUS = 11;
/** With less room than this for each mark of a kind, marks are narrow. */
const PIXELS_PER_MARK = 13;
const DENSE_SCALE = 0.45;
/** Of one kind on one node: closer together than so many pixels, marks are one. */
const MIN_MARK_GAP = 4;
const MIN_MARK_GAPS = /** @type {{ [kind: string]: number }} */ ({ head: 2, engine: 5 });
/** Marks that are not about the highlighted block. */
const FADED = 0.3;
/** Names of an engine's traces are written only when each has so many pixels. */
const PIXELS_PER_NAME = 60;

export const lanes = { height: 80 };

/** @param {number} available */
export function setLaneHeight(available) {
  lanes.height = Math.max(MIN_LANE_HEIGHT, Math.min(MAX_LANE_HEIGHT, Math.floor(available / nodeCount)));
}

/** @param {number} node */
export function lineY(node) {
  return (node + LINE_SHARE) * lanes.height;
}

/**
 * @param {number} y
 * @returns {number} the node whose lane this is
 */
export function nodeAtY(y) {
  return Math.min(nodeCount - 1, Math.max(0, Math.floor(y / lanes.height)));
}

/**
 * Every other lane is a little darker.
 * @param {Pen} pen
 */
export function drawGround(pen) {
  pen.fillStyle = colour('raised');
  for (let node = 1; node < nodeCount; node += 2) pen.fillRect(0, node * lanes.height, view.width, lanes.height);
}

/** @param {Pen} pen */
export function drawLanes(pen) {
  for (let node = 0; node < nodeCount; node++) {
    const top = node * lanes.height;
    drawLine(pen, node);
    drawDowntimes(pen, node, top, lanes.height);
    dotDowntimes(pen, node);
    drawBands(pen, node, lineY(node) + (lanes.height > ROOMY_LANE ? ROOMY_BAND_DISTANCE : BAND_DISTANCE), top + lanes.height, 'lanes');
  }
}

/**
 * The line of a node in the colours of its roles.
 * @param {Pen} pen
 * @param {number} node
 */
function drawLine(pen, node) {
  const y = lineY(node);
  const { at, role, label } = roles[node];
  const first = Math.max(0, lastAtOrBefore(at, view.fromUs));
  strokeLine(pen, y, '', view.fromUs, at[0] ?? view.toUs);
  let lastLabel = Number.NEGATIVE_INFINITY;
  for (let place = first; place < at.length && at[place] <= view.toUs; place++) {
    strokeLine(pen, y, textAt(role[place]), at[place], at[place + 1] ?? view.toUs);
    const text = [textAt(role[place]), textAt(label[place])].filter((part) => part !== '').join(', ');
    const x = Math.max(xOf(at[place]), 0);
    const next = Math.min(xOf(at[place + 1] ?? view.toUs), view.width);
    pen.font = '10px system-ui, sans-serif';
    const width = pen.measureText(text).width;
    if (text === '' || x < lastLabel || width > next - x) continue;
    pen.fillStyle = colour('quiet');
    pen.textBaseline = 'alphabetic';
    pen.fillText(text, x + 2, node * lanes.height + 11);
    lastLabel = x + width + 12;
  }
}

/**
 * @param {Pen} pen
 * @param {number} y
 * @param {string} role
 * @param {number} fromUs
 * @param {number} toUs
 */
function strokeLine(pen, y, role, fromUs, toUs) {
  const [from, to] = [Math.max(xOf(Math.max(fromUs, 0)), 0), Math.min(xOf(Math.min(toUs, endUs)), view.width)];
  if (to <= from) return;
  const { hue, width, dash } = roleStyle(role);
  pen.beginPath();
  pen.moveTo(from, y);
  pen.lineTo(to, y);
  pen.strokeStyle = colour(hue);
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.stroke();
  pen.setLineDash([]);
}

/**
 * A node that is down has no line, only dots where it would be.
 * @param {Pen} pen
 * @param {number} node
 */
function dotDowntimes(pen, node) {
  const y = lineY(node);
  for (const span of downtimes[node]) {
    const { fromUs, toUs } = model.spans[span];
    if (toUs < view.fromUs || fromUs > view.toUs) continue;
    const [from, to] = [Math.max(xOf(fromUs), 0), Math.min(xOf(toUs), view.width)];
    pen.beginPath();
    pen.setLineDash([1.5, 5]);
    pen.moveTo(from, y);
    pen.lineTo(to, y);
    pen.strokeStyle = colour('quiet');
    pen.lineWidth = 1.5;
    pen.stroke();
    pen.setLineDash([]);
  }
}

/**
 * @param {Pen} pen
 * @param {number} highlighted a block, -1 for none
 */
export function drawMarks(pen, highlighted) {
  for (let node = 0; node < nodeCount; node++) {
    // The important kinds come first in the list of kinds and are drawn last, on top.
    for (let kind = model.markKinds.length - 1; kind >= 0; kind--) {
      if (MARK_STYLES[model.markKinds[kind]] !== undefined && !view.hiddenMarks.has(kind)) drawKind(pen, node, kind, highlighted);
    }
  }
}

/**
 * The marks of one kind on one line, one for each few pixels; those about the highlighted block all of them, on top.
 * @param {Pen} pen
 * @param {number} node
 * @param {number} kind
 * @param {number} highlighted
 */
function drawKind(pen, node, kind, highlighted) {
  const name = model.markKinds[kind];
  const list = marksOfKind[node][kind];
  const [first, last] = [firstMark(list, view.fromUs), firstMark(list, view.toUs + 1)];
  const gapUs = (MIN_MARK_GAPS[name] ?? MIN_MARK_GAP) * usPerPixel();
  const scale = (last - first) * PIXELS_PER_MARK > view.width ? DENSE_SCALE : 1;
  const isWritten = name !== 'engine' || (last - first) * PIXELS_PER_NAME <= view.width;
  let lastLabel = Number.NEGATIVE_INFINITY;
  pen.globalAlpha = highlighted >= 0 ? FADED : 1;
  for (let place = first; place < last; ) {
    const next = Math.max(place + 1, firstMark(list, marks.at[list[place]] + gapUs));
    const mark = mostOf(list, place, Math.min(next, last));
    place = next;
    if (view.hiddenNames.has(marks.name[mark])) continue;
    drawOne(pen, mark, name, scale);
    if (isWritten) lastLabel = writeLabel(pen, mark, name, lastLabel);
  }
  pen.globalAlpha = 1;
  if (highlighted < 0) return;
  for (let place = first; place < last; place++) {
    if (marks.block[list[place]] !== highlighted) continue;
    drawOne(pen, list[place], name, 1);
    writeLabel(pen, list[place], name, Number.NEGATIVE_INFINITY);
  }
}

/**
 * Of marks that are too close to each other, the one to be seen: the first, or the deepest reorganisation.
 * @param {readonly number[]} list
 * @param {number} first
 * @param {number} last
 */
function mostOf(list, first, last) {
  let most = list[first];
  if (marks.kind[most] !== MARK.reorg) return most;
  for (let place = first + 1; place < last; place++) if (marks.value[list[place]] > marks.value[most]) most = list[place];
  return most;
}

/**
 * @param {Pen} pen
 * @param {number} mark
 * @param {string} name of its kind
 * @param {number} scale
 */
function drawOne(pen, mark, name, scale) {
  const [x, y] = [xOf(marks.at[mark]), lineY(marks.node[mark])];
  drawMark(pen, name, x, y, scale);
  addPoint('lanes', { type: 'mark', index: mark }, x, y);
}

/**
 * @param {number} mark
 * @param {string} name of its kind
 */
function labelOf(mark, name) {
  if (name === 'produce' || name === 'finalize') return grouped(marks.value[mark]);
  if (name === 'reorg') return `-${marks.value[mark]}`;
  return name === 'engine' ? textAt(marks.name[mark]) : '';
}

/**
 * Where the label before it leaves room.
 * @param {Pen} pen
 * @param {number} mark
 * @param {string} name of its kind
 * @param {number} lastLabel where the last label ends
 * @returns {number} where it ends now
 */
function writeLabel(pen, mark, name, lastLabel) {
  const text = labelOf(mark, name);
  if (text === '') return lastLabel;
  pen.font = name === 'reorg' ? 'bold 11px system-ui, sans-serif' : '10px system-ui, sans-serif';
  const width = pen.measureText(text).width;
  const left = xOf(marks.at[mark]) - width / 2;
  if (left < lastLabel + 4) return lastLabel;
  const isBelow = name === 'engine';
  const baseline = lineY(marks.node[mark]) + (isBelow ? 16 : -11);
  pen.textBaseline = 'alphabetic';
  pen.strokeStyle = colour('ground');
  pen.lineWidth = 3;
  pen.lineJoin = 'round';
  pen.strokeText(text, left, baseline);
  pen.fillStyle = name === 'reorg' ? colour('orange') : name === 'finalize' ? colour('green') : colour(isBelow ? 'quiet' : 'text');
  pen.fillText(text, left, baseline);
  return left + width;
}

/**
 * A ring around what is selected.
 * @param {Pen} pen
 */
export function drawHalo(pen) {
  const thing = view.selected;
  if (thing === null || thing.type === 'message' || thing.type === 'span' || nodeOf(thing) < 0) return;
  const rise = thing.type === 'violation' ? VIOLATION_HEIGHT : 0;
  pen.beginPath();
  pen.arc(xOf(timeOf(thing)), lineY(nodeOf(thing)) - rise, HALO_RADIUS, 0, 7);
  pen.strokeStyle = colour('accent');
  pen.lineWidth = 2.5;
  pen.stroke();
}

/** @param {Pen} pen */
export function drawViolations(pen) {
  for (const [index, { atUs, node, expected }] of model.run.violations.entries()) {
    const x = xOf(atUs);
    if (x < -10 || x > view.width + 10) continue;
    pen.beginPath();
    pen.moveTo(x, 0);
    pen.lineTo(x, nodeCount * lanes.height);
    pen.strokeStyle = colour('red');
    pen.lineWidth = expected ? 1 : 2;
    pen.setLineDash(expected ? [4, 4] : []);
    pen.stroke();
    pen.setLineDash([]);
    if (node < 0) continue;
    const y = lineY(node) - VIOLATION_HEIGHT;
    drawViolation(pen, x, y, expected);
    addPoint('lanes', { type: 'violation', index }, x, y, 9);
  }
}

/**
 * What the selected event may have been caused by, and may have caused.
 * @param {Pen} pen
 */
export function drawCone(pen) {
  const thing = view.selected;
  if (!view.cone || thing === null || nodeOf(thing) < 0) return;
  const [node, us] = [nodeOf(thing), timeOf(thing)];
  const [past, future] = [pastOf(node, us), futureOf(node, us)];
  for (let other = 0; other < nodeCount; other++) {
    const top = lineY(other) - 7;
    const pastEnd = Math.min(xOf(past[other]), view.width);
    const futureStart = Math.max(xOf(future[other]), 0);
    pen.globalAlpha = 0.3;
    pen.fillStyle = colour('sky');
    if (pastEnd > 0) pen.fillRect(0, top, pastEnd, 14);
    pen.fillStyle = colour('amber');
    if (futureStart < view.width) pen.fillRect(futureStart, top, view.width - futureStart, 14);
    pen.globalAlpha = 1;
  }
}

/** Whether a mark is of a kind that nobody sees unless asked for. */
export function hideMinorMarks() {
  for (const [name, { shown }] of Object.entries(MARK_STYLES)) if (!shown && MARK[name] !== undefined) view.hiddenMarks.add(MARK[name]);
}

/**
 * The place in a list of times; for the keyboard.
 * @param {number} node
 * @param {number} us
 * @param {1 | -1} direction
 * @returns {number} a mark, or -1
 */
export function nextMark(node, us, direction) {
  const mine = marksOf[node].filter(
    (mark) => MARK_STYLES[model.markKinds[marks.kind[mark]]] !== undefined && !view.hiddenMarks.has(marks.kind[mark]),
  );
  const times = mine.map((mark) => marks.at[mark]);
  const place = direction === 1 ? lowerBound(times, us + 0.5) : lowerBound(times, us - 0.5) - 1;
  return mine[place] ?? -1;
}
