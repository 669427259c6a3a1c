/** Raft as synod's consensus engine. Source: Diego Ongaro, "Consensus: Bridging Theory and Practice" (2014). See README.md. */
import type { Context, Engine, EngineFactory } from '../engine.ts';
import { Councils } from '../members/councils.ts';
import { sharedSizes } from '../members/sizes.ts';
import { COMMANDS, inspect } from './admin.ts';
import { blocksIn, decodeMessage, encodeMessage, type RaftMessage } from './messages.ts';
import { raftRules } from './rules.ts';
import { parseSettings } from './settings.ts';
import { initialState, type RaftState, type Turn } from './state.ts';
import { step } from './step.ts';

export const createRaft: EngineFactory = (params, { beneficiary, signers }, signatures): Engine<RaftState, RaftMessage> => {
  const settings = parseSettings(params.engine.settings, signatures);
  const councils = new Councils(params, settings.membership, signatures, signers);
  const { first } = councils;
  const turnOf = (state: RaftState, context: Context): Turn => ({
    ...context,
    councils,
    get council() {
      return state.log.last.council;
    },
    get place() {
      return this.council.seatOf(context.self);
    },
    settings,
    beneficiary,
    state,
    decisions: state.decisions,
    attestations: state.attestations,
    effects: [],
  });
  return {
    ...raftRules(first),
    name: 'raft',
    finality: 'instant',
    faults: 'crash',
    admin: COMMANDS,
    init: (context) => initialState(councils, context),
    step: (state, event, context) => step(turnOf(state, context), event),
    encode: (message) => encodeMessage(first, message),
    decode: (bytes) => decodeMessage(first, bytes),
    carried: blocksIn,
    leader: ({ leader }) => leader,
    believes: ({ log }, node) => log.last.council.membership.has(node),
    sizes: (state) => ({ log: state.log.last.height - state.log.base.height, ...sharedSizes(state) }),
    inspect,
  };
};
