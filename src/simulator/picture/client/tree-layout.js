/** Rows for the blocks of a run: the chain that won in the first, branches below, each in the first row that is free. */
import { blocks, endUs, nodeCount } from './data.js';
import { headAt } from './history.js';

/** Branches that are alive at one time; more of them share the last row. */
const MAX_ROWS = 6;
/** A row is free again so long after its branch ended, as a share of the run, so that branches stay apart. */
const REST = 0.002;

/** By block: its row; -1 for blocks that hang on nothing. */
export const rowOf = new Int8Array(blocks.count).fill(-1);
export const rowCount = layOut();

function layOut() {
  markMain();
  /** @type {number[]} */
  const freeAt = [Number.POSITIVE_INFINITY];
  for (const { first, last } of findBranches()) {
    const fromUs = blocks.born[blocks.parent[first]];
    const free = freeAt.findIndex((us) => us <= fromUs);
    const row = Math.min(free < 0 ? freeAt.length : free, MAX_ROWS - 1);
    freeAt[row] = Math.max(freeAt[row] ?? 0, blocks.born[last] + REST * endUs);
    for (let block = last; block !== blocks.parent[first]; block = blocks.parent[block]) rowOf[block] = row;
  }
  return freeAt.length;
}

/** The chain of the highest head at the end. */
function markMain() {
  let tip = -1;
  for (let node = 0; node < nodeCount; node++) {
    const head = headAt(node, endUs);
    if (head >= 0 && (tip < 0 || blocks.number[head] > blocks.number[tip])) tip = head;
  }
  for (let block = tip; block >= 0; block = blocks.parent[block]) rowOf[block] = 0;
}

/**
 * Runs of blocks off the main chain, each from its fork to its tip. Parents were born before their children, so one pass
 * over the blocks is enough.
 */
function findBranches() {
  /** @type {{ first: number, last: number }[]} */
  const branches = [];
  /** @type {Map<number, { first: number, last: number }>} */
  const byTip = new Map();
  const hangs = Uint8Array.from(rowOf, (row) => (row === 0 ? 1 : 0));
  for (let block = 0; block < blocks.count; block++) {
    const parent = blocks.parent[block];
    if (rowOf[block] === 0 || parent < 0 || hangs[parent] === 0) continue;
    hangs[block] = 1;
    const branch = byTip.get(parent) ?? { first: block, last: block };
    if (!byTip.delete(parent)) branches.push(branch);
    branch.last = block;
    byTip.set(block, branch);
  }
  return branches;
}
