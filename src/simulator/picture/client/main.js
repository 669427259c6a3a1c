/** Puts the page together: sizes, frames, and what is outside of the picture. */
import { arrowStatus, drawInFlight, drawMessages } from './arrows.js';
import { blocks, element, endUs, MARK, marks, model, nodeCount } from './data.js';
import { button, link, make } from './dom.js';
import { counted, grouped, timeText } from './format.js';
import { listen } from './input.js';
import { makeJumps } from './jumps.js';
import { drawCone, drawGround, drawHalo, drawLanes, drawMarks, drawViolations, hideMinorMarks, lanes, setLaneHeight } from './lanes.js';
import { drawLegend, makeLegend } from './legend.js';
import { drawLog } from './log.js';
import { drawOverview, OVERVIEW_HEIGHT } from './overview.js';
import { readPalette } from './palette.js';
import { copy, drawNodeLabels, drawPanel, drawRun, drawTip, makeNodeLabels } from './panel.js';
import { forgetHits } from './pick.js';
import { drawCursor, drawCursorTime, drawGrid, drawRuler, rulerHeight } from './ruler.js';
import { makeSearch } from './search.js';
import { blockOf } from './things.js';
import { drawTree, treeHeight } from './tree.js';
import { changed, goTo, isInWindow, lookAt, onChange, select, show, showAll, usPerPixel, view, zoom } from './view.js';

/** While it plays, what is shown passes in so many seconds. */
const PLAY_SECONDS = 16;
const HASH_DELAY_MS = 400;

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

// ---- What is written above the picture -------------------------------------------------------------------------

function fillHeader() {
  const { run } = model;
  const verdict = run.violations.some(({ expected }) => !expected)
    ? 'violated'
    : run.violations.length > 0
      ? 'ok, with expected violations'
      : 'ok';
  element('verdict').textContent = verdict;
  element('verdict').classList.add(run.ok ? 'up' : 'bad');
  element('title').textContent = `${run.engine}, seed ${run.seed}`;
  const facts = [
    counted(nodeCount, 'node'),
    timeText(endUs, 1_000_000),
    `${grouped(run.events)} events`,
    `${grouped(run.messages)} messages (${grouped(run.lost)} lost)`,
    `trace ${run.traceHash}`,
  ];
  element('facts').textContent = facts.join(' · ');
  if (model.leftOut.length > 0)
    element('facts').append(
      ' · ',
      link('what is left out', () => showTab('run'), model.leftOut.join('\n')),
    );
}

function makeButtons() {
  element('tools').append(
    button('Play', () => turn('playing'), 'Space: lets time pass'),
    button('+', () => zoom(1.6), 'closer (+)'),
    button('−', () => zoom(1 / 1.6), 'farther (-)'),
    button('Whole run', showAll, '0'),
    button('Copy link', () => copy(location.href), 'to this file, at what is shown now'),
    button('Save image', saveImage, 'what is shown, as PNG'),
    button('Light / dark', switchScheme, 'colours'),
    button('Help', () => /** @type {HTMLDialogElement} */ (element('help')).showModal(), '?'),
  );
}

/** @param {"playing"} what */
function turn(what) {
  view[what] = !view[what];
  changed();
}

function switchScheme() {
  const root = document.documentElement;
  const isDark = getComputedStyle(root).getPropertyValue('--scheme').trim() === 'dark';
  root.dataset.scheme = isDark ? 'light' : 'dark';
  readPalette();
  changed();
}

