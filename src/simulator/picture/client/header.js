/** What is written above the picture, and its buttons. */
import { element, endUs, model, nodeCount } from './data.js';
import { button, link, make } from './dom.js';
import { counted, grouped, timeText } from './format.js';
import { lanes } from './lanes.js';
import { readPalette } from './palette.js';
import { copy } from './panel.js';
import { changed, showAll, togglePlay, view, ZOOM_STEP, zoom } from './view.js';

export function fillHeader() {
  const { run } = model;
  const verdict = run.violations.some(({ expected }) => !expected)
    ? 'violated'
    : run.violations.length > 0
      ? 'ok, with expected violations'
      : 'ok';
  element('verdict').textContent = verdict;
  element('verdict').classList.add(run.ok ? 'up' : 'bad');
  element('title').textContent = `${run.engine}, seed ${run.seed}`;
  const facts = [
    counted(nodeCount, 'node'),
    timeText(endUs, 1_000_000),
    `${grouped(run.events)} events`,
    `${grouped(run.messages)} messages (${grouped(run.lost)} lost)`,
    `trace ${run.traceHash}`,
  ];
  element('facts').textContent = facts.join(' · ');
  if (model.leftOut.length === 0) return;
  const missing = link('what is left out', () => showTab('run'), model.leftOut.join('\n'));
  element('facts').append(' · ', missing);
}

/** For the names of nodes, in an image. */
const IMAGE_GUTTER = 110;

const playButton = button('Play', togglePlay, 'Space: lets time pass');

export function makeButtons() {
  element('tools').append(
    playButton,
    button('+', () => zoom(ZOOM_STEP), 'closer (+)'),
    button('−', () => zoom(1 / ZOOM_STEP), 'farther (-)'),
    button('Whole run', showAll, '0'),
    button('Copy link', () => copy(location.href), 'to this file, at what is shown now'),
    button('Save image', saveImage, 'what is shown, as PNG'),
    button('Light / dark', switchScheme, 'colours'),
    button('Help', () => /** @type {HTMLDialogElement} */ (element('help')).showModal(), '?'),
  );
}

export function drawButtons() {
  playButton.setAttribute('aria-pressed', String(view.playing));
}

function switchScheme() {
  const root = document.documentElement;
  const isDark = getComputedStyle(root).getPropertyValue('--scheme').trim() === 'dark';
  root.dataset.scheme = isDark ? 'light' : 'dark';
  readPalette();
  changed();
}

/** Ruler, lanes and tree, one below another, with the names of the nodes. */
function saveImage() {
  const canvases = ['ruler', 'lanes', 'tree'].map((name) => /** @type {HTMLCanvasElement} */ (element(`${name}-canvas`)));
  const ratio = devicePixelRatio;
  const gutter = IMAGE_GUTTER * ratio;
  const image = document.createElement('canvas');
  image.width = canvases[0].width + gutter;
  image.height = canvases.reduce((sum, { height }) => sum + height, 0);
  const pen = /** @type {CanvasRenderingContext2D} */ (image.getContext('2d'));
  pen.fillStyle = getComputedStyle(document.body).backgroundColor;
  pen.fillRect(0, 0, image.width, image.height);
  let y = 0;
  for (const canvas of canvases) {
    pen.drawImage(canvas, gutter, y);
    y += canvas.height;
  }
  pen.fillStyle = getComputedStyle(document.body).color;
  pen.font = `bold ${12 * ratio}px system-ui, sans-serif`;
  for (const [node, { name }] of model.nodes.entries())
    pen.fillText(name, 8 * ratio, canvases[0].height + (node + 0.5) * lanes.height * ratio);
  image.toBlob((blob) => {
    if (blob === null) return;
    const anchor = /** @type {HTMLAnchorElement} */ (
      make('a', { download: `synod-${model.run.engine.replace(/\W+/g, '-')}-${model.run.seed}.png` })
    );
    anchor.href = URL.createObjectURL(blob);
    anchor.click();
    URL.revokeObjectURL(anchor.href);
  });
}

export function makeTabs() {
  for (const tab of document.querySelectorAll('[role=tab]')) {
    tab.addEventListener('click', () => showTab(tab.getAttribute('aria-controls') ?? ''));
  }
}

/** @param {string} chosen the panel */
function showTab(chosen) {
  for (const tab of document.querySelectorAll('[role=tab]')) {
    const panel = tab.getAttribute('aria-controls') ?? '';
    tab.setAttribute('aria-selected', String(panel === chosen));
    element(panel).hidden = panel !== chosen;
  }
  changed();
}
