/** Elements, always made as elements: no text of a run is ever read as markup. */

/** @typedef {Node | string} Content */

/**
 * @param {string} tag
 * @param {{ [attribute: string]: string }} attributes
 * @param {...Content} contents
 * @returns {HTMLElement}
 */
export function make(tag, attributes, ...contents) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...contents);
  return made;
}

/**
 * @param {string} text
 * @param {() => void} act
 * @param {string} [title]
 * @returns {HTMLElement}
 */
export function button(text, act, title = '') {
  const made = make('button', { type: 'button', ...(title !== '' && { title }) }, text);
  made.addEventListener('click', act);
  return made;
}

/**
 * Text that leads somewhere in the picture.
 * @param {string} text
 * @param {() => void} act
 * @param {string} [title]
 */
export function link(text, act, title = '') {
  const made = button(text, act, title);
  made.className = 'link';
  return made;
}

/**
 * Names and values.
 * @param {readonly (readonly [name: string, value: Content])[]} rows
 */
export function definitions(rows) {
  return make('dl', {}, ...rows.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
}
