/**
 * Practical Byzantine fault tolerance (Castro and Liskov, OSDI '99) as an engine. Start with README.md, which leads through
 * the folder; this file only ties its parts to the contract.
 */
import type { Context, Engine, EngineFactory } from '../engine.ts';
import { Council, rulesOf } from '../members/council.ts';
import { Ballots } from './ballots.ts';
import { inspect, sizes } from './inspect.ts';
import { decode, encode, type PbftMessage } from './messages.ts';
import { parseSettings } from './settings.ts';
import { initialState, type PbftRules, type PbftState, type Turn } from './state.ts';
import { step } from './step.ts';

export const createPbft: EngineFactory = (params, { beneficiary, signers }, signatures): Engine<PbftState, PbftMessage> => {
  const settings = parseSettings(params.engine.settings, signatures);
  const council = new Council(params, settings.membership, signatures, signers);
  const ballots = new Ballots(council, signatures);
  const common = rulesOf(council);
  const rules: PbftRules = {
    settings,
    council,
    ballots,
    verifyHeader: (sealed, parent) => common.verifyHeader(sealed, parent, { get: () => undefined }, 0),
  };
  const turnOf = (state: PbftState, context: Context): Turn => {
    const { decisions, place } = state;
    return { ...context, rules, council, beneficiary, state, decisions, place, effects: [] };
  };
  return {
    name: 'pbft',
    finality: 'instant',
    faults: 'byzantine',
    ...common,
    init: (context) => initialState(rules, context),
    step: (state, event, context) => step(turnOf(state, context), event),
    encode: (message) => encode(ballots, message),
    decode: (bytes) => decode(ballots, bytes),
    carried: (message) => ('block' in message && message.block !== null ? [message.block] : []),
    sizes,
    inspect: (state) => inspect(rules, state),
  };
};