/** Ruler, lanes and tree, one below another, with the names of the nodes. */
function saveImage() {
  const canvases = ['ruler', 'lanes', 'tree'].map((name) => /** @type {HTMLCanvasElement} */ (element(`${name}-canvas`)));
  const ratio = devicePixelRatio;
  const gutter = 110 * ratio;
  const image = document.createElement('canvas');
  image.width = canvases[0].width + gutter;
  image.height = canvases.reduce((sum, { height }) => sum + height, 0);
  const pen = /** @type {CanvasRenderingContext2D} */ (image.getContext('2d'));
  pen.fillStyle = getComputedStyle(document.body).backgroundColor;
  pen.fillRect(0, 0, image.width, image.height);
  let y = 0;
  for (const canvas of canvases) {
    pen.drawImage(canvas, gutter, y);
    y += canvas.height;
  }
  pen.fillStyle = getComputedStyle(document.body).color;
  pen.font = `bold ${12 * ratio}px system-ui, sans-serif`;
  for (const [node, { name }] of model.nodes.entries())
    pen.fillText(name, 8 * ratio, canvases[0].height + (node + 0.5) * lanes.height * ratio);
  image.toBlob((blob) => {
    if (blob === null) return;
    const anchor = /** @type {HTMLAnchorElement} */ (
      make('a', { download: `synod-${model.run.engine.replace(/\W+/g, '-')}-${model.run.seed}.png` })
    );
    anchor.href = URL.createObjectURL(blob);
    anchor.click();
    URL.revokeObjectURL(anchor.href);
  });
}

function makeTabs() {
  for (const tab of document.querySelectorAll('[role=tab]')) {
    tab.addEventListener('click', () => showTab(tab.getAttribute('aria-controls') ?? ''));
  }
}

/** @param {string} chosen the panel */
function showTab(chosen) {
  for (const tab of document.querySelectorAll('[role=tab]')) {
    const panel = tab.getAttribute('aria-controls') ?? '';
    tab.setAttribute('aria-selected', String(panel === chosen));
    element(panel).hidden = panel !== chosen;
  }
  changed();
}

// ---- Where a look begins ---------------------------------------------------------------------------------------

/** @type {ReturnType<typeof setTimeout> | undefined} */
let hashTimer;

/** What is shown becomes part of the address, so that a look can be shared and taken again. */
function rememberLook() {
  clearTimeout(hashTimer);
  hashTimer = setTimeout(() => {
    const thing = view.selected === null ? '' : `,${view.selected.type},${view.selected.index}`;
    const hash = `#${[view.fromUs, view.toUs, view.cursorUs].map((us) => Math.round(us)).join(',')}${thing}`;
    if (!view.playing && location.hash !== hash) history.replaceState(null, '', hash);
  }, HASH_DELAY_MS);
}

/** @returns {boolean} whether the address said where to look */
function recallLook() {
  const [from, to, cursor, type, index] = location.hash.slice(1).split(',');
  const times = [from, to, cursor].map(Number);
  if (cursor === undefined || !times.every(Number.isFinite)) return false;
  show(times[0], times[1]);
  goTo(times[2]);
  const counts = {
    message: model.messages.link.length,
    mark: marks.count,
    block: blocks.count,
    span: model.spans.length,
    violation: model.run.violations.length,
  };
  const known = Object.entries(counts).find(([name]) => name === type);
  const place = Number(index);
  if (known !== undefined && Number.isInteger(place) && place >= 0 && place < known[1]) {
    select({ type: /** @type {import('./view.js').Thing['type']} */ (type), index: place });
  }
  return true;
}

/** Where something can be seen: the first failure, else the deepest reorganisation, else the first block. */
function firstLook() {
  const failure = model.run.violations.findIndex(({ expected }) => !expected);
  if (failure >= 0) {
    lookAt(model.run.violations[failure].atUs);
    return select({ type: 'violation', index: failure });
  }
  let best = -1;
  for (let mark = 0; mark < marks.count; mark++) {
    if (marks.kind[mark] !== MARK.reorg || !isInWindow(marks.at[mark])) continue;
    if (best < 0 || marks.value[mark] > marks.value[best]) best = mark;
  }
  if (best >= 0) return lookAt(marks.at[best]);
  return lookAt(blocks.count > 1 ? Math.max(model.window.fromUs, blocks.born[1]) : model.window.fromUs);
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
