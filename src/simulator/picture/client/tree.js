/** The blocks of the run as a tree along the same time: each where it was produced, with the heads of nodes at the cursor. */
import { blocks, lowerBound, nodeCount } from './data.js';
import { headAt, isUp } from './history.js';
import { colour } from './palette.js';
import { addHit, forgetHits } from './pick.js';
import { rowCount, rowOf } from './tree-layout.js';
import { view, xOf } from './view.js';

/** @typedef {CanvasRenderingContext2D} Pen */

const ROW_HEIGHT = 24;
const TOP = 30;
const BLOCK_HEIGHT = 16;
/** Nearer than this, blocks of one row are one. */
const MIN_BLOCK_GAP = 3;
const TAG_HEIGHT = 13;

export function treeHeight() {
  return TOP + rowCount * ROW_HEIGHT;
}

/** @param {number} block */
function yOf(block) {
  return TOP + (rowOf[block] + 0.5) * ROW_HEIGHT;
}

/**
 * @param {Pen} pen
 * @param {number} highlighted a block, -1 for none
 */
export function drawTree(pen, highlighted) {
  forgetHits('tree');
  const [first, last] = [Math.max(0, lowerBound(blocks.born, view.fromUs) - 1), lowerBound(blocks.born, view.toUs)];
  const ancestors = lineage(highlighted);
  drawEdges(pen, first, Math.min(blocks.count, last + 64), ancestors);
  /** @type {number[]} */
  const lastX = Array.from({ length: rowCount }, () => Number.NEGATIVE_INFINITY);
  const room = roomOf(first, last);
  for (let block = first; block < last; block++) {
    const row = rowOf[block];
    if (row < 0) continue;
    const x = xOf(blocks.born[block]);
    if (x - lastX[row] < MIN_BLOCK_GAP || block === highlighted) continue;
    lastX[row] = x;
    drawBlock(pen, block, x, room.get(block) ?? 0, false, ancestors.has(block));
  }
  if (highlighted >= first && highlighted < last && rowOf[highlighted] >= 0) {
    drawBlock(pen, highlighted, xOf(blocks.born[highlighted]), 0, true, true);
  }
  drawHeads(pen);
}

/**
 * How many pixels each block has to itself.
 * @param {number} first
 * @param {number} last
 */
function roomOf(first, last) {
  /** @type {Map<number, number>} */
  const room = new Map();
  /** @type {number[]} By row. */
  const previous = [];
  for (let block = first; block < last; block++) {
    const row = rowOf[block];
    if (row < 0) continue;
    const before = previous[row];
    const gap = before === undefined ? Number.POSITIVE_INFINITY : xOf(blocks.born[block]) - xOf(blocks.born[before]);
    room.set(block, gap);
    if (before !== undefined) room.set(before, Math.min(room.get(before) ?? gap, gap));
    previous[row] = block;
  }
  return room;
}

/**
 * The block and its ancestors in the view.
 * @param {number} highlighted
 */
function lineage(highlighted) {
  const found = new Set();
  for (let block = highlighted; block >= 0 && blocks.born[block] >= view.fromUs; block = blocks.parent[block]) found.add(block);
  return found;
}

/**
 * @param {Pen} pen
 * @param {number} first
 * @param {number} last
 * @param {Set<number>} ancestors
 */
function drawEdges(pen, first, last, ancestors) {
  for (const isLineage of [false, true]) {
    pen.beginPath();
    for (let block = first; block < last; block++) {
      const parent = blocks.parent[block];
      if (rowOf[block] < 0 || parent < 0 || ancestors.has(block) !== isLineage) continue;
      edge(pen, xOf(blocks.born[parent]), yOf(parent), xOf(blocks.born[block]), yOf(block));
    }
    pen.strokeStyle = colour(isLineage ? 'accent' : 'line');
    pen.lineWidth = isLineage ? 2.5 : 1.3;
    pen.stroke();
  }
}

/**
 * Along the parent's row, then down to the child.
 * @param {Pen} pen
 * @param {number} x1
 * @param {number} y1
 * @param {number} x2
 * @param {number} y2
 */
