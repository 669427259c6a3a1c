/**
 * Real work for blocks that break a rule. Honest nodes must refuse them, whatever they cost: these are the adversaries for
 * whom the rules were made.
 */
import { RuleError } from '../../base/errors.ts';
import { type Hash, ZERO_HASH } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { EMPTY_NONCE, type Header, hashHeader } from '../../chain/header.ts';
import type { AnyEngine } from '../../consensus/engine.ts';
import { nextDifficulty, type PowRules, recentTimes } from '../../consensus/pow/rules.ts';
import { parseSettings } from '../../consensus/pow/settings.ts';
import { decodeTransfer, transfersRoot } from '../transfers.ts';
import { type BehaviourFactory, type Tools, withStep } from './behaviour.ts';

const UNLAWFUL_CHANCE = 0.5;
const MAX_OLD_SECONDS = 1_000;
/** Beyond the future limit. */
const MAX_AHEAD_SECONDS = 250;
const TRANSFER_GAS = 21_000n;

/**
 * Spoils every other template with `spoil` (null: left as it is) before it is mined, and sends what comes of it to all
 * peers past its own engine, which would not have it.
 */
function spoiling(tools: Tools, spoil: (block: Block) => Block | null): ReturnType<BehaviourFactory> {
  /** By the hash of the header without its proof. */
  const spoilt = new Map<Hash, Block>();
  const step = (honest: AnyEngine): AnyEngine['step'] => {
    return (state, event, context) => {
      if (event.type === 'built' && event.block !== null && tools.random.chance(UNLAWFUL_CHANCE)) {
        const block = spoil(event.block);
        if (block === null) return honest.step(state, event, context);
        spoilt.clear();
        spoilt.set(unproven(block.header), block);
        return honest.step(state, { ...event, block }, context);
      }
      const found = event.type === 'sealed' ? spoilt.get(unproven(event.header)) : undefined;
      if (found !== undefined && event.type === 'sealed') publish(tools, { ...found, header: event.header });
      return honest.step(state, event, context);
    };
  };
  return { engine: (honest) => withStep(honest, step(honest)) };
}

function publish({ peers, send }: Tools, block: Block): void {
  for (const peer of peers()) send(peer, { type: 'block', block });
}

function unproven(header: Header): Hash {
  return hashHeader({ ...header, mixHash: ZERO_HASH, nonce: EMPTY_NONCE });
}

/** Headers with a time that is too old or too new, the wrong difficulty, too much gas, or something extra. */
export const unlawfulHeaders: BehaviourFactory = (tools) => {
  const { random, params, chain, wallMs } = tools;
  const rules: PowRules = { params, settings: parseSettings(params.engine.settings), checkProof: () => undefined };

  /** The difficulty follows the time, so that only one rule is broken. */
  function dated(header: Header, choose: (median: number) => number): Header | null {
    const view = chain();
    const parent = view?.get(header.parentHash);
    if (view === null || parent === undefined) return null;
    const times = recentTimes(parent, view);
    const timestamp = Math.max(0, choose(times.median));
    return { ...header, timestamp, difficulty: nextDifficulty(rules, parent, view, times, timestamp) };
  }

  function unlawful(header: Header): Header | null {
    switch (random.below(5)) {
      case 0:
        return dated(header, (median) => median - random.below(MAX_OLD_SECONDS));
      case 1:
        return dated(header, () => Math.floor(wallMs() / 1_000) + rules.settings.futureLimitSeconds + 1 + random.below(MAX_AHEAD_SECONDS));
      case 2:
        return { ...header, difficulty: header.difficulty / 2n + 1n };
      case 3:
        return { ...header, gasLimit: header.gasLimit * 2n };
      default:
        return { ...header, extraData: '0x00' };
    }
  }

  return spoiling(tools, (block) => {
    const header = unlawful(block.header);
    return header && { ...block, header };
  });
};

/**
 * The same transfer twice in one block (CVE-2018-17144), in a block that is right in everything else: a transfer to the
 * sender itself leaves the state as it is, however often it is done.
 */
export const doubleSpending: BehaviourFactory = (tools) =>
  spoiling(tools, (block) => {
    const twice = block.transactions.find(isToSelf);
    if (twice === undefined) return null;
    const transactions = [...block.transactions, twice];
    const gasUsed = block.header.gasUsed + TRANSFER_GAS;
    return { ...block, transactions, header: { ...block.header, gasUsed, transactionsRoot: transfersRoot(transactions) } };
  });

function isToSelf(bytes: Uint8Array): boolean {
  try {
    const { from, to } = decodeTransfer(bytes);
    return from === to;
  } catch (error) {
    // Of another ledger.
    if (error instanceof RuleError) return false;
    throw error;
  }
}

/**
 * Two blocks of one height by one miner: it keeps each block that it finds until it has found a second one on the same
 * parent (which takes as long as the first), and gives one to half of its peers and one to the others.
 */
export const equivocating: BehaviourFactory = (tools) => {
  const { random, oracle, hashRate, after, engine, chain } = tools;

  function findSecond(first: Block): void {
    const seconds = random.waiting(Number(first.header.difficulty) / Math.max(1, hashRate));
    after(1_000 * seconds, () => {
      const second = { ...first, header: oracle.seal({ ...first.header, gasLimit: first.header.gasLimit - 1n }) };
      if (!isLawful(second)) return;
      for (const [index, peer] of tools.peers().entries()) tools.send(peer, { type: 'block', block: index % 2 === 0 ? first : second });
    });
  }

  function isLawful(block: Block): boolean {
    const view = chain();
    const parent = view?.get(block.header.parentHash);
    if (view === null || parent === undefined) return false;
    try {
      engine.verifyHeader(block, parent, view, tools.wallMs());
      return true;
    } catch (error) {
      if (error instanceof RuleError) return false;
      throw error;
    }
  }

  return {
    engine: (honest) =>
      withStep(honest, (state, event, context) => {
        const effects = honest.step(state, event, context);
        for (const effect of effects) if (effect.type === 'announce') findSecond(effect.block);
        return effects.filter(({ type }) => type !== 'announce');
      }),
  };
};
