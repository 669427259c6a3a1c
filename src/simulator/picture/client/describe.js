/** What is to be said of the thing that is selected or pointed at: a heading, facts, and ways to go on. */
import { blocks, FATE, lowerBound, MARK, marks, messages, model, nodeCount, textAt } from './data.js';
import { definitions, link, make } from './dom.js';
import { blockName, counted, durationText, nodeName, shortHash, timeText, withShortHashes } from './format.js';
import { MARK_STYLES } from './glyphs.js';
import { headEnd, heads, marksOf } from './history.js';
import { blockOf, timeOf } from './things.js';
import { goTo, select } from './view.js';

/**
 * @typedef {import('./view.js').Thing} Thing
 * @typedef {import('./dom.js').Content} Content
 * @typedef {(readonly [name: string, value: Content])[]} Rows
 */

const MAX_TIP_CHARACTERS = 160;

/**
 * One line, also for the tool tip and for screen readers.
 * @param {Thing} thing
 * @returns {string}
 */
export function headline({ type, index }) {
  switch (type) {
    case 'message': {
      const { from, to, kind, fate } = messages;
      const what = model.messageKinds[kind[index]].name;
      const came = fate[index] >= FATE.lost ? ', lost' : fate[index] === FATE.underWay ? ', still under way at the end' : '';
      return `${what} from ${nodeName(from[index])} to ${nodeName(to[index])}${came}`;
    }
    case 'mark':
      return markHeadline(index);
    case 'block':
      return `block ${blockName(index)}`;
    case 'span':
      return `${model.spans[index].label}${model.spans[index].nodes.length === 1 ? `, ${nodeName(model.spans[index].nodes[0])}` : ''}`;
    case 'violation': {
      const { checker, expected } = model.run.violations[index];
      return `${checker} violated${expected ? ' (as the faults allow)' : ''}`;
    }
  }
}

/**
 * The facts that a glance wants.
 * @param {Thing} thing
 */
export function tipText(thing) {
  const { type, index } = thing;
  const parts = [timeText(timeOf(thing))];
  if (type === 'message') parts.push(durationText(messages.end[index] - messages.sent[index]));
  if (type === 'message' && messages.fate[index] >= FATE.lost) parts.push(model.fates[messages.fate[index]]);
  if (type === 'span') parts.push(durationText(model.spans[index].toUs - model.spans[index].fromUs));
  if (type === 'violation') parts.push(withShortHashes(model.run.violations[index].message).slice(0, MAX_TIP_CHARACTERS));
  if (type !== 'block' && blockOf(thing) >= 0) parts.push(`block ${blockName(blockOf(thing))}`);
  if (type === 'block') parts.push(`by ${nodeName(blocks.producer[index])}`);
  return parts.join(' · ');
}

/** @param {number} mark */
function markHeadline(mark) {
  const kind = model.markKinds[marks.kind[mark]];
  const at = nodeName(marks.node[mark]);
  switch (kind) {
    case 'reorg':
      return `reorganisation of ${counted(marks.value[mark], 'block')} at ${at}`;
    case 'engine':
      return `${textAt(marks.name[mark])} at ${at}`;
    case 'offence':
      return `${at} blames ${nodeName(marks.value[mark])}`;
    case 'peer':
    case 'gone':
      return `${MARK_STYLES[kind].name}: ${at} and ${nodeName(marks.value[mark])}`;
    case 'fault':
    case 'heal':
      return `${kind === 'fault' ? 'begins' : 'ends'}: ${textAt(marks.name[mark])}`;
    default:
      return `${MARK_STYLES[kind]?.name ?? kind} at ${at}`;
  }
}

/**
 * @param {Thing} thing
 * @returns {HTMLElement}
 */
export function describeThing(thing) {
  const card = make('div', {}, make('h3', {}, headline(thing)));
  const { type, index } = thing;
  if (type === 'message') card.append(definitions(messageRows(index)));
  else if (type === 'mark') card.append(definitions(markRows(index)));
  else if (type === 'block') card.append(definitions(blockRows(index)), spreadOf(index));
  else if (type === 'span') card.append(definitions(spanRows(index)));
  else card.append(definitions(violationRows(index)));
  return card;
}

/** @param {number} us */
function moment(us) {
  return link(timeText(us), () => goTo(us), 'go there');
}

/** @param {number} block */
function blockLink(block) {
  if (block < 0) return 'none that is in the picture';
  return link(blockName(block), () => goToBlock(block));
}

/**
 * A sentence in which hashes of known blocks lead to them.
 * @param {string} text
 */
function linked(text) {
  const parts = text.split(/(0x[0-9a-f]{64})/).map((part) => {
    const block = part.startsWith('0x') ? blocks.hash.indexOf(part) : -1;
    return block < 0 ? withShortHashes(part) : link(shortHash(part), () => goToBlock(block), part);
  });
  return make('span', {}, ...parts);
}

/** @param {number} block */
function goToBlock(block) {
  goTo(Math.max(0, blocks.born[block]));
  select({ type: 'block', index: block });
}

