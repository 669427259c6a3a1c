/** The whole run in one narrow strip: traffic, faults, reorganisations, violations, and where the view is. */
import { endUs, MARK, marks, model, nodeCount } from './data.js';
import { colour, spanHue } from './palette.js';
import { view } from './view.js';

/** @typedef {CanvasRenderingContext2D} Pen */

export const OVERVIEW_HEIGHT = 54;
const FAULT_ROW = 3;
const TRAFFIC_TOP = 16;
const MIN_VIEW_PIXELS = 4;

/** @param {number} us */
function xIn(us) {
  return (us / endUs) * view.width;
}

/** @param {number} x */
export function overviewTime(x) {
  return (x / view.width) * endUs;
}

/** What does not move, as it was drawn last. */
const still = document.createElement('canvas');
let stillFor = '';

/** @param {Pen} pen */
export function drawOverview(pen) {
  const { width, height } = pen.canvas;
  const key = `${width} ${height} ${colour('ground')}`;
  if (key !== stillFor) {
    stillFor = key;
    [still.width, still.height] = [width, height];
    const own = /** @type {Pen} */ (still.getContext('2d'));
    own.scale(width / view.width, height / OVERVIEW_HEIGHT);
    drawStill(own);
  }
  pen.drawImage(still, 0, 0, view.width, OVERVIEW_HEIGHT);
  drawViewport(pen);
}

/** @param {Pen} pen */
function drawStill(pen) {
  drawTraffic(pen);
  drawSpans(pen);
  drawMoments(pen, MARK.finalize, 'green', 2);
  drawMoments(pen, MARK.reorg, 'orange', 4);
  for (const { atUs, expected } of model.run.violations) {
    pen.fillStyle = colour('red');
    pen.globalAlpha = expected ? 0.5 : 1;
    pen.fillRect(xIn(atUs) - 1, 0, 2.5, OVERVIEW_HEIGHT);
    pen.globalAlpha = 1;
  }
  drawWindow(pen);
}

/** @param {Pen} pen */
function drawTraffic(pen) {
  const { binUs, sent, lost } = model.density;
  const bins = Math.max(...sent.map((row) => row.length), 1);
  const totals = Array.from({ length: bins }, (_, bin) => sent.reduce((sum, row) => sum + (row[bin] ?? 0), 0));
  const losses = Array.from({ length: bins }, (_, bin) => lost.reduce((sum, row) => sum + (row[bin] ?? 0), 0));
  const most = totals.reduce((a, b) => Math.max(a, b), 1);
  const room = OVERVIEW_HEIGHT - TRAFFIC_TOP - 2;
  for (const [hue, values, alpha] of /** @type {[string, number[], number][]} */ ([
    ['quiet', totals, 0.5],
    ['red', losses, 0.8],
  ])) {
    pen.fillStyle = colour(hue);
    pen.globalAlpha = alpha;
    for (const [bin, value] of values.entries()) {
      const height = Math.sqrt(value / most) * room;
      if (height > 0) pen.fillRect(xIn(bin * binUs), OVERVIEW_HEIGHT - 1 - height, Math.max(xIn(binUs), 0.8), height);
    }
  }
  pen.globalAlpha = 1;
}

/**
 * Faults in one row for each few nodes; downtimes darkest.
 * @param {Pen} pen
 */
function drawSpans(pen) {
  for (const { kind, nodes, fromUs, toUs } of model.spans) {
    const row = nodes.length === 0 ? 0 : Math.floor((nodes[0] / nodeCount) * FAULT_ROW);
    pen.fillStyle = kind === 'down' ? colour('text') : colour(spanHue(kind));
    pen.globalAlpha = kind === 'down' ? 0.55 : 0.35;
    pen.fillRect(xIn(fromUs), 1 + row * 4, Math.max(xIn(toUs - fromUs), 1), 3.5);
  }
  pen.globalAlpha = 1;
}

/**
 * @param {Pen} pen
 * @param {number} kind
 * @param {string} hue
 * @param {number} height
 */
function drawMoments(pen, kind, hue, height) {
  pen.fillStyle = colour(hue);
  for (let mark = 0; mark < marks.count; mark++) {
    if (marks.kind[mark] !== kind) continue;
    const tall = kind === MARK.reorg ? Math.min(height + 2 * marks.value[mark], 24) : height;
    pen.fillRect(xIn(marks.at[mark]), TRAFFIC_TOP, 1.2, tall);
  }
}

/**
 * Where messages are in the page, if not everywhere.
 * @param {Pen} pen
 */
function drawWindow(pen) {
  const { fromUs, toUs } = model.window;
  pen.fillStyle = colour('ground');
  pen.globalAlpha = 0.65;
  pen.fillRect(0, 0, xIn(fromUs), OVERVIEW_HEIGHT);
  pen.fillRect(xIn(toUs), 0, view.width - xIn(toUs), OVERVIEW_HEIGHT);
  pen.globalAlpha = 1;
}

/** @param {Pen} pen */
function drawViewport(pen) {
  const left = Math.max(xIn(view.fromUs), 0);
  const width = Math.max(Math.min(xIn(view.toUs), view.width) - left, MIN_VIEW_PIXELS);
  pen.fillStyle = colour('accent');
  pen.globalAlpha = 0.1;
  pen.fillRect(left, 0, width, OVERVIEW_HEIGHT);
  pen.globalAlpha = 1;
  pen.strokeStyle = colour('accent');
  pen.lineWidth = 1.5;
  pen.strokeRect(left + 0.75, 0.75, width - 1.5, OVERVIEW_HEIGHT - 1.5);
  const x = xIn(view.cursorUs);
  pen.fillRect(x - 0.5, 0, 1, OVERVIEW_HEIGHT);
}
