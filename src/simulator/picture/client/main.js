/** Puts the page together: sizes, frames, and what is outside of the picture. */
import { arrowStatus, drawInFlight, drawMessages } from './arrows.js';
import { element, endUs, model, nodeCount } from './data.js';
import { counted, timeText } from './format.js';
import { drawButtons, fillHeader, makeButtons, makeTabs } from './header.js';
import { listen } from './input.js';
import { makeJumps } from './jumps.js';
import { drawCone, drawGround, drawHalo, drawLanes, drawMarks, drawViolations, hideMinorMarks, lanes, setLaneHeight } from './lanes.js';
import { drawLegend, makeLegend } from './legend.js';
import { drawLog } from './log.js';
import { firstLook, recallLook, rememberLook } from './looks.js';
import { drawOverview, OVERVIEW_HEIGHT } from './overview.js';
import { readPalette } from './palette.js';
import { drawNodeLabels, drawPanel, drawRun, drawTip, makeNodeLabels } from './panel.js';
import { forgetHits } from './pick.js';
import { drawCursor, drawCursorTime, drawGrid, drawRuler, rulerHeight } from './ruler.js';
import { makeSearch } from './search.js';
import { blockOf } from './things.js';
import { drawTree, treeHeight } from './tree.js';
import { changed, isInWindow, onChange, show, usPerPixel, view } from './view.js';

/** While it plays, what is shown passes in so many seconds. */
const PLAY_SECONDS = 16;

/**
 * A canvas of this size, cleared.
 * @param {string} name
 * @param {number} height
 */
function penOf(name, height) {
  const canvas = /** @type {HTMLCanvasElement} */ (element(`${name}-canvas`));
  const ratio = devicePixelRatio;
  const [width, tall] = [Math.round(view.width * ratio), Math.round(height * ratio)];
  if (canvas.width !== width || canvas.height !== tall) {
    canvas.width = width;
    canvas.height = tall;
    canvas.style.height = `${height}px`;
  }
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, view.width, height);
  return pen;
}

function drawFrame() {
  const highlighted = highlightedBlock();
  drawOverview(penOf('overview', OVERVIEW_HEIGHT));
  const ruler = penOf('ruler', rulerHeight());
  drawRuler(ruler, rulerHeight());
  drawCursor(ruler, rulerHeight());
  drawCursorTime(ruler);
  drawLanesFrame(highlighted);
  const tree = penOf('tree', treeHeight());
  drawGrid(tree, treeHeight());
  drawTree(tree, highlighted);
  drawCursor(tree, treeHeight());
  drawNodeLabels();
  drawPanel();
  drawTip();
  drawLog();
  drawLegend();
  drawButtons();
  drawStatus();
}

/** @param {number} highlighted */
function drawLanesFrame(highlighted) {
  const height = lanes.height * nodeCount;
  const pen = penOf('lanes', height);
  forgetHits('lanes');
  drawGround(pen);
  drawGrid(pen, height);
  drawLanes(pen);
  drawCone(pen);
  drawMessages(pen, highlighted);
  drawMarks(pen, highlighted);
  drawViolations(pen);
  drawHalo(pen);
  drawCursor(pen, height);
  if (view.playing || usPerPixel() < 5_000) drawInFlight(pen);
}

/** The block of what is selected, or else of what is pointed at. */
function highlightedBlock() {
  const chosen = blockOf(view.selected);
  return chosen >= 0 ? chosen : view.hovered?.type === 'message' ? -1 : blockOf(view.hovered);
}

function drawStatus() {
  const { drawn, counted: kinds } = arrowStatus;
  const names = kinds.map((kind) => model.messageKinds[kind].name);
  const parts = [`${timeText(Math.max(0, view.fromUs), usPerPixel())} to ${timeText(Math.min(endUs, view.toUs), usPerPixel())}`];
  parts.push(counted(drawn, 'arrow'));
  if (names.length > 0) parts.push(`too many to draw, so counted in grey bars: ${names.join(', ')} (zoom in)`);
  if (!isInWindow(Math.max(0, view.fromUs)) || !isInWindow(Math.min(endUs, view.toUs)))
    parts.push('part of this is outside of the time of which the page has messages');
  element('status').textContent = parts.join(' · ');
}

function resize() {
  const stage = element('stage');
  view.width = Math.max(100, element('lanes-canvas').parentElement?.clientWidth ?? stage.clientWidth);
  setLaneHeight(element('lanes').clientHeight);
  element('labels').style.setProperty('--lane', `${lanes.height}px`);
  changed();
}

let lastFrameMs = 0;

/** Moves the cursor on while it plays, and the view with it. */
function play() {
  if (!view.playing) {
    lastFrameMs = 0;
    return;
  }
  const nowMs = performance.now();
  const seconds = lastFrameMs === 0 ? 0 : (nowMs - lastFrameMs) / 1_000;
  lastFrameMs = nowMs;
  const span = view.toUs - view.fromUs;
  const next = view.cursorUs + (seconds * span) / PLAY_SECONDS;
  if (next >= endUs) view.playing = false;
  view.cursorUs = Math.min(next, endUs);
  if (view.cursorUs > view.fromUs + 0.75 * span) show(view.cursorUs - 0.75 * span, view.cursorUs + 0.25 * span);
  else if (view.cursorUs < view.fromUs) show(view.cursorUs, view.cursorUs + span);
  requestAnimationFrame(changed);
}

function begin() {
  readPalette();
  hideMinorMarks();
  fillHeader();
  makeButtons();
  makeJumps();
  makeSearch();
  makeNodeLabels();
  makeLegend();
  makeTabs();
  drawRun();
  listen();
  onChange(play);
  onChange(drawFrame);
  onChange(rememberLook);
  new ResizeObserver(resize).observe(element('stage'));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    readPalette();
    changed();
  });
  resize();
  if (!recallLook()) firstLook();
  document.documentElement.dataset.ready = 'yes';
}

begin();
