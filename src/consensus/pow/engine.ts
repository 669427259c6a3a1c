/**
 * Proof-of-work as an engine: SHA-256d over Bitcoin's header, the heaviest chain, ASERT difficulty.
 * Start with README.md, which leads through the folder; this file only ties its parts to the contract.
 */
import type { Json } from '../../base/types.ts';
import type { Engine, EngineFactory, NodeSettings } from '../engine.ts';
import { minerStatus } from './admin.ts';
import { decode, encode, type PowMessage } from './messages.ts';
import { checkProof, genesisFacts, type PowRules, verifyHeader } from './rules.ts';
import { parseSettings } from './settings.ts';
import { initialState, type PowState } from './state.ts';
import { noCertificates, step } from './step.ts';

export const createPow: EngineFactory = (params, node) =>
  powEngine({ params, settings: parseSettings(params.engine.settings), checkProof }, node);

/** The engine under given rules; the simulator's differ in what a proof is. */
export function powEngine(rules: PowRules, node: NodeSettings): Engine<PowState, PowMessage> {
  const { blockRewardWei } = rules.settings;
  return {
    name: 'pow',
    finality: 'probabilistic',
    faults: 'byzantine',
    init: (context) => initialState(context, node),
    step: (state, event, context) => step(rules, state, event, context),
    encode,
    decode,
    genesisFacts,
    verifyHeader: (sealed, parent, ancestors, wallMs) => verifyHeader(rules, sealed, parent, ancestors, wallMs),
    verifySeal: ({ header }) => rules.checkProof(header),
    verifyCertificate: () => {
      throw noCertificates();
    },
    // The proof is found after execution, so nothing in it may reach the EVM; the parent's hash is what is known before.
    randomness: (header) => header.parentHash,
    rewards: ({ header }) => (blockRewardWei === 0n ? [] : [{ to: header.beneficiary, amount: blockRewardWei }]),
    sizes: ({ candidates, orphans, fetches, early }) => ({
      candidates: candidates.size,
      orphans: orphans.size,
      fetches: fetches.size,
      early: early.length,
    }),
    inspect,
  };
}

function inspect(state: PowState): Json {
  const { head, candidates, checking, orphans, fetches, early, counts } = state;
  return {
    head: {
      hash: head.hash,
      number: head.header.number,
      weight: head.facts.weight.toString(),
      difficulty: head.header.difficulty.toString(),
    },
    candidates: candidates.size,
    checking,
    orphans: { blocks: orphans.size, bytes: orphans.bytes },
    fetches: fetches.size,
    early: early.length,
    mining: minerStatus(state),
    counts: { ...counts },
  };
}
