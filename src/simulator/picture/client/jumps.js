/** From one thing of interest to the next: violations, reorganisations, decisions, faults, blocks. */
import { element, MARK, marks, model } from './data.js';
import { button, make } from './dom.js';
import { grouped } from './format.js';
import { timeOf } from './things.js';
import { goTo, select, view } from './view.js';

/** @typedef {import('./view.js').Thing} Thing */

/** @type {readonly { name: string, key: string, things: readonly Thing[] }[]} */
export const JUMPS = [
  { name: 'violation', key: 'v', things: model.run.violations.map((_, index) => thing('violation', index)) },
  { name: 'reorganisation', key: 'r', things: thingsOfKinds([MARK.reorg]) },
  { name: 'decision', key: 'd', things: thingsOfKinds([MARK.finalize]) },
  { name: 'fault', key: 'f', things: model.spans.map((_, index) => thing('span', index)) },
  { name: 'block', key: 'b', things: thingsOfKinds([MARK.produce]) },
];

/**
 * @param {Thing['type']} type
 * @param {number} index
 * @returns {Thing}
 */
function thing(type, index) {
  return { type, index };
}

/** @param {readonly number[]} kinds */
function thingsOfKinds(kinds) {
  const found = [];
  for (let mark = 0; mark < marks.count; mark++) if (kinds.includes(marks.kind[mark])) found.push(thing('mark', mark));
  return found;
}

/**
 * The next after the cursor, or the one before it; at the end it goes on from the other end.
 * @param {number} jump
 * @param {1 | -1} direction
 */
export function jumpTo(jump, direction) {
  const { things } = JUMPS[jump];
  if (things.length === 0) return;
  const sorted = [...things].sort((a, b) => timeOf(a) - timeOf(b));
  const next =
    direction === 1
      ? (sorted.find((one) => timeOf(one) > view.cursorUs) ?? sorted[0])
      : (sorted.findLast((one) => timeOf(one) < view.cursorUs) ?? sorted.at(-1));
  if (next === undefined) return;
  goTo(timeOf(next));
  select(next);
}

export function makeJumps() {
  const groups = JUMPS.flatMap(({ name, key, things }, jump) => {
    if (things.length === 0) return [];
    const before = button('‹', () => jumpTo(jump, -1), `${name} before the cursor (Shift+${key.toUpperCase()})`);
    const after = button('›', () => jumpTo(jump, 1), `${name} after the cursor (${key})`);
    const label = make('span', {}, `${name}${things.length === 1 ? '' : 's'} `, make('span', { class: 'count' }, grouped(things.length)));
    return [make('div', { class: 'jump', role: 'group', 'aria-label': name, 'data-jump': name }, before, label, after)];
  });
  element('jumps').replaceChildren(...groups);
}
