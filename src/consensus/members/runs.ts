/**
 * Blocks that a member sends one after another: those that another lacks, or had accepted before a crash. Where members only crash
 * each is executed as soon as its parent is, so that whoever has to build next can.
 */
import { RuleError } from '../../base/errors.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { AnyEngine } from '../engine.ts';
import { factsOf } from './council.ts';
import { type DecisionTurn, execute } from './decisions.ts';
import { encodedBlock } from './fields.ts';

/** Ahead of their acknowledgement by one member. With one more block of the largest size they fit what the network holds back for a peer (16 MiB). */
export const MAX_INFLIGHT_BLOCKS = 64;
export const MAX_INFLIGHT_BYTES = 4 * 1024 * 1024;
/** In one message. */
export const MAX_RUN_BLOCKS = 256;
/** A single block may be larger. */
const MAX_RUN_BYTES = 2 * 1024 * 1024;

/** The first of these, as many as fit into one message. */
export function fitting(blocks: Iterable<Block>): Block[] {
  const run: Block[] = [];
  let bytes = 0;
  for (const block of blocks) {
    bytes += encodedBlock(block).length;
    if (run.length >= MAX_RUN_BLOCKS || (run.length > 0 && bytes > MAX_RUN_BYTES)) break;
    run.push(block);
  }
  return run;
}

/** Its parent is here, or was inserted in this step. */
export function insertBlock(turn: Pick<DecisionTurn, 'chain' | 'decisions' | 'effects'>, block: Block): void {
  const { chain, effects } = turn;
  const hash = hashHeader(block.header);
  if (chain.get(hash) !== undefined) return;
  effects.push({ type: 'insert', block, facts: factsOf(block.header) });
  // The others follow as their parents are executed.
  if (chain.status(block.header.parentHash) === 'executed') execute(turn, hash);
}

/** As it is in the chain from the next step on. */
export function nodeOf({ header, seal }: Block): HeaderNode {
  return { header, seal, hash: hashHeader(header), facts: factsOf(header) };
}

/**
 * Inserts them all, or none. Returns them as nodes, lowest first; null where it is not known what they follow, as messages get
 * lost, or what they follow was not decided. `decided`: up to this height the sender says that they are. Throws RuleError `<engine>/not-a-child` for what is no chain, `<engine>/contradicts-decided` for blocks that exclude what
 * is decided here, and what the rules of headers say.
 */
export function insertRun(
  turn: DecisionTurn,
  engine: string,
  { verifyHeader }: Pick<AnyEngine, 'verifyHeader'>,
  blocks: readonly Block[],
  decided = Number.POSITIVE_INFINITY,
): readonly HeaderNode[] | null {
  const { chain, wallMs } = turn;
  const first = chain.get(blocks[0]?.header.parentHash ?? chain.head.hash);
  if (first === undefined) return null;
  const nodes: HeaderNode[] = [];
  for (const block of blocks) {
    const parent = nodes.at(-1) ?? first;
    checkChild(engine, block, parent);
    verifyHeader(block, parent, chain, wallMs);
    nodes.push(nodeOf(block));
  }
  const other = contradiction(turn, [first, ...nodes]);
  if (other !== null && other.header.number <= decided) throw contradicts(turn, engine, other);
  if (other !== null) return null;
  for (const block of blocks) insertBlock(turn, block);
  return nodes;
}

/** Throws RuleError `<engine>/not-a-child`. */
export function checkChild(engine: string, { header }: Block, parent: Pick<HeaderNode, 'hash'>): void {
  if (header.parentHash === parent.hash) return;
  const message = `Block ${header.number} came as the child of ${parent.hash}, and names the parent ${header.parentHash}.`;
  throw new RuleError(`${engine}/not-a-child`, message, { number: header.number });
}

/** The lowest that excludes a block that is decided here. `nodes` descend from each other; the first is in the chain. */
function contradiction({ chain }: DecisionTurn, nodes: readonly HeaderNode[]): HeaderNode | null {
  const head = chain.head.header.number;
  let [at] = nodes;
  // From what is not decided yet, back to what it was made on.
  while (at !== undefined && at.header.number > head) at = chain.get(at.header.parentHash);
  const low = [...(at === undefined ? [] : [at]), ...nodes].filter(({ header }) => header.number <= head);
  return low.find(({ header, hash }) => chain.canonical(header.number) !== hash) ?? null;
}

function contradicts({ chain }: DecisionTurn, engine: string, { header, hash }: HeaderNode): RuleError {
  const { number } = header;
  const message = `Block ${hash} came as decided at height ${number}, where this node has decided ${chain.canonical(number) ?? 'another'}.`;
  return new RuleError(`${engine}/contradicts-decided`, message, { number });
}
