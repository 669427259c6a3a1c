/** The marks of the diagram. Each kind has a shape of its own, so that colour only helps. `y` is the node's line. */
import { colour } from './palette.js';

/** @typedef {CanvasRenderingContext2D} Pen */

/**
 * Whether a kind of mark is shown until the person says otherwise, and what it is called.
 * @type {{ [kind: string]: { name: string, about: string, shown: boolean } }}
 */
export const MARK_STYLES = {
  produce: { name: 'block produced', about: 'the first time anybody had this block', shown: true },
  head: { name: 'head', about: 'the node chose a child of its head as its new head', shown: true },
  reorg: { name: 'reorganisation', about: 'the node left blocks for another branch; the number says how many', shown: true },
  finalize: { name: 'finalized', about: 'decided for good', shown: true },
  start: { name: 'start', about: 'the node starts', shown: true },
  stop: { name: 'stop', about: 'power loss, a disk error or a failed engine', shown: true },
  invalid: { name: 'invalid block', about: 'the block broke a rule when it was executed', shown: true },
  offence: { name: 'offence', about: 'a peer broke a rule and is blamed for it', shown: true },
  engine: { name: 'engine', about: 'what the engine tells of itself', shown: true },
  client: { name: 'client', about: 'a client gave the node a transfer', shown: false },
  persist: { name: 'record on disk', about: 'records of the consensus log are durable', shown: false },
  durable: { name: 'head on disk', about: 'the head is durable', shown: false },
  peer: { name: 'session', about: 'a session with a peer began', shown: false },
  gone: { name: 'session over', about: 'a session with a peer ended', shown: false },
  keep: { name: 'block kept', about: 'the node has a block that another produced', shown: false },
  check: { name: 'block executed', about: 'the block executes to what its header says', shown: false },
};

/** @type {{ [kind: string]: (pen: Pen, x: number, y: number) => void }} */
const SHAPES = {
  produce: (pen, x, y) => filled(pen, 'blue', () => pen.rect(x - 5, y - 5, 10, 10)),
  head: (pen, x, y) => stroked(pen, 'text', 1.5, () => line(pen, x, y - 6, x, y + 6)),
  reorg: (pen, x, y) => filled(pen, 'orange', () => polygon(pen, [x - 8, y, x + 5, y - 7, x + 5, y + 7])),
  finalize: (pen, x, y) => {
    stroked(pen, 'green', 2, () => pen.arc(x, y, 5.5, 0, 7));
    filled(pen, 'green', () => pen.arc(x, y, 2.2, 0, 7));
  },
  start: (pen, x, y) => outlined(pen, 'text', () => polygon(pen, [x - 4, y - 6, x + 7, y, x - 4, y + 6])),
  stop: (pen, x, y) => cross(pen, 'text', x, y, 5.5, 2.5),
  invalid: (pen, x, y) => {
    outlined(pen, 'purple', () => pen.arc(x, y, 5.5, 0, 7));
    cross(pen, 'purple', x, y, 2.6, 1.6);
  },
  offence: (pen, x, y) => {
    stroked(pen, 'red', 1.6, () => line(pen, x, y + 6, x, y - 9));
    filled(pen, 'red', () => polygon(pen, [x, y - 9, x + 8, y - 6, x, y - 3]));
  },
  engine: (pen, x, y) => outlined(pen, 'quiet', () => polygon(pen, [x, y - 4.5, x + 4.5, y, x, y + 4.5, x - 4.5, y])),
  client: (pen, x, y) => filled(pen, 'quiet', () => polygon(pen, [x - 3.5, y - 11, x + 3.5, y - 11, x, y - 5])),
  persist: (pen, x, y) => filled(pen, 'quiet', () => pen.rect(x - 2, y + 4, 4, 4)),
  durable: (pen, x, y) => filled(pen, 'quiet', () => pen.arc(x, y + 6, 2, 0, 7)),
  peer: (pen, x, y) => stroked(pen, 'quiet', 1.3, () => plus(pen, x, y - 8)),
  gone: (pen, x, y) => stroked(pen, 'quiet', 1.3, () => line(pen, x - 3, y - 8, x + 3, y - 8)),
  keep: (pen, x, y) => outlined(pen, 'blue', () => pen.rect(x - 3, y - 3, 6, 6)),
  check: (pen, x, y) => stroked(pen, 'quiet', 1.2, () => line(pen, x, y, x, y + 5)),
};

