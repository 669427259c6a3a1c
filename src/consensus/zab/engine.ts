/** Zab as synod's consensus engine. Source: Junqueira, Reed, Serafini, "Zab: High-performance broadcast for primary-backup systems" (DSN 2011). See README.md. */
import type { Context, Engine, EngineFactory } from '../engine.ts';
import { Council } from '../members/council.ts';
import { sharedSizes } from '../members/sizes.ts';
import { inspect, leaderIn } from './admin.ts';
import { blocksIn, decodeMessage, encodeMessage, type ZabMessage } from './messages.ts';
import { zabRules } from './rules.ts';
import { parseSettings } from './settings.ts';
import { initialState, type Turn, type ZabState } from './state.ts';
import { step } from './step.ts';

export const createZab: EngineFactory = (params, { beneficiary, signers }, signatures): Engine<ZabState, ZabMessage> => {
  const settings = parseSettings(params.engine.settings, signatures);
  const council = new Council(params, settings.membership, signatures, signers);
  const turnOf = (state: ZabState, context: Context): Turn => {
    const { decisions, attestations, place } = state;
    return { ...context, council, settings, beneficiary, state, decisions, attestations, place, effects: [] };
  };
  return {
    ...zabRules(council),
    name: 'zab',
    finality: 'instant',
    faults: 'crash',
    init: (context) => initialState(council, context),
    step: (state, event, context) => step(turnOf(state, context), event),
    encode: (message) => encodeMessage(council, message),
    decode: (bytes) => decodeMessage(council, bytes),
    carried: blocksIn,
    leader: leaderIn,
    believes: (_, node) => council.membership.has(node),
    sizes: (state) => ({ history: state.history.last.height - state.history.root.height, ...sharedSizes(state) }),
    inspect: (state) => inspect(council.membership, state),
  };
};