function edge(pen, x1, y1, x2, y2) {
  if (x2 < -5 || x1 > view.width + 5) return;
  const from = Math.max(x1, -5);
  pen.moveTo(from, y1);
  if (y1 === y2) {
    pen.lineTo(Math.min(x2, view.width + 5), y2);
    return;
  }
  const bend = Math.min(10, (x2 - x1) / 2);
  pen.lineTo(Math.max(x2 - bend, from), y1);
  pen.quadraticCurveTo(x2, y1, x2, y2);
}

/**
 * @param {Pen} pen
 * @param {number} block
 * @param {number} x
 * @param {number} room
 * @param {boolean} isHighlighted
 * @param {boolean} isAncestor
 */
function drawBlock(pen, block, x, room, isHighlighted, isAncestor) {
  const y = yOf(block);
  pen.font = '10px system-ui, sans-serif';
  const text = String(blocks.number[block]);
  const width = pen.measureText(text).width + 8;
  const isBig = room > width + 2 || isHighlighted;
  const [w, h] = isBig ? [width, BLOCK_HEIGHT] : [Math.max(2, Math.min(6, room - 1)), 8];
  pen.beginPath();
  pen.roundRect(x - w / 2, y - h / 2, w, h, isBig ? 3 : 1);
  const isMain = rowOf[block] === 0;
  pen.fillStyle = isHighlighted ? colour('accent') : isMain ? colour('text') : colour('ground');
  pen.fill();
  pen.strokeStyle = isAncestor ? colour('accent') : isMain ? colour('text') : colour('quiet');
  pen.lineWidth = 1.2;
  pen.stroke();
  if (isBig) {
    pen.fillStyle = isMain || isHighlighted ? colour('ground') : colour('text');
    pen.textBaseline = 'middle';
    pen.fillText(text, x - w / 2 + 4, y + 0.5);
  }
  addHit('tree', { type: 'block', index: block }, { left: x - w / 2 - 2, top: y - h / 2 - 2, right: x + w / 2 + 2, bottom: y + h / 2 + 2 });
}

/**
 * Which nodes have which head at the cursor.
 * @param {Pen} pen
 */
function drawHeads(pen) {
  const living = Array.from({ length: nodeCount }, (_, node) => node).filter((node) => isUp(node, view.cursorUs));
  const byHead = Map.groupBy(living, (node) => headAt(node, view.cursorUs));
  pen.font = 'bold 10px system-ui, sans-serif';
  pen.textBaseline = 'middle';
  let lastRight = Number.NEGATIVE_INFINITY;
  let level = 0;
  for (const [head, nodes] of [...byHead].sort(([a], [b]) => blocks.born[a] - blocks.born[b])) {
    if (head < 0 || rowOf[head] < 0) continue;
    const x = xOf(blocks.born[head]);
    if (x < 0 || x > view.width) continue;
    const text = nodes.join(' ');
    const width = pen.measureText(text).width + 8;
    // A head at either end of the view has its label within it.
    const left = Math.max(0, Math.min(x - width / 2, view.width - width));
    level = left < lastRight + 2 ? (level + 1) % 2 : 0;
    drawTag(pen, text, x, left, width, 2 + level * (TAG_HEIGHT + 1), yOf(head) - BLOCK_HEIGHT / 2);
    lastRight = left + width;
  }
}

/**
 * @param {Pen} pen
 * @param {string} text
 * @param {number} x of the block
 * @param {number} left
 * @param {number} width
 * @param {number} y
 * @param {number} tip
 */
function drawTag(pen, text, x, left, width, y, tip) {
  pen.beginPath();
  pen.moveTo(x, y + TAG_HEIGHT);
  pen.lineTo(x, tip);
  pen.strokeStyle = colour('accent');
  pen.lineWidth = 1.2;
  pen.stroke();
  pen.beginPath();
  pen.roundRect(left, y, width, TAG_HEIGHT, 3);
  pen.fillStyle = colour('accent');
  pen.fill();
  pen.fillStyle = colour('ground');
  pen.fillText(text, left + 4, y + TAG_HEIGHT / 2 + 0.5);
}
