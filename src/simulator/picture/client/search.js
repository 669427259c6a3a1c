/** Looks for a block by the beginning of its hash or by its height. */
import { blocks, element } from './data.js';
import { counted } from './format.js';
import { goTo, select } from './view.js';

/** Which of several matches comes next. */
let place = -1;
let lastQuery = '';

/**
 * @param {string} query
 * @returns {number[]} blocks
 */
export function findBlocks(query) {
  const text = query.trim().toLowerCase();
  if (text === '') return [];
  const found = [];
  const isHeight = /^\d{1,9}$/.test(text);
  const prefix = text.startsWith('0x') ? text : `0x${text}`;
  for (let block = 0; block < blocks.count; block++) {
    if ((isHeight && blocks.number[block] === Number(text)) || blocks.hash[block].startsWith(prefix)) found.push(block);
  }
  return found;
}

export function makeSearch() {
  const field = /** @type {HTMLInputElement} */ (element('search'));
  const answer = element('found');
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    const found = findBlocks(field.value);
    place = field.value === lastQuery ? place + 1 : 0;
    lastQuery = field.value;
    answer.textContent =
      found.length === 0 ? 'no such block in the picture' : `${(place % found.length) + 1} of ${counted(found.length, 'block')}`;
    const block = found[place % Math.max(1, found.length)];
    if (block === undefined) return;
    goTo(Math.max(0, blocks.born[block]));
    select({ type: 'block', index: block });
  });
  field.addEventListener('input', () => {
    answer.textContent = '';
  });
}
