/**
 * Proof-of-stake as an engine: LMD-GHOST and Casper FFG with BLS votes, stake by transactions.
 * Start with README.md, which leads through the folder; this file only ties its parts to the contract.
 */
import type { Json } from '../../base/types.ts';
import type { Engine, EngineFactory, NodeSettings } from '../engine.ts';
import { verifyCertificate } from './certificate.ts';
import { decodePayload } from './codec.ts';
import { checkGenesisKeys, genesisState } from './genesis.ts';
import { decode, encode, type PosMessage } from './messages.ts';
import { genesisFacts, type PosRules, verifyHeader, verifySeal } from './rules.ts';
import { parseSettings, WEI_PER_GWEI } from './settings.ts';
import { initialState, type PosState } from './state.ts';
import { step } from './step.ts';
import { epochOf } from './time.ts';

export const createPos: EngineFactory = (params, node, signatures) => {
  const settings = parseSettings(params.engine.settings);
  checkGenesisKeys(settings, params.chainId, signatures);
  return posEngine({ params, settings, signatures }, node);
};

export function posEngine(network: PosRules, node: NodeSettings): Engine<PosState, PosMessage> {
  const { checkpoint } = node;
  const rules = checkpoint === undefined ? network : { ...network, trusted: checkpoint };
  return {
    name: 'pos',
    finality: 'gadget',
    faults: 'byzantine',
    init: (context) => initialState(rules, context, node, genesisState(rules.settings, context.chain.genesis.header)),
    step: (state, event, context) => step(rules, state, event, context),
    encode,
    decode,
    genesisFacts,
    verifyHeader: (sealed, parent, _headers, wallMs) => verifyHeader(rules, sealed, parent, wallMs),
    verifySeal: (sealed) => void verifySeal(sealed),
    verifyCertificate: (hash, certificate, headers) => verifyCertificate(rules, hash, certificate, headers),
    // EIP-4399: the RANDAO mix, which is known before the block is built.
    randomness: ({ mixHash }) => mixHash,
    // Genesis has no payload.
    rewards: ({ payload }) =>
      payload.length === 0 ? [] : decodePayload(payload).withdrawals.map(({ to, amount }) => ({ to, amount: amount * WEI_PER_GWEI })),
    safe: ({ store }) => store.justified.root,
    sizes,
    inspect: (state) => inspect(rules, state),
  };
}

function sizes({ store, orphans, waiting, pool, offences }: PosState): Readonly<Record<string, number>> {
  return {
    blocks: store.blocks.size,
    orphans: orphans.size,
    waitingVotes: waiting.length,
    votedSlots: pool.groups.size,
    offences: offences.size,
  };
}

function inspect({ settings }: PosRules, state: PosState): Json {
  const { head, slot, store, anchor, signers, counts } = state;
  return {
    slot,
    epoch: epochOf(settings, slot),
    head: { hash: head.hash, number: head.header.number, slot: Number(head.facts.carried) },
    justified: { ...store.justified },
    finalized: { ...store.finalized },
    validators: anchor.state.validators.length,
    keys: signers.size,
    ...sizes(state),
    counts: { ...counts },
  };
}
