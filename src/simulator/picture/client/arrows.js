/** Messages as arrows from line to line; those that were lost end in a cross; what is too many to draw is counted in bars. */

import { FATE, messages, model, nodeCount } from './data.js';
import { cross } from './glyphs.js';
import { lineY } from './lanes.js';
import { colour, messageStyle } from './palette.js';
import { addArrow } from './pick.js';
import { isInWindow, view, xOf } from './view.js';
import { countMessages, isWanted, messagesAbout, visibleMessages } from './visible.js';

/** @typedef {CanvasRenderingContext2D} Pen */
/** @typedef {import('./pick.js').Segment} Segment */

/** Heads and crosses only while they can be told apart. */
const MAX_WITH_HEADS = 900;
const HEAD_LENGTH = 8;
const HEAD_WIDTH = 3;
/** From the line, so that heads do not drown in it. */
const CLEARANCE = 5;
/** A message that was lost as it was sent goes this far. */
const LOST_AT_ONCE = 0.35;
const LOST_ON_THE_WAY = 0.88;
const BAR_WIDTH = 4;
const MAX_BAR_HEIGHT = 22;

/**
 * What the last frame drew, for the line below the picture.
 * @type {{ drawn: number, counted: number[] }}
 */
export const arrowStatus = { drawn: 0, counted: [] };

/** @type {{ kind: number, indices: number[] }[]} */
let lastArrows = [];

/**
 * @param {Pen} pen
 * @param {number} highlighted a block, -1 for none
 */
export function drawMessages(pen, highlighted) {
  const { arrows, counted, total } = visibleMessages();
  arrowStatus.drawn = total;
  arrowStatus.counted = counted;
  lastArrows = arrows;
  drawBars(pen, counted);
  drawLeftOut(pen);
  const hasHeads = total <= MAX_WITH_HEADS;
  const chosen = chosenMessages(highlighted);
  for (const { kind, indices } of arrows) {
    pen.globalAlpha = chosen.length > 0 ? 0.12 : hasHeads ? 0.85 : 0.5;
    strokeArrows(pen, kind, indices, hasHeads);
  }
  pen.globalAlpha = 1;
  strokeChosen(pen, chosen);
}

/**
 * The messages that stand out: those about the highlighted block, and the one that is selected or pointed at.
 * @param {number} highlighted
 */
function chosenMessages(highlighted) {
  const chosen = messagesAbout(highlighted).filter((index) => isWanted(index) && isInView(index));
  for (const thing of [view.selected, view.hovered]) if (thing?.type === 'message') chosen.push(thing.index);
  return chosen;
}

/** @param {number} index */
function isInView(index) {
  return messages.end[index] >= view.fromUs && messages.sent[index] <= view.toUs;
}

/**
 * @param {Pen} pen
 * @param {readonly number[]} chosen
 */
function strokeChosen(pen, chosen) {
  const byKind = Map.groupBy(chosen, (index) => messages.kind[index]);
  for (const [kind, indices] of byKind) strokeArrows(pen, kind, indices, true, 2);
}

/**
 * @param {Pen} pen
 * @param {number} kind
 * @param {readonly number[]} indices
 * @param {boolean} hasHeads
 * @param {number} [widened]
 */
function strokeArrows(pen, kind, indices, hasHeads, widened = 1) {
  const { hue, dash, width } = messageStyle(kind);
  pen.strokeStyle = colour(hue);
  pen.fillStyle = colour(hue);
  pen.lineWidth = width * widened;
  pen.setLineDash(hasHeads ? dash : []);
  pen.beginPath();
  const segments = indices.map((index) => segmentOf(index));
  for (const [place, segment] of segments.entries()) {
    pen.moveTo(segment.x1, segment.y1);
    pen.lineTo(segment.x2, segment.y2);
    addArrow(indices[place], segment);
  }
  pen.stroke();
  pen.setLineDash([]);
  if (!hasHeads) return;
  pen.beginPath();
  for (const [place, segment] of segments.entries()) if (messages.fate[indices[place]] === FATE.received) addHead(pen, segment);
  pen.fill();
  for (const [place, { x2, y2 }] of segments.entries()) {
    if (messages.fate[indices[place]] >= FATE.lost) cross(pen, 'red', x2, y2, 3.5, 1.8);
  }
}

/**
 * @param {number} index
 * @returns {Segment}
 */
