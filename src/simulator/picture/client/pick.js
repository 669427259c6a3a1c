/** What lies under the pointer: every frame notes where it drew what; a look-up finds the nearest. */

/**
 * @typedef {import('./view.js').Thing} Thing
 * @typedef {{ left: number, top: number, right: number, bottom: number }} Box
 * @typedef {{ x1: number, y1: number, x2: number, y2: number }} Segment
 * @typedef {'lanes' | 'ruler' | 'tree'} Surface
 */

/** Pixels. */
const REACH = 6;

/** @type {{ [surface in Surface]: { boxes: { thing: Thing, box: Box }[], segments: { index: number, segment: Segment }[] } }} */
const drawn = {
  lanes: { boxes: [], segments: [] },
  ruler: { boxes: [], segments: [] },
  tree: { boxes: [], segments: [] },
};

/** @param {Surface} surface */
export function forgetHits(surface) {
  drawn[surface] = { boxes: [], segments: [] };
}

/**
 * @param {Surface} surface
 * @param {Thing} thing
 * @param {Box} box
 */
export function addHit(surface, thing, box) {
  drawn[surface].boxes.push({ thing, box });
}

/**
 * @param {Surface} surface
 * @param {Thing} thing
 * @param {number} x
 * @param {number} y
 * @param {number} [reach]
 */
export function addPoint(surface, thing, x, y, reach = REACH) {
  addHit(surface, thing, { left: x - reach, top: y - reach, right: x + reach, bottom: y + reach });
}

/**
 * @param {number} index of a message
 * @param {Segment} segment
 */
export function addArrow(index, segment) {
  drawn.lanes.segments.push({ index, segment });
}

/**
 * Points before arrows, arrows before bands; of points the nearest.
 * @param {Surface} surface
 * @param {number} x
 * @param {number} y
 * @returns {Thing | null}
 */
export function pick(surface, x, y) {
  const { boxes, segments } = drawn[surface];
  /** @type {Thing | null} */
  let best = null;
  /** @type {Thing | null} */
  let band = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const { thing, box } of boxes) {
    if (x < box.left || x > box.right || y < box.top || y > box.bottom) continue;
    if (thing.type === 'span') {
      band = thing;
      continue;
    }
    const distance = Math.hypot(x - (box.left + box.right) / 2, y - (box.top + box.bottom) / 2);
    if (distance < bestDistance) [best, bestDistance] = [thing, distance];
  }
  return best ?? nearestArrow(segments, x, y) ?? band;
}

/**
 * @param {readonly { index: number, segment: Segment }[]} segments
 * @param {number} x
 * @param {number} y
 * @returns {Thing | null}
 */
function nearestArrow(segments, x, y) {
  let best = -1;
  let bestDistance = REACH;
  for (const { index, segment } of segments) {
    const distance = distanceTo(segment, x, y);
    if (distance < bestDistance) [best, bestDistance] = [index, distance];
  }
  return best < 0 ? null : { type: 'message', index: best };
}

/**
 * @param {Segment} segment
 * @param {number} x
 * @param {number} y
 */
function distanceTo({ x1, y1, x2, y2 }, x, y) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const length = dx * dx + dy * dy;
  const share = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / length));
  return Math.hypot(x - x1 - share * dx, y - y1 - share * dy);
}