/**
 * @param {Pen} pen
 * @param {string} kind
 * @param {number} x
 * @param {number} y
 * @param {number} [scale] of its width
 */
export function drawMark(pen, kind, x, y, scale = 1) {
  if (scale === 1) return SHAPES[kind]?.(pen, x, y);
  pen.save();
  pen.translate(x, y);
  pen.scale(scale, 1);
  SHAPES[kind]?.(pen, 0, 0);
  pen.restore();
}

/**
 * An octagon with an exclamation mark.
 * @param {Pen} pen
 * @param {number} x
 * @param {number} y
 * @param {boolean} isExpected
 */
export function drawViolation(pen, x, y, isExpected) {
  const points = Array.from({ length: 8 }, (_, corner) => Math.PI * (corner / 4 + 1 / 8)).flatMap((angle) => [
    x + 8 * Math.cos(angle),
    y + 8 * Math.sin(angle),
  ]);
  if (isExpected) outlined(pen, 'red', () => polygon(pen, points));
  else filled(pen, 'red', () => polygon(pen, points));
  pen.fillStyle = isExpected ? colour('red') : colour('ground');
  pen.fillRect(x - 1.2, y - 4.5, 2.4, 5.5);
  pen.fillRect(x - 1.2, y + 2.4, 2.4, 2.4);
}

/**
 * @param {Pen} pen
 * @param {string} hue
 * @param {number} x
 * @param {number} y
 * @param {number} size
 * @param {number} width
 */
export function cross(pen, hue, x, y, size, width) {
  stroked(pen, hue, width, () => {
    line(pen, x - size, y - size, x + size, y + size);
    line(pen, x - size, y + size, x + size, y - size);
  });
}

/**
 * A path that is filled, with a rim that sets it off from what lies below.
 * @param {Pen} pen
 * @param {string} hue
 * @param {() => void} path
 */
function filled(pen, hue, path) {
  pen.beginPath();
  path();
  pen.strokeStyle = colour('ground');
  pen.lineWidth = 2;
  pen.stroke();
  pen.fillStyle = colour(hue);
  pen.fill();
}

/**
 * @param {Pen} pen
 * @param {string} hue
 * @param {() => void} path
 */
function outlined(pen, hue, path) {
  pen.beginPath();
  path();
  pen.fillStyle = colour('ground');
  pen.fill();
  pen.strokeStyle = colour(hue);
  pen.lineWidth = 1.6;
  pen.stroke();
}

/**
 * @param {Pen} pen
 * @param {string} hue
 * @param {number} width
 * @param {() => void} path
 */
function stroked(pen, hue, width, path) {
  pen.beginPath();
  path();
  pen.strokeStyle = colour(hue);
  pen.lineWidth = width;
  pen.stroke();
}

/**
 * @param {Pen} pen
 * @param {number[]} points x and y in turn
 */
function polygon(pen, points) {
  pen.moveTo(points[0], points[1]);
  for (let at = 2; at < points.length; at += 2) pen.lineTo(points[at], points[at + 1]);
  pen.closePath();
}

/**
 * @param {Pen} pen
 * @param {number} x1
 * @param {number} y1
 * @param {number} x2
 * @param {number} y2
 */
function line(pen, x1, y1, x2, y2) {
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
}

/**
 * @param {Pen} pen
 * @param {number} x
 * @param {number} y
 */
function plus(pen, x, y) {
  line(pen, x - 3, y, x + 3, y);
  line(pen, x, y - 3, x, y + 3);
}