function segmentOf(index) {
  const { sent, end, from, to, fate } = messages;
  const down = to[index] > from[index] ? 1 : -1;
  const [x1, y1] = [xOf(sent[index]), lineY(from[index]) + down * 2];
  const [x2, y2] = [xOf(end[index]), lineY(to[index]) - down * CLEARANCE];
  if (fate[index] < FATE.lost) return { x1, y1, x2, y2 };
  const isAtOnce = end[index] === sent[index];
  const share = isAtOnce ? LOST_AT_ONCE : LOST_ON_THE_WAY;
  return { x1, y1, x2: isAtOnce ? x1 + 6 : x1 + (x2 - x1) * share, y2: y1 + (y2 - y1) * share };
}

/**
 * @param {Pen} pen
 * @param {Segment} segment
 */
function addHead(pen, { x1, y1, x2, y2 }) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  if (length === 0) return;
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  const [bx, by] = [x2 - ux * HEAD_LENGTH, y2 - uy * HEAD_LENGTH];
  pen.moveTo(x2, y2);
  pen.lineTo(bx - uy * HEAD_WIDTH, by + ux * HEAD_WIDTH);
  pen.lineTo(bx + uy * HEAD_WIDTH, by - ux * HEAD_WIDTH);
  pen.closePath();
}

/**
 * How much each node sends of what is not drawn, as bars on its line.
 * @param {Pen} pen
 * @param {readonly number[]} counted
 */
function drawBars(pen, counted) {
  if (counted.length === 0) return;
  const parts = Math.ceil(view.width / BAR_WIDTH);
  const counts = countMessages(counted, parts, nodeCount);
  const most = Math.max(1, ...counts.map((row) => row.reduce((a, b) => Math.max(a, b), 0)));
  pen.fillStyle = colour('quiet');
  pen.globalAlpha = 0.35;
  for (const [node, row] of counts.entries()) {
    for (let part = 0; part < parts; part++) bar(pen, node, part * BAR_WIDTH, BAR_WIDTH - 1, row[part] / most);
  }
  pen.globalAlpha = 1;
}

/**
 * Outside of the window only counts are in the page; they are drawn, on a ground that says so.
 * @param {Pen} pen
 */
function drawLeftOut(pen) {
  const { binUs, sent } = model.density;
  const { fromUs, toUs } = model.window;
  if (isInWindow(Math.max(0, view.fromUs)) && isInWindow(Math.min(view.toUs, model.run.endUs))) return;
  const most = Math.max(1, ...sent.map((row) => row.reduce((a, b) => Math.max(a, b), 0)));
  pen.globalAlpha = 0.35;
  pen.fillStyle = colour('quiet');
  for (const [node, row] of sent.entries()) {
    const last = Math.min(row.length - 1, Math.floor(view.toUs / binUs));
    for (let bin = Math.max(0, Math.floor(view.fromUs / binUs)); bin <= last; bin++) {
      const [left, right] = [bin * binUs, (bin + 1) * binUs];
      if (left >= fromUs && right <= toUs) continue;
      bar(pen, node, xOf(left), Math.max(xOf(right) - xOf(left) - 0.5, 0.5), row[bin] / most);
    }
  }
  pen.globalAlpha = 1;
}

/**
 * @param {Pen} pen
 * @param {number} node
 * @param {number} x
 * @param {number} width
 * @param {number} share
 */
function bar(pen, node, x, width, share) {
  const height = Math.sqrt(share) * MAX_BAR_HEIGHT;
  if (height > 0) pen.fillRect(x, lineY(node) - 2 - height, width, height);
}

/**
 * What is under way at the cursor, as dots on its arrow.
 * @param {Pen} pen
 */
export function drawInFlight(pen) {
  const us = view.cursorUs;
  if (us < view.fromUs || us > view.toUs) return;
  for (const { kind, indices } of lastArrows) {
    pen.fillStyle = colour(messageStyle(kind).hue);
    pen.beginPath();
    for (const index of indices) {
      const { sent, end } = messages;
      if (sent[index] > us || end[index] <= us) continue;
      const { x1, y1, x2, y2 } = segmentOf(index);
      const share = (us - sent[index]) / (end[index] - sent[index]);
      pen.moveTo(x1 + (x2 - x1) * share + 4, y1 + (y2 - y1) * share);
      pen.arc(x1 + (x2 - x1) * share, y1 + (y2 - y1) * share, 4, 0, 7);
    }
    pen.fill();
  }
}
