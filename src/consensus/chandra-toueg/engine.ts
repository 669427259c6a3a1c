/**
 * Chandra and Toueg's consensus with an eventually strong failure detector ("Unreliable Failure Detectors for Reliable
 * Distributed Systems", JACM 43(2) 1996, section 6.2) as synod's consensus engine, one instance for each height. See README.md.
 */
import type { Context, Engine, EngineFactory } from '../engine.ts';
import { Council } from '../members/council.ts';
import { sharedSizes } from '../members/sizes.ts';
import { inspect } from './admin.ts';
import { blocksIn, type ChandraTouegMessage, decodeMessage, encodeMessage } from './messages.ts';
import { rulesFor } from './rules.ts';
import { ENGINE_NAME, parseSettings } from './settings.ts';
import { type ChandraTouegState, initialState, type Turn } from './state.ts';
import { step } from './step.ts';

type ChandraToueg = Engine<ChandraTouegState, ChandraTouegMessage>;

export const createChandraToueg: EngineFactory = (params, { beneficiary, signers }, signatures): ChandraToueg => {
  const settings = parseSettings(params.engine.settings, signatures);
  const council = new Council(params, settings.membership, signatures, signers);
  const turnOf = (state: ChandraTouegState, context: Context): Turn => ({
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
    ...rulesFor(council),
    name: ENGINE_NAME,
    finality: 'instant',
    faults: 'crash',
    init: (context) => initialState(council, settings, context),
    step: (state, event, context) => step(turnOf(state, context), event),
    encode: (message) => encodeMessage(council, message),
    decode: (bytes) => decodeMessage(council, bytes),
    carried: blocksIn,
    believes: (_, node) => council.membership.has(node),
    sizes: (state) => ({ notes: state.notes.size, recent: state.recent.size, ...sharedSizes(state) }),
    inspect: (state) => inspect(council.membership, state),
  };
};
