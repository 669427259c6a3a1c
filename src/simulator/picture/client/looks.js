/** Where a look at the picture begins, and how it is remembered in the address. */
import { blocks, MARK, marks, messages, model } from './data.js';
import { goTo, isInWindow, lookAt, select, show, view } from './view.js';

const HASH_DELAY_MS = 400;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let hashTimer;

/** What is shown becomes part of the address, so that a look can be shared and taken again. */
export function rememberLook() {
  clearTimeout(hashTimer);
  hashTimer = setTimeout(() => {
    const thing = view.selected === null ? '' : `,${view.selected.type},${view.selected.index}`;
    const hash = `#${[view.fromUs, view.toUs, view.cursorUs].map((us) => Math.round(us)).join(',')}${thing}`;
    if (!view.playing && location.hash !== hash) history.replaceState(null, '', hash);
  }, HASH_DELAY_MS);
}

/** @returns {boolean} whether the address said where to look */
export function recallLook() {
  const [from, to, cursor, type, index] = location.hash.slice(1).split(',');
  const times = [from, to, cursor].map(Number);
  if (cursor === undefined || !times.every(Number.isFinite)) return false;
  show(times[0], times[1]);
  goTo(times[2]);
  const counts = {
    message: messages.count,
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
export function firstLook() {
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
