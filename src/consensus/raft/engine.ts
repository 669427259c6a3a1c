/** Raft as synod's consensus engine. Source: Diego Ongaro, "Consensus: Bridging Theory and Practice" (2014). See README.md. */
import type { Context, Engine, EngineFactory } from '../engine.ts';
import { Council } from '../members/council.ts';
import { inspect } from './admin.ts';
import { blocksIn, decodeMessage, encodeMessage, type RaftMessage } from './messages.ts';
import { raftRules } from './rules.ts';
import { parseSettings } from './settings.ts';
import { initialState, type RaftState, type Turn } from './state.ts';
import { step } from './step.ts';

export const createRaft: EngineFactory = (params, { beneficiary, signers }, signatures): Engine<RaftState, RaftMessage> => {
  const settings = parseSettings(params.engine.settings, signatures);
  const council = new Council(params, settings.membership, signatures, signers);
  const turnOf = (state: RaftState, context: Context): Turn => ({
    ...context,
    council,
    settings,
    beneficiary,
    state,
    decisions: state.decisions,
    attestations: state.attestations,
    place: state.place,
    effects: [],
  });
  return {
    ...raftRules(council),
    name: 'raft',
    finality: 'instant',
    faults: 'crash',
    init: (context) => initialState(council, context),
    step: (state, event, context) => step(turnOf(state, context), event),
    encode: (message) => encodeMessage(council, message),
    decode: (bytes) => decodeMessage(council, bytes),
    carried: blocksIn,
    inspect,
  };
};
