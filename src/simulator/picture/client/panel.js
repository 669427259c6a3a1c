/** Beside the picture: what is selected, every node at the cursor, and what the run was. */
import { blocks, element, MARK, marks, model, nodeCount } from './data.js';
import { describeThing, fieldText, headline, tipText } from './describe.js';
import { button, definitions, link, make } from './dom.js';
import { grouped, nodeName, timeText } from './format.js';
import { headAt, isUp, roleAt, stateOf } from './history.js';
import { colour, roleStyle } from './palette.js';
import { nodeOf, timeOf } from './things.js';
import { changed, goTo, select, view } from './view.js';

/** Whether anything is ever decided for good in this run. */
const DECIDES = marks.kind.includes(MARK.finalize);
const CONE_TEXT =
  'On the lines, blue is what this event can have been influenced by, and amber what it can have influenced, through the messages that arrived.';
/** Nodes whose engine's description is unfolded. */
const unfolded = new Set();
/** What was drawn last; panels are not made anew for nothing. */
let shownSelection = '';
let shownMoment = '';

export function drawPanel() {
  drawSelection();
  drawMoment();
}

function drawSelection() {
  const thing = view.selected ?? view.hovered;
  const key = JSON.stringify([thing, view.cone]);
  if (key === shownSelection) return;
  shownSelection = key;
  const place = element('selection');
  if (thing === null) {
    place.replaceChildren(
      make('p', { class: 'quiet' }, 'Point at anything in the picture to read about it; click to keep it here. Press ? for keys.'),
    );
    return;
  }
  place.replaceChildren(describeThing(thing));
  if (view.selected === null) return;
  const actions = make('div', { class: 'actions' });
  if (nodeOf(thing) >= 0) actions.append(coneButton());
  actions.append(button('Close', () => select(null), 'Esc'));
  place.append(actions);
  if (view.cone && nodeOf(thing) >= 0) place.append(make('p', { class: 'quiet' }, CONE_TEXT));
  element('spoken').textContent = `${headline(thing)}, at ${timeText(timeOf(thing))}`;
}

function coneButton() {
  const made = button(
    'Causes and effects',
    toggleCone,
    'c: shades what this event can have been influenced by, and what it can have influenced',
  );
  made.setAttribute('aria-pressed', String(view.cone));
  return made;
}

