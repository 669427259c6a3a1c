/**
 * Colours. Those of kinds are Okabe and Ito's, which stay apart for people who see fewer colours; whatever a colour says, a
 * shape, a dash or a word says too. Neutral colours come from the style sheet, which knows light and dark.
 */
import { model } from './data.js';

const LIGHT = {
  blue: '#0067a5',
  orange: '#c65d00',
  green: '#00805e',
  purple: '#a8467e',
  sky: '#2f8fc4',
  red: '#c4161c',
  amber: '#94690a',
  gray: '#7b8288',
};
const DARK = {
  blue: '#5db4ee',
  orange: '#f08c3a',
  green: '#2fc79b',
  purple: '#dd8fbf',
  sky: '#86cdf2',
  red: '#ff6b64',
  amber: '#e5b84a',
  gray: '#8d959c',
};

/** @type {{ [name: string]: string }} */
let hues = LIGHT;
/** @type {{ [name: string]: string }} */
let neutrals = {};

/** For the kinds of an engine's messages, in the order in which they appeared: a hue and a dash. */
const ENGINE_HUES = ['orange', 'purple', 'amber'];
const DASHES = [[], [6, 3], [2, 3], [9, 3, 2, 3]];
const ROLE_HUES = ['blue', 'amber', 'purple', 'green', 'sky', 'gray'];
/** Roles that everybody should notice, whatever an engine calls them. */
const LEADING = /^(leader|primary|proposer|sequencer|coordinator)$/i;
const WAITING = /^(candidate|pre-?candidate|view-?change|waiting|syncing)$/i;

/** To be called first, and whenever light and dark change. */
export function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const read = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  hues = read('scheme') === 'dark' ? DARK : LIGHT;
  neutrals = Object.fromEntries(
    ['ground', 'raised', 'text', 'quiet', 'faint', 'edge', 'line', 'hatch', 'accent'].map((name) => [name, read(name)]),
  );
}

/**
 * A hue or a neutral colour.
 * @param {string} name
 */
export function colour(name) {
  return hues[name] ?? neutrals[name] ?? neutrals.text;
}

const styles = model.messageKinds.map(({ name, group }, kind) => styleOf(name, group, kind));

/**
 * @param {string} name
 * @param {string} group
 * @param {number} kind
 */
function styleOf(name, group, kind) {
  if (group === 'block') return { hue: 'blue', dash: [], width: 1.6 };
  if (group === 'status') return { hue: 'green', dash: [2, 3], width: 1 };
  if (group === 'transaction') return { hue: 'gray', dash: [], width: 0.8 };
  if (group === 'sync') return { hue: 'sky', dash: name.startsWith('get') ? [5, 3] : [], width: 1.1 };
  const place = model.messageKinds.slice(0, kind).filter((other) => other.group === 'engine').length;
  return { hue: ENGINE_HUES[place % ENGINE_HUES.length], dash: DASHES[Math.floor(place / ENGINE_HUES.length) % DASHES.length], width: 1.3 };
}

/**
 * How arrows of a kind of message are drawn.
 * @param {number} kind
 * @returns {{ hue: string, dash: number[], width: number }}
 */
export function messageStyle(kind) {
  return styles[kind] ?? { hue: 'gray', dash: [], width: 1 };
}

/** @type {string[]} */
const rolesSeen = [];

/**
 * The line of a node in this role.
 * @param {string} role '' for an engine that names none
 * @returns {{ hue: string, width: number, dash: number[] }}
 */
export function roleStyle(role) {
  if (role === '') return { hue: 'line', width: 2, dash: [] };
  if (LEADING.test(role)) return { hue: 'orange', width: 5, dash: [] };
  if (WAITING.test(role)) return { hue: 'amber', width: 3, dash: [4, 3] };
  if (!rolesSeen.includes(role)) rolesSeen.push(role);
  return { hue: ROLE_HUES[rolesSeen.indexOf(role) % ROLE_HUES.length], width: 2.5, dash: [] };
}

/** Bands of what lasts, by kind. */
export const SPAN_HUES = {
  partition: 'purple',
  cutLink: 'purple',
  clog: 'amber',
  clogLink: 'amber',
  noise: 'sky',
  clock: 'green',
  drift: 'green',
  slowDisk: 'orange',
  diskError: 'red',
  hashRate: 'blue',
};

/** Short, for the legend and for narrow bands. */
export const SPAN_NAMES = /** @type {{ [kind: string]: string }} */ ({
  partition: 'partition',
  cutLink: 'cut link',
  clog: 'clogged',
  clogLink: 'clogged link',
  noise: 'noise',
  clock: 'clock',
  drift: 'drift',
  slowDisk: 'slow disk',
  diskError: 'disk errors',
  hashRate: 'hash rate',
});

/** @param {string} kind */
export function spanHue(kind) {
  return /** @type {{ [kind: string]: string }} */ (SPAN_HUES)[kind] ?? 'gray';
}
