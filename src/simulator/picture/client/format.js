/** Numbers, times and names as people read them. */
import { blocks, model } from './data.js';

const US_PER_S = 1_000_000;
const US_PER_MS = 1_000;
const SHORT_HASH = 10;

/**
 * A moment, as precise as a step of the ruler needs; to the microsecond without one.
 * @param {number} us
 * @param {number} [stepUs]
 */
export function timeText(us, stepUs = 1) {
  const digits = stepUs >= US_PER_S ? 0 : Math.min(6, Math.ceil(Math.log10(US_PER_S / stepUs)));
  return `${grouped((us / US_PER_S).toFixed(digits))} s`;
}

/**
 * A length of time in the unit that suits it.
 * @param {number} us
 */
export function durationText(us) {
  if (us < US_PER_MS) return `${Math.round(us)} us`;
  if (us < US_PER_S) return `${round(us / US_PER_MS)} ms`;
  if (us < 600 * US_PER_S) return `${round(us / US_PER_S)} s`;
  return `${round(us / 60 / US_PER_S)} min`;
}

/** @param {number} value */
function round(value) {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

/**
 * 1234567 as 1,234,567.
 * @param {number | string} value
 */
export function grouped(value) {
  const [whole, fraction] = String(value).split('.');
  const text = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? text : `${text}.${fraction}`;
}

/** @param {string} hash */
export function shortHash(hash) {
  return hash.length > SHORT_HASH ? `${hash.slice(0, SHORT_HASH)}…` : hash;
}

/**
 * A sentence with its hashes cut to what tells them apart.
 * @param {string} text
 */
export function withShortHashes(text) {
  return text.replace(/0x[0-9a-f]{64}/g, shortHash);
}

/** @param {number} block */
export function blockName(block) {
  return block < 0 ? 'none' : `${grouped(blocks.number[block])} (${shortHash(blocks.hash[block])})`;
}

/** @param {number} node */
export function nodeName(node) {
  return node < 0 ? 'the network' : (model.nodes[node]?.name ?? `node-${node}`);
}

/**
 * @param {number} count
 * @param {string} noun
 */
export function counted(count, noun) {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}
