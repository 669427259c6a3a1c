/** What was known of each node at any moment, from its marks: up or down, head, finalized height, part, peers, description. */
import { endUs, lastAtOrBefore, MARK, marks, model, nodeCount, roles, states, textAt } from './data.js';

/**
 * @typedef {{ at: number[], block: number[], mark: number[] }} HeadSeries
 * @typedef {{ isUp: boolean, incarnation: number, head: number, finalized: number, role: string, label: string, peers: number[],
 *   description: { [field: string]: unknown } | null }} NodeState
 */

/** Marks of each node, in order. */
export const marksOf = groupMarks();

/** By node and kind: its marks, in order. */
export const marksOfKind = marksOf.map((mine) => {
  /** @type {number[][]} */
  const lists = model.markKinds.map(() => []);
  for (const mark of mine) lists[marks.kind[mark]].push(mark);
  return lists;
});

/** @type {HeadSeries[]} Head by head, starts included, which go back to what was on the disk. */
export const heads = Array.from({ length: nodeCount }, (_, node) => headsOf(node));

/** @type {{ at: number[], height: number[] }[]} */
const finality = Array.from({ length: nodeCount }, (_, node) => finalityOf(node));

function groupMarks() {
  /** @type {number[][]} */
  const found = Array.from({ length: nodeCount }, () => []);
  for (let mark = 0; mark < marks.count; mark++) found[marks.node[mark]]?.push(mark);
  return found;
}

/**
 * @param {number} node
 * @returns {HeadSeries}
 */
function headsOf(node) {
  const kept = marksOf[node].filter((mark) => [MARK.head, MARK.reorg, MARK.start].includes(marks.kind[mark]));
  return { at: kept.map((mark) => marks.at[mark]), block: kept.map((mark) => marks.block[mark]), mark: kept };
}

/** @param {number} node */
function finalityOf(node) {
  /** @type {{ at: number[], height: number[] }} */
  const series = { at: [], height: [] };
  for (const mark of marksOf[node]) {
    const height = finalizedBy(mark);
    if (height === null) continue;
    series.at.push(marks.at[mark]);
    series.height.push(height);
  }
  return series;
}

/**
 * The finalized height that a mark tells of.
 * @param {number} mark
 */
function finalizedBy(mark) {
  if (marks.kind[mark] === MARK.finalize) return marks.value[mark];
  if (marks.kind[mark] !== MARK.start || marks.text[mark] < 0) return null;
  return Number(JSON.parse(textAt(marks.text[mark])).finalized);
}

/**
 * The head of a node; -1 where it is not known.
 * @param {number} node
 * @param {number} us
 */
export function headAt(node, us) {
  return heads[node].block[lastAtOrBefore(heads[node].at, us)] ?? -1;
}

/**
 * The time in which this head was the node's.
 * @param {number} node
 * @param {number} place in its series
 */
export function headEnd(node, place) {
  return heads[node].at[place + 1] ?? endUs;
}

/** By node, the times in which it is down: places in the list of spans. */
export const downtimes = Array.from({ length: nodeCount }, (_, node) =>
  [...model.spans.keys()].filter((span) => model.spans[span].kind === 'down' && model.spans[span].nodes[0] === node),
);

/**
 * @param {number} node
 * @param {number} us
 */
export function isUp(node, us) {
  return !downtimes[node].some((span) => model.spans[span].fromUs <= us && us < model.spans[span].toUs);
}

/**
 * @param {number} node
 * @param {number} us
 * @returns {{ role: string, label: string }}
 */
export function roleAt(node, us) {
  const { at, role, label } = roles[node];
  const place = lastAtOrBefore(at, us);
  return { role: textAt(role[place]), label: textAt(label[place]) };
}

/**
 * @param {number} node
 * @param {number} us
 * @returns {NodeState}
 */
export function stateOf(node, us) {
  const { role, label } = roleAt(node, us);
  const final = finality[node];
  return {
    isUp: isUp(node, us),
    incarnation: marks.value[lastMarkOf(node, MARK.start, us)] ?? 0,
    head: headAt(node, us),
    finalized: final.height[lastAtOrBefore(final.at, us)] ?? 0,
    role,
    label,
    peers: peersAt(node, us),
    description: descriptionAt(node, us),
  };
}

/**
 * The place of the first of these marks that is not before `us`.
 * @param {readonly number[]} list
 * @param {number} us
 */
export function firstMark(list, us) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (marks.at[list[middle]] < us) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * @param {number} node
 * @param {number} kind
 * @param {number} us
 * @returns {number} -1 for none
 */
function lastMarkOf(node, kind, us) {
  const list = marksOfKind[node][kind];
  return list[firstMark(list, us + 0.5) - 1] ?? -1;
}

/**
 * @param {number} node
 * @param {number} us
 */
function peersAt(node, us) {
  const peers = new Set();
  const kinds = marksOfKind[node];
  const changes = [...kinds[MARK.peer], ...kinds[MARK.gone], ...kinds[MARK.stop]].filter((mark) => marks.at[mark] <= us);
  for (const mark of changes.sort((a, b) => a - b)) {
    if (marks.kind[mark] === MARK.peer) peers.add(marks.value[mark]);
    else if (marks.kind[mark] === MARK.gone) peers.delete(marks.value[mark]);
    else peers.clear();
  }
  return [...peers].sort((a, b) => a - b);
}

/** The last answer for each node: time goes on in small steps. */
const described = states.map(() => ({ place: -1, fields: /** @type {{ [field: string]: unknown }} */ ({}) }));

/**
 * What its engine said of itself last, put together from the changes.
 * @param {number} node
 * @param {number} us
 */
function descriptionAt(node, us) {
  const { at, text } = states[node] ?? { at: [], text: [] };
  const place = lastAtOrBefore(at, us);
  if (place < 0) return null;
  const known = described[node];
  if (place < known.place) described[node] = { place: -1, fields: {} };
  const { place: from, fields } = described[node];
  for (let next = from + 1; next <= place; next++) Object.assign(fields, JSON.parse(textAt(text[next]) || '{}'));
  described[node].place = place;
  return fields;
}
