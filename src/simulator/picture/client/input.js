/** Mouse, touch and keyboard. */
import { blocks, element, endUs } from './data.js';
import { JUMPS, jumpTo } from './jumps.js';
import { nextMark, nodeAtY } from './lanes.js';
import { overviewTime } from './overview.js';
import { toggleCone } from './panel.js';
import { pick } from './pick.js';
import { nodeOf, timeOf } from './things.js';
import { changed, goTo, pan, select, show, showAll, timeAt, togglePlay, view, ZOOM_STEP, zoom } from './view.js';

/** @typedef {import('./pick.js').Surface} Surface */

/** Movement below this is a click. */
const CLICK_PIXELS = 4;
const WHEEL_ZOOM = 0.0022;
/** Of the view, for an arrow key. */
const PAN_SHARE = 0.15;

/** The node that the keyboard walks along. */
let keyboardNode = 0;

export function listen() {
  for (const surface of /** @type {Surface[]} */ (['lanes', 'ruler', 'tree'])) listenTo(surface, element(`${surface}-canvas`));
  listenToOverview(element('overview-canvas'));
  document.addEventListener('keydown', onKey);
}

/**
 * @param {Surface} surface
 * @param {HTMLElement} canvas
 */
function listenTo(surface, canvas) {
  /** @type {{ x: number, startX: number, moved: boolean } | null} */
  let drag = null;
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    drag = { x: event.offsetX, startX: event.offsetX, moved: false };
  });
  canvas.addEventListener('pointermove', (event) => {
    view.pointerUs = timeAt(event.offsetX);
    view.pointer = { x: event.clientX, y: event.clientY };
    if (drag === null) point(surface, canvas, event);
    else {
      drag.moved ||= Math.abs(event.offsetX - drag.startX) > CLICK_PIXELS;
      if (drag.moved) pan(drag.x - event.offsetX);
      if (drag.moved) view.hovered = null;
      drag.x = event.offsetX;
    }
    changed();
  });
  canvas.addEventListener('pointerup', (event) => {
    if (drag !== null && !drag.moved) click(surface, event);
    drag = null;
  });
  canvas.addEventListener('pointerleave', () => {
    view.pointerUs = null;
    view.pointer = null;
    view.hovered = null;
    changed();
  });
  canvas.addEventListener('dblclick', (event) => zoom(event.shiftKey ? 1 / ZOOM_STEP ** 2 : ZOOM_STEP ** 2, event.offsetX));
  canvas.addEventListener('wheel', (event) => onWheel(event), { passive: false });
}

/**
 * @param {Surface} surface
 * @param {HTMLElement} canvas
 * @param {PointerEvent} event
 */
function point(surface, canvas, event) {
  view.hovered = pick(surface, event.offsetX, event.offsetY);
  canvas.style.cursor = view.hovered === null ? 'grab' : 'pointer';
}

/**
 * @param {Surface} surface
 * @param {PointerEvent} event
 */
function click(surface, event) {
  const thing = pick(surface, event.offsetX, event.offsetY);
  view.cursorUs = Math.min(Math.max(thing === null || thing.type === 'span' ? timeAt(event.offsetX) : timeOf(thing), 0), endUs);
  if (surface === 'lanes') keyboardNode = nodeAtY(event.offsetY);
  select(thing);
}

/** @param {WheelEvent} event */
function onWheel(event) {
  // With Shift, or sideways, it moves in time; else it zooms.
  event.preventDefault();
  const isSideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
  if (isSideways) pan(event.deltaX || event.deltaY);
  else zoom(Math.exp(-event.deltaY * WHEEL_ZOOM), event.offsetX);
}

/** @param {HTMLElement} canvas */
function listenToOverview(canvas) {
  let isDown = false;
  const move = (/** @type {PointerEvent} */ event) => {
    const us = overviewTime(event.offsetX);
    const span = view.toUs - view.fromUs;
    show(us - span / 2, us + span / 2);
  };
  canvas.addEventListener('pointerdown', (event) => {
    isDown = true;
    canvas.setPointerCapture(event.pointerId);
    move(event);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (isDown) move(event);
  });
  canvas.addEventListener('pointerup', (event) => {
    isDown = false;
    view.cursorUs = Math.min(Math.max(overviewTime(event.offsetX), 0), endUs);
    changed();
  });
  canvas.addEventListener('wheel', (event) => onWheel(event), { passive: false });
}

/** @type {{ [key: string]: () => void }} */
const KEYS = {
  ArrowLeft: () => pan(-PAN_SHARE * view.width),
  ArrowRight: () => pan(PAN_SHARE * view.width),
  ArrowUp: () => walk(0, -1),
  ArrowDown: () => walk(0, 1),
  '.': () => walk(1, 0),
  ',': () => walk(-1, 0),
  '+': () => zoom(ZOOM_STEP, focusX()),
  '=': () => zoom(ZOOM_STEP, focusX()),
  '-': () => zoom(1 / ZOOM_STEP, focusX()),
  0: showAll,
  Home: () => goTo(0),
  End: () => goTo(endUs),
  c: toggleCone,
  p: () => followParent(),
  Escape: () => select(null),
  '/': () => element('search').focus(),
  '?': () => /** @type {HTMLDialogElement} */ (element('help')).showModal(),
  ' ': togglePlay,
};

/** @param {KeyboardEvent} event */
function onKey(event) {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target instanceof HTMLInputElement) {
    if (key === 'Escape') target.blur();
    return;
  }
  if (target instanceof HTMLButtonElement && (key === ' ' || key === 'Enter')) return;
  if (/** @type {HTMLDialogElement} */ (element('help')).open) return;
  const jump = JUMPS.findIndex((one) => one.key === key.toLowerCase());
  const act = jump >= 0 ? () => jumpTo(jump, event.shiftKey ? -1 : 1) : KEYS[key];
  if (act === undefined) return;
  event.preventDefault();
  act();
}

/** Zooming by keys is about the cursor where it is in view. */
function focusX() {
  const share = (view.cursorUs - view.fromUs) / (view.toUs - view.fromUs);
  return share >= 0 && share <= 1 ? share * view.width : view.width / 2;
}

/**
 * To the next mark on this line, or to the line above or below.
 * @param {1 | 0 | -1} along
 * @param {1 | 0 | -1} down
 */
function walk(along, down) {
  const from = view.selected !== null && nodeOf(view.selected) >= 0 ? nodeOf(view.selected) : keyboardNode;
  keyboardNode = Math.min(Math.max(from + down, 0), element('labels').children.length - 1);
  const mark = along !== 0 ? nextMark(keyboardNode, view.cursorUs, along) : nextMark(keyboardNode, view.cursorUs + 1, -1);
  if (mark < 0) return;
  select({ type: 'mark', index: mark });
  goTo(timeOf({ type: 'mark', index: mark }));
}

/** From a block to its parent. */
function followParent() {
  const thing = view.selected;
  if (thing?.type !== 'block' || blocks.parent[thing.index] < 0) return;
  const parent = blocks.parent[thing.index];
  select({ type: 'block', index: parent });
  goTo(Math.max(0, blocks.born[parent]));
}
