/**
 * Which messages are drawn as arrows. A few thousand arrows are a picture, more are a stain: the kinds that matter most are
 * drawn one by one, and those for which there is no room are counted.
 */
import { blocks, lowerBound, messages, model } from './data.js';
import { usPerPixel, view } from './view.js';

/** Arrows in one frame. */
const MAX_ARROWS = 2_500;
/** Of one kind, while arrows are so steep that they are only upright lines; of a kind that matters, and of others. */
const MAX_UPRIGHT = 400;
const MAX_UPRIGHT_MINOR = 120;
const MIN_SLANT_PIXELS = 3;
/** Messages that take longer are looked for one by one. */
const LONG_US = 2_000_000;
const GROUP_ORDER = ['engine', 'block', 'sync', 'status', 'transaction'];

/** @typedef {{ sent: Float64Array, index: Int32Array }} Sorted Messages in the order of sending. */

const kinds = model.messageKinds.map((_, kind) => listsOf(kind));
const byBlock = groupByBlock();
const kindOrder = model.messageKinds
  .map(({ group }, kind) => ({ kind, rank: GROUP_ORDER.indexOf(group), count: kinds[kind].short.index.length }))
  .sort((a, b) => a.rank - b.rank || a.count - b.count)
  .map(({ kind }) => kind);

/**
 * What messages of a kind usually take.
 * @param {Int32Array} indices
 */
function medianOf(indices) {
  const took = Float64Array.from(indices, (index) => messages.end[index] - messages.sent[index]).sort();
  return took[took.length >> 1] ?? 0;
}

/** @param {number} kind */
function listsOf(kind) {
  /** @type {number[]} */
  const short = [];
  /** @type {number[]} */
  const long = [];
  for (let index = 0; index < messages.count; index++) {
    if (messages.kind[index] !== kind) continue;
    (messages.end[index] - messages.sent[index] > LONG_US ? long : short).push(index);
  }
  const sorted = sortedOf(short);
  return { short: sorted, long: sortedOf(long), medianUs: medianOf(sorted.index) };
}

/**
 * @param {number[]} indices
 * @returns {Sorted}
 */
function sortedOf(indices) {
  return { sent: Float64Array.from(indices, (index) => messages.sent[index]), index: Int32Array.from(indices) };
}

function groupByBlock() {
  /** @type {Map<number, number[]>} */
  const found = new Map();
  for (let index = 0; index < messages.count; index++) {
    const block = messages.block[index];
    if (block < 0) continue;
    const list = found.get(block);
    if (list === undefined) found.set(block, [index]);
    else list.push(index);
  }
  return found;
}

/**
 * Messages about this block, in the order of sending.
 * @param {number} block
 * @returns {readonly number[]}
 */
export function messagesAbout(block) {
  return block < 0 || block >= blocks.count ? [] : (byBlock.get(block) ?? []);
}

/** @param {number} kind */
export function countOfKind(kind) {
  return kinds[kind].short.index.length + kinds[kind].long.index.length;
}

/**
 * Whether nothing that the person chose hides it.
 * @param {number} index
 */
export function isWanted(index) {
  if (view.hiddenMessages.has(messages.kind[index])) return false;
  return view.nodes.size === 0 || view.nodes.has(messages.from[index]) || view.nodes.has(messages.to[index]);
}

/**
 * Messages of a kind that are under way at some moment of the view; null when they are more than `most`.
 * @param {number} kind
 * @param {number} most
 * @returns {number[] | null}
 */
function underWay(kind, most) {
  const { short, long } = kinds[kind];
  const first = lowerBound(short.sent, view.fromUs - LONG_US);
  const last = lowerBound(short.sent, view.toUs);
  const begun = lowerBound(short.sent, view.fromUs);
  if (view.nodes.size === 0 && last - begun > most) return null;
  /** @type {number[]} */
  const found = [];
  collect(short, first, last, found);
  collect(long, 0, lowerBound(long.sent, view.toUs), found);
  return found.length > most ? null : found;
}

/**
 * @param {Sorted} list
 * @param {number} first
 * @param {number} last
 * @param {number[]} into
 */
function collect({ index }, first, last, into) {
  for (let place = first; place < last; place++) {
    if (messages.end[index[place]] >= view.fromUs && isWanted(index[place])) into.push(index[place]);
  }
}

/** @param {number} kind */
function mostUpright(kind) {
  return ['engine', 'block'].includes(model.messageKinds[kind].group) ? MAX_UPRIGHT : MAX_UPRIGHT_MINOR;
}

/**
 * What a frame shows: arrows by kind, and the kinds that are only counted.
 * @returns {{ arrows: { kind: number, indices: number[] }[], counted: number[], total: number }}
 */
export function visibleMessages() {
  let room = MAX_ARROWS;
  const arrows = [];
  const counted = [];
  for (const kind of kindOrder) {
    if (view.hiddenMessages.has(kind)) continue;
    const isUpright = kinds[kind].medianUs < MIN_SLANT_PIXELS * usPerPixel();
    const indices = underWay(kind, isUpright ? Math.min(room, mostUpright(kind)) : room);
    if (indices === null) counted.push(kind);
    else if (indices.length > 0) {
      arrows.push({ kind, indices });
      room -= indices.length;
    }
  }
  // The least important first, so that blocks and votes lie on top.
  return { arrows: arrows.reverse(), counted, total: MAX_ARROWS - room };
}

/**
 * How many messages of these kinds each node sends in each of so many equal parts of the view.
 * @param {readonly number[]} counted
 * @param {number} parts
 * @param {number} nodes
 * @returns {Uint32Array[]} by node
 */
export function countMessages(counted, parts, nodes) {
  const counts = Array.from({ length: nodes }, () => new Uint32Array(parts));
  const perPart = (view.toUs - view.fromUs) / parts;
  for (const kind of counted) {
    const { sent, index } = kinds[kind].short;
    const last = lowerBound(sent, view.toUs);
    for (let place = lowerBound(sent, view.fromUs); place < last; place++) {
      if (isWanted(index[place])) counts[messages.from[index[place]]][Math.floor((sent[place] - view.fromUs) / perPart)]++;
    }
  }
  return counts;
}
