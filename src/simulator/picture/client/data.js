/**
 * The picture's document, unpacked: columns become typed arrays, differences become times, places in tables become
 * indices from 0 (-1 for none). Times are virtual microseconds.
 *
 * @typedef {import('../model.ts').PictureModel} PictureModel
 * @typedef {import('../model.ts').Span} Span
 * @typedef {{ count: number, sent: Float64Array, end: Float64Array, from: Uint8Array, to: Uint8Array, kind: Uint8Array,
 *   fate: Uint8Array, block: Int32Array, text: Int32Array }} Messages
 * @typedef {{ count: number, at: Float64Array, kind: Uint8Array, node: Int16Array, value: Float64Array, block: Int32Array,
 *   name: Int32Array, text: Int32Array }} Marks
 * @typedef {{ count: number, hash: readonly string[], number: Int32Array, parent: Int32Array, born: Float64Array,
 *   producer: Int16Array, transactions: Int32Array }} Blocks
 * @typedef {{ at: Float64Array, role: Int32Array, label: Int32Array }} Roles
 * @typedef {{ at: Float64Array, text: Int32Array }} States
 */

/** @type {PictureModel} */
export const model = JSON.parse(element('picture').textContent ?? '');

export const endUs = model.run.endUs;
export const nodeCount = model.nodes.length;

export const messages = unpackMessages();
export const marks = unpackMarks();
export const blocks = unpackBlocks();

/** @type {readonly Roles[]} By node. */
export const roles = model.roles.map(({ atUs, role, label }) => ({ at: sums(atUs), role: indices(role), label: indices(label) }));

/** @type {readonly States[]} By node. */
export const states = model.states.map(({ atUs, text }) => ({ at: sums(atUs), text: indices(text) }));

/** What can come of a message; from `lost` on, reasons for which it was lost. */
export const FATE = { underWay: 0, received: 1, lost: 2 };

/** Places of kinds of marks, by name. */
export const MARK = Object.fromEntries(model.markKinds.map((name, kind) => [name, kind]));

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element ${id}.`);
  return found;
}

/**
 * A text of the table; '' for none.
 * @param {number} index
 */
export function textAt(index) {
  return model.texts[index] ?? '';
}

/**
 * The place of the first value that is not below `value` in an ascending list.
 * @param {ArrayLike<number>} ascending
 * @param {number} value
 */
export function lowerBound(ascending, value) {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The place of the last value that is not above `value`; -1 if there is none.
 * @param {ArrayLike<number>} ascending
 * @param {number} value
 */
export function lastAtOrBefore(ascending, value) {
  return lowerBound(ascending, value + 0.5) - 1;
}

/** @returns {Messages} */
function unpackMessages() {
  const { sentUs, tookUs, link, kind, fate, block, text } = model.messages;
  const sent = sums(sentUs);
  return {
    count: sent.length,
    sent,
    end: Float64Array.from(tookUs, (took, index) => sent[index] + took),
    from: Uint8Array.from(link, (place) => Math.floor(place / nodeCount)),
    to: Uint8Array.from(link, (place) => place % nodeCount),
    kind: Uint8Array.from(kind),
    fate: Uint8Array.from(fate),
    block: indices(block),
    text: indices(text),
  };
}

/** @returns {Marks} */
function unpackMarks() {
  const { atUs, kind, node, value, block, name, text } = model.marks;
  return {
    count: atUs.length,
    at: sums(atUs),
    kind: Uint8Array.from(kind),
    node: Int16Array.from(node),
    value: Float64Array.from(value),
    block: indices(block),
    name: indices(name),
    text: indices(text),
  };
}

/** @returns {Blocks} */
function unpackBlocks() {
  const { hash, number, parent, bornUs, producer, transactions } = model.blocks;
  return {
    count: hash.length,
    hash,
    number: Int32Array.from(number),
    parent: indices(parent),
    born: sums(bornUs),
    producer: Int16Array.from(producer),
    transactions: Int32Array.from(transactions),
  };
}

/** @param {readonly number[]} differences */
function sums(differences) {
  let sum = 0;
  return Float64Array.from(differences, (difference) => {
    sum += difference;
    return sum;
  });
}

/** @param {readonly number[]} places */
function indices(places) {
  return Int32Array.from(places, (place) => place - 1);
}