/** A few words beside the pointer. */
export function drawTip() {
  const tip = element('tip');
  const thing = view.hovered;
  tip.hidden = thing === null || view.pointer === null;
  if (thing === null || view.pointer === null) return;
  const { x, y } = view.pointer;
  tip.textContent = headline(thing);
  tip.append(make('small', {}, tipText(thing)));
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? y - height - 10 : y + 18}px`;
}

export function toggleCone() {
  view.cone = !view.cone;
  changed();
}

function drawMoment() {
  const key = `${view.cursorUs} ${[...unfolded].join()} ${[...view.nodes].join()} ${element('nodes').hidden}`;
  if (key === shownMoment || element('nodes').hidden) return;
  shownMoment = key;
  const cards = Array.from({ length: nodeCount }, (_, node) => nodeCard(node));
  element('nodes').replaceChildren(make('h3', {}, `At ${timeText(view.cursorUs)}`), ...cards);
}

/** @param {number} node */
function nodeCard(node) {
  const state = stateOf(node, view.cursorUs);
  const { behaviour } = model.nodes[node];
  const badge = make('span', { class: state.isUp ? 'badge up' : 'badge down' }, state.isUp ? state.role || 'up' : 'down');
  if (state.isUp && state.role !== '') badge.style.borderColor = colour(roleStyle(state.role).hue);
  const heading = make('div', { class: 'heading' }, make('strong', {}, nodeName(node)), badge);
  if (behaviour !== null) heading.append(make('span', { class: 'badge bad' }, behaviour));
  const facts = make('div', { class: 'facts' });
  if (state.head >= 0) {
    const { head } = state;
    facts.append(
      'head ',
      link(`${grouped(blocks.number[head])} ${blocks.hash[head].slice(0, 8)}`, () => select({ type: 'block', index: head })),
    );
  } else facts.append('head not known');
  if (DECIDES) facts.append(`, final ${grouped(state.finalized)}`);
  if (state.label !== '') facts.append(`, ${state.label}`);
  facts.append(`, life ${state.incarnation}, peers ${state.peers.length === 0 ? 'none' : state.peers.join(' ')}`);
  const card = make('section', { class: 'node' }, heading, facts, ...faultsOf(node));
  if (state.description !== null && state.isUp) card.append(descriptionOf(node, state.description));
  return card;
}

/**
 * What it is subject to at the cursor.
 * @param {number} node
 */
function faultsOf(node) {
  const us = view.cursorUs;
  const active = model.spans.filter(({ nodes, fromUs, toUs }) => nodes.includes(node) && fromUs <= us && us < toUs);
  return active.map(({ label, detail }) => make('div', { class: 'fault', title: detail }, label));
}

/**
 * @param {number} node
 * @param {{ [field: string]: unknown }} description
 */
function descriptionOf(node, description) {
  const details = /** @type {HTMLDetailsElement} */ (make('details', {}, make('summary', {}, 'engine')));
  details.open = unfolded.has(node);
  if (details.open) details.append(definitions(Object.entries(description).map(([name, value]) => [name, fieldText(value)])));
  details.addEventListener('toggle', () => {
    if (details.open === unfolded.has(node)) return;
    if (details.open) unfolded.add(node);
    else unfolded.delete(node);
    changed();
  });
  return details;
}

/** Made once: it does not change. */
export function drawRun() {
  const { run, leftOut } = model;
  const place = element('run');
  const violations = run.violations.map(({ checker, atUs, node, message, expected }, index) =>
    make(
      'li',
      {},
      link(`${timeText(atUs, 1_000)} ${checker}, ${nodeName(node)}${expected ? ' (expected)' : ''}`, () => goToViolation(index)),
      `: ${message}`,
    ),
  );
  place.append(
    make('h3', {}, 'Make it again'),
    make('code', { class: 'command' }, run.command),
    button('Copy', () => copy(run.command)),
    ...section('Violations', violations),
    ...section(
      'Not in this page',
      leftOut.map((sentence) => make('li', {}, sentence)),
    ),
    make('h3', {}, 'Options'),
    definitions(run.options),
    ...section(
      `Schedule of faults (${run.schedule.length})`,
      run.schedule.map((fault) => make('li', {}, fault)),
    ),
  );
}

/**
 * @param {string} title
 * @param {readonly HTMLElement[]} items
 */
function section(title, items) {
  return items.length === 0 ? [] : [make('h3', {}, title), make('ul', {}, ...items)];
}

/** @param {number} index */
function goToViolation(index) {
  goTo(model.run.violations[index].atUs);
  select({ type: 'violation', index });
}

/** @param {string} text */
export function copy(text) {
  navigator.clipboard?.writeText(text).catch(() => undefined);
}

/** Labels left of the lanes. Each is a switch: only messages of the chosen nodes are drawn. */
export function makeNodeLabels() {
  const labels = model.nodes.map(({ name, behaviour }, node) => {
    const label = button('', () => toggleNode(node), 'Only messages from and to this node (and others chosen so)');
    const heading = make('span', { class: 'heading' }, make('strong', {}, name));
    if (behaviour !== null) heading.append(make('span', { class: 'badge bad', title: 'misbehaves' }, behaviour));
    label.append(heading, make('span', { class: 'head' }));
    return label;
  });
  element('labels').replaceChildren(...labels);
}

/** @param {number} node */
function toggleNode(node) {
  if (!view.nodes.delete(node)) view.nodes.add(node);
  changed();
}

export function drawNodeLabels() {
  for (const [node, label] of [...element('labels').children].entries()) {
    const isAlive = isUp(node, view.cursorUs);
    label.setAttribute('aria-pressed', String(view.nodes.has(node)));
    label.classList.toggle('off', view.nodes.size > 0 && !view.nodes.has(node));
    const { role, label: period } = roleAt(node, view.cursorUs);
    const head = headAt(node, view.cursorUs);
    const text = isAlive
      ? [role, period, head < 0 ? '' : `head ${grouped(blocks.number[head])}`].filter((part) => part !== '').join(', ')
      : 'down';
    const place = label.querySelector('.head');
    if (place !== null && place.textContent !== text) place.textContent = text;
  }
}
