/** The legend, which is also the filter: every kind is a switch, drawn as it is drawn in the picture. */
import { element, MARK, marks, model, roles, textAt } from './data.js';
import { make } from './dom.js';
import { grouped } from './format.js';
import { drawMark, MARK_STYLES } from './glyphs.js';
import { colour, messageStyle, roleStyle, SPAN_NAMES, spanHue } from './palette.js';
import { changed, view } from './view.js';
import { countOfKind } from './visible.js';

const SWATCH_WIDTH = 26;
const SWATCH_HEIGHT = 16;
/** Names of an engine's traces that get a switch of their own. */
const MAX_NAMES = 24;

/** @type {(() => void)[]} */
const redraws = [];
let drawnFor = '';

export function makeLegend() {
  redraws.length = 0;
  element('legend').replaceChildren(
    group('Messages', messageSwitches()),
    group('Marks', markSwitches()),
    ...optional('The engine says', nameSwitches()),
    ...optional('Faults', spanSwitches()),
    ...optional('Roles', roleChips()),
  );
}

/** Drawn anew only when a switch was turned or colours have changed. */
export function drawLegend() {
  const { hiddenMessages, hiddenMarks, hiddenNames, hiddenSpans } = view;
  const key = JSON.stringify([[...hiddenMessages], [...hiddenMarks], [...hiddenNames], [...hiddenSpans], colour('ground')]);
  if (key === drawnFor) return;
  drawnFor = key;
  for (const redraw of redraws) redraw();
}

/**
 * @param {string} title
 * @param {readonly HTMLElement[]} switches
 */
function optional(title, switches) {
  return switches.length === 0 ? [] : [group(title, switches)];
}

/**
 * @param {string} title
 * @param {readonly HTMLElement[]} switches
 */
function group(title, switches) {
  return make('div', { class: 'group', role: 'group', 'aria-label': title }, make('h4', {}, title), ...switches);
}

/**
 * @template T
 * @param {string} name
 * @param {number | null} count
 * @param {Set<T>} hidden
 * @param {T} key
 * @param {(pen: CanvasRenderingContext2D) => void} draw
 * @param {string} about
 */
function toggle(name, count, hidden, key, draw, about) {
  const canvas = /** @type {HTMLCanvasElement} */ (make('canvas', { 'aria-hidden': 'true' }));
  const made = make('button', { type: 'button', title: about, 'data-kind': name }, canvas, make('span', {}, name));
  if (count !== null) made.append(make('span', { class: 'count' }, grouped(count)));
  made.addEventListener('click', (event) => {
    if (event.altKey) showOnly(hidden, key, siblings(made));
    else if (!hidden.delete(key)) hidden.add(key);
    changed();
  });
  const redraw = () => {
    made.setAttribute('aria-pressed', String(!hidden.has(key)));
    const pen = swatch(canvas);
    if (pen !== null) draw(pen);
  };
  keys.set(made, key);
  redraws.push(redraw);
  redraw();
  return made;
}

/** @type {WeakMap<Element, unknown>} */
const keys = new WeakMap();

/** @param {HTMLElement} made */
function siblings(made) {
  return [...(made.parentElement?.children ?? [])].filter((child) => keys.has(child)).map((child) => keys.get(child));
}

/**
 * With Alt: this kind and no other of its group; again, all of them.
 * @template T
 * @param {Set<T>} hidden
 * @param {T} key
 * @param {readonly unknown[]} others
 */
function showOnly(hidden, key, others) {
  const isAlone = others.every((other) => other === key || hidden.has(/** @type {T} */ (other)));
  for (const other of others) {
    if (isAlone || other === key) hidden.delete(/** @type {T} */ (other));
    else hidden.add(/** @type {T} */ (other));
  }
}

/** @param {HTMLCanvasElement} canvas */
function swatch(canvas) {
  const ratio = devicePixelRatio;
  canvas.width = SWATCH_WIDTH * ratio;
  canvas.height = SWATCH_HEIGHT * ratio;
  const pen = canvas.getContext('2d');
  pen?.scale(ratio, ratio);
  return pen;
}

