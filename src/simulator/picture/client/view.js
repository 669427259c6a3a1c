/** What is shown right now, and the scale between time and pixels. Who changes it calls `changed`; a frame follows. */
import { endUs, messages, model } from './data.js';

/**
 * @typedef {{ type: 'message' | 'mark' | 'block' | 'span' | 'violation', index: number }} Thing
 */

/** Closer than this nothing is to be seen. */
const MIN_SPAN_US = 50;
/** Beyond the ends of the run, as a share of what is shown. */
const MARGIN = 0.03;
const MESSAGES_AT_FIRST = 160;
const SPAN_AT_FIRST_US = 20_000_000;

export const view = {
  fromUs: 0,
  toUs: endUs,
  /** Width of what shows time, in CSS pixels. */
  width: 1,
  /** The moment whose state is told. */
  cursorUs: 0,
  /** Where the pointer is; null outside. */
  pointerUs: /** @type {number | null} */ (null),
  /** In pixels of the page. */
  pointer: /** @type {{ x: number, y: number } | null} */ (null),
  selected: /** @type {Thing | null} */ (null),
  hovered: /** @type {Thing | null} */ (null),
  hiddenMessages: /** @type {Set<number>} */ (new Set()),
  hiddenMarks: /** @type {Set<number>} */ (new Set()),
  /** Names of an engine's traces. */
  hiddenNames: /** @type {Set<number>} */ (new Set()),
  hiddenSpans: /** @type {Set<string>} */ (new Set()),
  /** Where there are some, only messages from or to these nodes are drawn. */
  nodes: /** @type {Set<number>} */ (new Set()),
  /** Whether what the selected event may have been caused by, and may have caused, is shown. */
  cone: false,
  playing: false,
};

/** What a key or a button zooms by. */
export const ZOOM_STEP = 1.6;

/** @type {(() => void)[]} */
const listeners = [];
let isDue = false;

/** @param {() => void} listener */
export function onChange(listener) {
  listeners.push(listener);
}

/** Asks for a frame. */
export function changed() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    for (const listener of listeners) listener();
  });
}

/** @param {number} us */
export function xOf(us) {
  return ((us - view.fromUs) / (view.toUs - view.fromUs)) * view.width;
}

/** @param {number} x */
export function timeAt(x) {
  return view.fromUs + (x / view.width) * (view.toUs - view.fromUs);
}

export function usPerPixel() {
  return (view.toUs - view.fromUs) / view.width;
}

/**
 * @param {number} fromUs
 * @param {number} toUs
 */
export function show(fromUs, toUs) {
  const span = Math.min(Math.max(toUs - fromUs, MIN_SPAN_US), endUs * (1 + 2 * MARGIN));
  const margin = MARGIN * span;
  const from = Math.min(Math.max((fromUs + toUs - span) / 2, -margin), Math.max(-margin, endUs + margin - span));
  view.fromUs = from;
  view.toUs = from + span;
  changed();
}

/**
 * Closer for a factor above 1; the time at `x` stays where it is.
 * @param {number} factor
 * @param {number} x
 */
export function zoom(factor, x = view.width / 2) {
  const us = timeAt(x);
  const span = Math.max((view.toUs - view.fromUs) / factor, MIN_SPAN_US);
  const share = x / view.width;
  show(us - share * span, us + (1 - share) * span);
}

/** @param {number} pixels to the right */
export function pan(pixels) {
  const us = pixels * usPerPixel();
  show(view.fromUs + us, view.toUs + us);
}

export function showAll() {
  show(-MARGIN * endUs, endUs * (1 + MARGIN));
}

/**
 * Moves what is shown so that this moment is in it, and the cursor there.
 * @param {number} us
 */
export function goTo(us) {
  view.cursorUs = Math.min(Math.max(us, 0), endUs);
  const span = view.toUs - view.fromUs;
  if (us < view.fromUs + 0.05 * span || us > view.toUs - 0.05 * span) show(us - span / 2, us + span / 2);
  changed();
}

/**
 * A first look at this moment: so close that single messages can be told apart.
 * @param {number} us
 */
export function lookAt(us) {
  const { sent, count } = messages;
  let span = Math.min(SPAN_AT_FIRST_US, endUs);
  if (count > 0) {
    const at = sent.findIndex((sentUs) => sentUs >= us);
    const middle = at < 0 ? count - 1 : at;
    const first = Math.max(0, middle - MESSAGES_AT_FIRST / 2);
    const last = Math.min(count - 1, first + MESSAGES_AT_FIRST);
    span = Math.min(Math.max(sent[last] - sent[first], SPAN_AT_FIRST_US / 20), SPAN_AT_FIRST_US);
  }
  view.cursorUs = us;
  show(us - 0.6 * span, us + 0.4 * span);
}

export function togglePlay() {
  view.playing = !view.playing;
  changed();
}

/** Whether messages of this moment are in the page. */
export function isInWindow(/** @type {number} */ us) {
  return us >= model.window.fromUs && us <= model.window.toUs;
}

/** @param {Thing | null} thing */
export function select(thing) {
  view.selected = thing;
  changed();
}
