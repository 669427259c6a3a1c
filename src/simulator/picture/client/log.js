/** What happened around the cursor as lines of text: the picture for those who would rather read, or cannot see it. */
import { element, lastAtOrBefore, MARK, marks, messages, model, textAt } from './data.js';
import { headline } from './describe.js';
import { make } from './dom.js';
import { blockName, durationText, timeText, withShortHashes } from './format.js';
import { MARK_STYLES } from './glyphs.js';
import { blockOf, isSame, nodeOf, timeOf } from './things.js';
import { select, view } from './view.js';
import { isWanted } from './visible.js';

/** @typedef {import('./view.js').Thing} Thing */

const LINES_BEFORE = 60;
const LINES_AFTER = 120;
const MAX_DETAIL_CHARACTERS = 120;
/** Of each kind of list; the rest is hidden from the log by filters. */
const MAX_LOOKED_AT = 4_000;

let shown = '';

export function drawLog() {
  const place = element('log');
  const key = `${place.hidden} ${view.cursorUs} ${JSON.stringify(view.selected)} ${[...view.nodes].join()} ${[...view.hiddenMarks].join()} ${[...view.hiddenMessages].join()} ${[...view.hiddenNames].join()}`;
  if (place.hidden || key === shown) return;
  shown = key;
  const around = thingsAround(view.cursorUs);
  const firstAfter = around.findIndex((thing) => timeOf(thing) > view.cursorUs);
  const lines = around.map((thing, index) => lineOf(thing, index === firstAfter));
  place.replaceChildren(make('h3', {}, `Around ${timeText(view.cursorUs)}`), make('ol', {}, ...lines));
  place.querySelector('.now')?.scrollIntoView({ block: 'center' });
}

/**
 * @param {number} us
 * @returns {Thing[]}
 */
function thingsAround(us) {
  const found = [...near(marks.at, us, 'mark', isMarkWanted), ...near(messages.sent, us, 'message', isWanted)];
  found.sort((a, b) => timeOf(a) - timeOf(b));
  const split = found.findIndex((thing) => timeOf(thing) > us);
  const at = split < 0 ? found.length : split;
  return found.slice(Math.max(0, at - LINES_BEFORE), at + LINES_AFTER);
}

/**
 * @param {Float64Array} times
 * @param {number} us
 * @param {'mark' | 'message'} type
 * @param {(index: number) => boolean} wanted
 */
function near(times, us, type, wanted) {
  const at = lastAtOrBefore(times, us);
  /** @type {Thing[]} */
  const found = [];
  for (let index = at, seen = 0; index >= 0 && found.length < LINES_BEFORE && seen < MAX_LOOKED_AT; index--, seen++) {
    if (wanted(index)) found.push({ type, index });
  }
  found.reverse();
  const before = found.length;
  for (let index = at + 1, seen = 0; index < times.length && found.length < before + LINES_AFTER && seen < MAX_LOOKED_AT; index++, seen++) {
    if (wanted(index)) found.push({ type, index });
  }
  return found;
}

/** @param {number} mark */
function isMarkWanted(mark) {
  const isShown = !view.hiddenMarks.has(marks.kind[mark]) && !view.hiddenNames.has(marks.name[mark]);
  const node = marks.node[mark];
  return isShown && (view.nodes.size === 0 || node < 0 || view.nodes.has(node));
}

/**
 * @param {Thing} thing
 * @param {boolean} isNow
 */
function lineOf(thing, isNow) {
  const line = make('button', { type: 'button' }, make('time', {}, timeText(timeOf(thing))), make('span', {}, lineText(thing)));
  line.addEventListener('click', () => {
    view.cursorUs = timeOf(thing);
    select(thing);
  });
  const item = make('li', { class: isNow ? 'now' : '' }, line);
  if (isSame(thing, view.selected)) item.classList.add('selected');
  return item;
}

/**
 * What an engine says, in its message or its trace.
 * @param {Thing} thing
 */
function detailOf({ type, index }) {
  if (type !== 'mark' && type !== 'message') return '';
  const isEngine = type === 'message' ? model.messageKinds[messages.kind[index]].group === 'engine' : marks.kind[index] === MARK.engine;
  const text = isEngine ? withShortHashes(textAt((type === 'message' ? messages : marks).text[index])) : '';
  return text === '' ? '' : ` ${text.slice(0, MAX_DETAIL_CHARACTERS)}${text.length > MAX_DETAIL_CHARACTERS ? '…' : ''}`;
}

/** @param {Thing} thing */
function lineText(thing) {
  const block = blockOf(thing);
  const about = block < 0 ? '' : `: ${blockName(block)}`;
  const took = thing.type === 'message' ? `, ${durationText(messages.end[thing.index] - messages.sent[thing.index])}` : '';
  const kind = thing.type === 'mark' ? model.markKinds[marks.kind[thing.index]] : '';
  const known = kind === '' || MARK_STYLES[kind] !== undefined || nodeOf(thing) >= 0;
  return `${headline(thing)}${known ? about : ''}${took}${detailOf(thing)}`;
}
