/** Multi-Paxos as synod's consensus engine. Source: Lamport, "Paxos Made Simple" (2001), section 3. See README.md. */
import type { Context, Engine, EngineFactory } from '../engine.ts';
import { Council } from '../members/council.ts';
import { sharedSizes } from '../members/sizes.ts';
import { inspect } from './admin.ts';
import { blocksIn, decodeMessage, encodeMessage, type PaxosMessage } from './messages.ts';
import { paxosRules } from './rules.ts';
import { parseSettings } from './settings.ts';
import { initialState, type PaxosState, type Turn } from './state.ts';
import { step } from './step.ts';

export const createPaxos: EngineFactory = (params, { beneficiary, signers }, signatures): Engine<PaxosState, PaxosMessage> => {
  const settings = parseSettings(params.engine.settings, signatures);
  const council = new Council(params, settings.membership, signatures, signers);
  const turnOf = (state: PaxosState, context: Context): Turn => ({
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
    ...paxosRules(council),
    name: 'paxos',
    finality: 'instant',
    faults: 'crash',
    init: (context) => initialState(council, settings, context),
    step: (state, event, context) => step(turnOf(state, context), event),
    encode: (message) => encodeMessage(council, message),
    decode: (bytes) => decodeMessage(council, bytes),
    carried: blocksIn,
    leader: ({ leader }) => leader,
    believes: (_, node) => council.membership.has(node),
    sizes: (state) => ({ log: state.log.last.height - state.log.base.height, ...sharedSizes(state) }),
    inspect: (state) => inspect(council.membership, state),
  };
};
