/**
 * Happened-before (Lamport 1978): what an event can have been influenced by, and what it can have influenced, given the
 * messages that arrived. For each node that is a moment: until then it could, from then on it can.
 */
import { FATE, lowerBound, messages, nodeCount } from './data.js';

/**
 * By node, the first moment at which it can know of what happened at `node` at `us`; Infinity for never.
 * @param {number} node
 * @param {number} us
 * @returns {Float64Array}
 */
export function futureOf(node, us) {
  const known = new Float64Array(nodeCount).fill(Number.POSITIVE_INFINITY);
  known[node] = us;
  // In the order of sending: by the time a message is sent, all that its sender may have heard was sent earlier.
  for (let index = lowerBound(messages.sent, us); index < messages.count; index++) {
    const { sent, end, from, to, fate } = messages;
    if (fate[index] !== FATE.received || sent[index] < known[from[index]]) continue;
    known[to[index]] = Math.min(known[to[index]], end[index]);
  }
  return known;
}

/** @type {Int32Array | null} Messages that arrived, in that order; made when it is needed first. */
let arrivals = null;

function byArrival() {
  if (arrivals !== null) return arrivals;
  const received = [];
  for (let index = 0; index < messages.count; index++) if (messages.fate[index] === FATE.received) received.push(index);
  arrivals = Int32Array.from(received).sort((a, b) => messages.end[a] - messages.end[b]);
  return arrivals;
}

/**
 * By node, the last moment of which what happened at `node` at `us` can know; -Infinity for never.
 * @param {number} node
 * @param {number} us
 * @returns {Float64Array}
 */
export function pastOf(node, us) {
  const heard = new Float64Array(nodeCount).fill(Number.NEGATIVE_INFINITY);
  heard[node] = us;
  const order = byArrival();
  for (let place = order.length - 1; place >= 0; place--) {
    const index = order[place];
    const { sent, end, from, to } = messages;
    if (end[index] > heard[to[index]]) continue;
    heard[from[index]] = Math.max(heard[from[index]], sent[index]);
  }
  return heard;
}
