/**
 * Limits of a PBFT member.
 *
 * WaterMarks: votes are for heights above the low water mark and not above the high one (section 4.3). StableCheckpointMatch:
 * checkpoints of one height are of one block, which is final. ExternalValidity: what a correct node prepares it has executed,
 * and its time is not ahead of the node's clock, unless its parent's is, or a quorum has prepared it before. Bounded: what
 * others can make a member keep. LongestTimeout: the view timer is never set for longer than the cap.
 */
import type { Hash, Json } from '../../base/types.ts';
import { isOfNode } from '../observations.ts';
import type { CheckerFactory } from './checker.ts';
import { faultyOf, ownVote, type PbftMessage, quorumOf } from './pbft-reference.ts';

const FUTURE_MS = 10_000;
/** As in `consensus/pbft/settings.ts`. */
const DEFAULT_EVERY = 16;
const WINDOW_CHECKPOINTS = 2;
/** Steps of a node between two looks. */
const LOOK_STEPS = 64;
const WAITING_EACH = 16;
const EVIDENCE_EACH = 4;

export const waterMarks: CheckerFactory = ({ isCorrect, params, report }) => {
  const every = Number(params.engine.settings.checkpointEvery ?? DEFAULT_EVERY);
  /** Of each node, in its life. */
  const low = new Map<number, number>();
  return {
    name: 'WaterMarks',
    sees: ['started', 'engine', 'sending'],
    observe(observation) {
      if (!isOfNode(observation) || !isCorrect(observation.node)) return;
      const { node } = observation;
      if (observation.type === 'started') {
        const { number } = observation.chain.finalized.header;
        low.set(node, number - (number % every));
      }
      if (observation.type === 'engine' && observation.name === 'checkpoint') low.set(node, Number(observation.data.height));
      if (observation.type !== 'sending') return;
      const own = ownVote(node, observation.message as PbftMessage);
      const mark = low.get(node) ?? 0;
      if (own === null || own.height <= mark + WINDOW_CHECKPOINTS * every) return;
      report({ node, message: `Votes at height ${own.height}; its water marks are ${mark} and ${mark + WINDOW_CHECKPOINTS * every}.` });
    },
  };
};

export const stableCheckpointMatch: CheckerFactory = ({ isCorrect, isOverwhelmed, params, report }) => {
  const every = Number(params.engine.settings.checkpointEvery ?? DEFAULT_EVERY);
  const final = new Map<number, string>();
  return {
    name: 'StableCheckpointMatch',
    sees: ['engine', 'finalized'],
    observe(observation) {
      if (observation.type === 'finalized' && isCorrect(observation.node)) {
        const { header, hash } = observation.block;
        if (header.number % every === 0 && !final.has(header.number)) final.set(header.number, hash);
      }
      if (observation.type !== 'engine' || observation.name !== 'checkpoint' || !isCorrect(observation.node)) return;
      const { node } = observation;
      const height = Number(observation.data.height);
      const hash = String(observation.data.hash);
      const first = final.get(height) ?? hash;
      final.set(height, first);
      if (height % every !== 0) report({ node, message: `Takes a checkpoint at height ${height}; expected a multiple of ${every}.` });
      if (first === hash) return;
      report({
        node,
        message: `Takes a checkpoint of block ${hash} at height ${height}, where ${first} is final.`,
        expected: isOverwhelmed,
      });
    },
  };
};

export const externalValidity: CheckerFactory = ({ isCorrect, chainOf, wallMsOf, nodes, report }) => {
  /** Votes that were looked at when they were given. They may leave later, even in a later life, which has the block to execute again. */
  const given = new Set<string>();
  /** By block, the correct nodes that have given one. With so many there may be a quorum, which has looked at the time. */
  const givers = new Map<Hash, Set<number>>();
  const enough = quorumOf(nodes) - faultyOf(nodes);

  function check(node: number, hash: Hash): void {
    const chain = chainOf(node);
    const block = chain?.get(hash);
    const parent = block && chain?.get(block.header.parentHash);
    if (block === undefined || parent === undefined || chain?.status(hash) !== 'executed') {
      return report({ node, message: `Prepares block ${hash}, which it has not executed.` });
    }
    const { timestamp } = block.header;
    if (1_000 * timestamp <= wallMsOf(node) + FUTURE_MS || timestamp === parent.header.timestamp) return;
    if ((givers.get(hash)?.size ?? 0) >= enough) return;
    report({ node, message: `Prepares block ${hash} of ${timestamp} s at ${wallMsOf(node)} ms.` });
  }

  return {
    name: 'ExternalValidity',
    sees: ['sending', 'step'],
    observe(observation) {
      if (observation.type === 'step' && isCorrect(observation.node)) {
        const { node } = observation;
        for (const effect of observation.effects) {
          if (effect.type !== 'trace' || effect.name !== 'prepare') continue;
          const { view, height, hash } = effect.data;
          check(node, hash as Hash);
          given.add(`${node}/${view}/${height}/${hash}`);
          givers.set(hash as Hash, (givers.get(hash as Hash) ?? new Set()).add(node));
        }
      }
      if (observation.type !== 'sending' || !isCorrect(observation.node)) return;
      const { node } = observation;
      const own = ownVote(node, observation.message as PbftMessage);
      if (own?.phase !== 'prepare' || given.has(`${node}/${own.view}/${own.height}/${own.hash}`)) return;
      report({ node, message: `Sends a prepare for block ${own.hash} that it was not seen to give.` });
    },
  };
};

export const pbftBounded: CheckerFactory = ({ isCorrect, inspect, nodes, params, report }) => {
  const { settings } = params.engine;
  const every = Number(settings.checkpointEvery ?? DEFAULT_EVERY);
  const capMs = Number(settings.maxViewTimeoutMs) + Math.max(Number(settings.emptyBlockMs ?? 0), Number(settings.blockIntervalMs ?? 0));
  const bounds = {
    rounds: WINDOW_CHECKPOINTS * every,
    waiting: WAITING_EACH * nodes,
    evidence: EVIDENCE_EACH * nodes,
    viewChanges: nodes,
    reads: 64,
  };
  const steps = new Map<number, number>();
  return {
    name: 'Bounded',
    sees: ['step'],
    observe(observation) {
      if (observation.type !== 'step' || !isCorrect(observation.node)) return;
      const { node, effects } = observation;
      for (const effect of effects) {
        if (effect.type !== 'setTimer' || effect.id !== 'view' || effect.delayMs <= capMs + 1) continue;
        report({ node, message: `Waits for a view for ${effect.delayMs} ms; at most ${capMs} are allowed.` });
      }
      const count = (steps.get(node) ?? 0) + 1;
      steps.set(node, count);
      if (count % LOOK_STEPS !== 0) return;
      const state = inspect(node) as { readonly [name: string]: Json } | null;
      for (const [name, most] of Object.entries(bounds)) {
        const value = state?.[name] ?? 0;
        const size = Array.isArray(value) ? value.length : Number(value);
        if (size > most) report({ node, message: `Holds ${size} ${name}; at most ${most} are allowed.` });
      }
    },
  };
};