/**
 * @param {number} index
 * @returns {Rows}
 */
function messageRows(index) {
  const { sent, end, fate, block, text } = messages;
  /** @type {Rows} */
  const rows = [['sent', moment(sent[index])]];
  const took = durationText(end[index] - sent[index]);
  if (fate[index] === FATE.received) rows.push(['received', moment(end[index])], ['took', took]);
  if (fate[index] >= FATE.lost) rows.push(['lost', moment(end[index])], ['because', model.fates[fate[index]]]);
  if (block[index] >= 0) rows.push(['about', blockLink(block[index])]);
  return [...rows, ...fieldRows(textAt(text[index]))];
}

/**
 * @param {number} index
 * @returns {Rows}
 */
function markRows(index) {
  const kind = model.markKinds[marks.kind[index]];
  /** @type {Rows} */
  const rows = [['at', moment(marks.at[index])]];
  if (marks.block[index] >= 0) rows.push(['block', blockLink(marks.block[index])]);
  if (kind === 'reorg') rows.push(['left', blockLink(headBefore(index))]);
  if (kind === 'start') rows.push(['life', String(marks.value[index])]);
  if (kind === 'persist') rows.push(['record', String(marks.value[index])]);
  if (['offence', 'invalid'].includes(kind)) rows.push(['because', textAt(marks.name[index])]);
  const style = MARK_STYLES[kind];
  if (style !== undefined && kind !== 'engine') rows.push(['meaning', style.about]);
  return [...rows, ...fieldRows(textAt(marks.text[index]))];
}

/** @param {number} mark a change of heads */
function headBefore(mark) {
  const series = heads[marks.node[mark]];
  return series.block[series.mark.indexOf(mark) - 1] ?? -1;
}

/**
 * @param {number} index
 * @returns {Rows}
 */
function blockRows(index) {
  const { hash, number, parent, born, producer, transactions } = blocks;
  return [
    ['hash', make('code', {}, hash[index])],
    ['height', String(number[index])],
    ['parent', blockLink(parent[index])],
    ['produced', producer[index] < 0 ? 'genesis' : make('span', {}, `by ${nodeName(producer[index])} at `, moment(born[index]))],
    ['transactions', String(transactions[index])],
  ];
}

/**
 * @param {number} index
 * @returns {Rows}
 */
function spanRows(index) {
  const { fromUs, toUs, detail } = model.spans[index];
  return [
    ['from', moment(fromUs)],
    ['to', moment(toUs)],
    ['lasts', durationText(toUs - fromUs)],
    ['meaning', detail],
  ];
}

/**
 * @param {number} index
 * @returns {Rows}
 */
function violationRows(index) {
  const { atUs, node, message } = model.run.violations[index];
  return [
    ['at', moment(atUs)],
    ['node', nodeName(node)],
    ['what', linked(message)],
  ];
}

/**
 * The fields of a JSON text, as they are; the text itself where it is none.
 * @param {string} text
 * @returns {Rows}
 */
export function fieldRows(text) {
  if (text === '') return [];
  try {
    const fields = JSON.parse(text);
    if (typeof fields === 'object' && fields !== null) return Object.entries(fields).map(([name, value]) => [name, fieldText(value)]);
  } catch {
    // A sentence.
  }
  return [['detail', text]];
}

/** @param {unknown} value */
export function fieldText(value) {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * When each node had the block, executed it, made it part of its chain, and left it again.
 * @param {number} block
 */
function spreadOf(block) {
  const rows = Array.from({ length: nodeCount }, (_, node) => {
    const kept = firstOf(node, block, [MARK.produce, MARK.keep]);
    const head = heads[node].block.indexOf(block);
    const final = firstOf(node, block, [MARK.finalize]);
    const lasted = head < 0 ? '' : durationText(headEnd(node, head) - heads[node].at[head]);
    return make(
      'tr',
      {},
      make('th', { scope: 'row' }, nodeName(node)),
      ...[kept, heads[node].at[head] ?? null, final].map((us) => delayCell(us, block)),
      make('td', {}, lasted),
    );
  });
  const header = ['', 'has it', 'as head', 'final', 'head for'].map((text) => make('th', { scope: 'col' }, text));
  return make(
    'table',
    {},
    make('caption', {}, 'after it was produced'),
    make('thead', {}, make('tr', {}, ...header)),
    make('tbody', {}, ...rows),
  );
}

/**
 * @param {number} node
 * @param {number} block
 * @param {readonly number[]} kinds
 */
function firstOf(node, block, kinds) {
  const mine = marksOf[node];
  const times = mine.map((mark) => marks.at[mark]);
  for (let place = lowerBound(times, blocks.born[block]); place < mine.length; place++) {
    if (marks.block[mine[place]] === block && kinds.includes(marks.kind[mine[place]])) return times[place];
  }
  return null;
}

/**
 * @param {number | null} us
 * @param {number} block
 */
function delayCell(us, block) {
  if (us === null) return make('td', {}, '–');
  return make(
    'td',
    {},
    link(durationText(us - blocks.born[block]), () => goTo(us), timeText(us)),
  );
}