function messageSwitches() {
  return model.messageKinds.map(({ name }, kind) =>
    toggle(
      name,
      countOfKind(kind),
      view.hiddenMessages,
      kind,
      (pen) => drawArrow(pen, kind),
      'messages of this kind; with Alt: only these',
    ),
  );
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} kind
 */
function drawArrow(pen, kind) {
  const { hue, dash, width } = messageStyle(kind);
  const y = SWATCH_HEIGHT / 2;
  pen.strokeStyle = colour(hue);
  pen.fillStyle = colour(hue);
  pen.lineWidth = width + 0.4;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(1, y);
  pen.lineTo(SWATCH_WIDTH - 6, y);
  pen.stroke();
  pen.beginPath();
  pen.moveTo(SWATCH_WIDTH, y);
  pen.lineTo(SWATCH_WIDTH - 8, y - 3.5);
  pen.lineTo(SWATCH_WIDTH - 8, y + 3.5);
  pen.fill();
}

function markSwitches() {
  const counts = countBy(marks.kind);
  return Object.entries(MARK_STYLES)
    .filter(([kind]) => (counts.get(MARK[kind]) ?? 0) > 0 && kind !== 'engine')
    .map(([kind, { name, about }]) =>
      toggle(
        name,
        counts.get(MARK[kind]) ?? 0,
        view.hiddenMarks,
        MARK[kind],
        (pen) => drawMark(pen, kind, SWATCH_WIDTH / 2, SWATCH_HEIGHT / 2 + offset(kind)),
        about,
      ),
    );
}

/** Some marks lie above their line, some below.
 * @param {string} kind */
function offset(kind) {
  if (kind === 'client' || kind === 'peer' || kind === 'gone') return 8;
  return kind === 'durable' || kind === 'persist' ? -5 : 0;
}

function nameSwitches() {
  const counts = new Map();
  for (let mark = 0; mark < marks.count; mark++) {
    if (marks.kind[mark] === MARK.engine) counts.set(marks.name[mark], (counts.get(marks.name[mark]) ?? 0) + 1);
  }
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MAX_NAMES)
    .map(([name, count]) =>
      toggle(
        textAt(name),
        count,
        view.hiddenNames,
        name,
        (pen) => drawMark(pen, 'engine', SWATCH_WIDTH / 2, SWATCH_HEIGHT / 2),
        'traces of the engine by this name; with Alt: only these',
      ),
    );
}

function spanSwitches() {
  const kinds = [...new Set(model.spans.map(({ kind }) => kind))].filter((kind) => kind !== 'down').sort();
  return kinds.map((kind) =>
    toggle(SPAN_NAMES[kind] ?? kind, null, view.hiddenSpans, kind, (pen) => drawBand(pen, kind), 'faults of this kind'),
  );
}

/** What nodes said of their parts; nothing to switch. */
function roleChips() {
  const names = [...new Set(roles.flatMap(({ role }) => [...role].map(textAt)))].filter((name) => name !== '').slice(0, MAX_NAMES);
  return names.map((name) => {
    const canvas = /** @type {HTMLCanvasElement} */ (make('canvas', { 'aria-hidden': 'true' }));
    const redraw = () => drawRole(swatch(canvas), name);
    redraws.push(redraw);
    redraw();
    return make('span', { class: 'chip' }, canvas, name);
  });
}

/**
 * @param {CanvasRenderingContext2D | null} pen
 * @param {string} name
 */
function drawRole(pen, name) {
  if (pen === null) return;
  const { hue, width, dash } = roleStyle(name);
  pen.strokeStyle = colour(hue);
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(1, SWATCH_HEIGHT / 2);
  pen.lineTo(SWATCH_WIDTH - 1, SWATCH_HEIGHT / 2);
  pen.stroke();
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {string} kind
 */
function drawBand(pen, kind) {
  pen.fillStyle = colour(spanHue(kind));
  pen.globalAlpha = 0.3;
  pen.fillRect(1, 3, SWATCH_WIDTH - 2, 10);
  pen.globalAlpha = 1;
  pen.fillRect(1, 3, SWATCH_WIDTH - 2, 1.5);
}

/** @param {ArrayLike<number>} values */
function countBy(values) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const value of Array.from(values)) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
