/** What can be pointed at: when and where it happened, and which block it is about. */
import { blocks, marks, messages, model } from './data.js';

/** @typedef {import('./view.js').Thing} Thing */

/**
 * @param {Thing} thing
 * @returns {number} microseconds
 */
export function timeOf({ type, index }) {
  switch (type) {
    case 'message':
      return messages.sent[index];
    case 'mark':
      return marks.at[index];
    case 'block':
      return Math.max(0, blocks.born[index]);
    case 'span':
      return model.spans[index].fromUs;
    case 'violation':
      return model.run.violations[index].atUs;
  }
}

/**
 * @param {Thing} thing
 * @returns {number} -1 for the whole network
 */
export function nodeOf({ type, index }) {
  switch (type) {
    case 'message':
      return messages.from[index];
    case 'mark':
      return marks.node[index];
    case 'block':
      return blocks.producer[index];
    case 'span':
      return model.spans[index].nodes[0] ?? -1;
    case 'violation':
      return model.run.violations[index].node;
  }
}

/**
 * @param {Thing | null} thing
 * @returns {number} -1 for none
 */
export function blockOf(thing) {
  if (thing === null) return -1;
  if (thing.type === 'block') return thing.index;
  if (thing.type === 'message') return messages.block[thing.index];
  return thing.type === 'mark' ? marks.block[thing.index] : -1;
}

/**
 * @param {Thing | null} a
 * @param {Thing | null} b
 */
export function isSame(a, b) {
  return a !== null && b !== null && a.type === b.type && a.index === b.index;
}
