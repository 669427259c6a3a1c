/**
 * A chain that was made elsewhere, as an engine: it produces nothing and agrees with nobody, and only takes what is imported.
 * Start with README.md.
 */
import { DecodeError, RuleError, UsageError } from '../../base/errors.ts';
import type { Engine, EngineFactory } from '../engine.ts';
import { creditsOf } from './rewards.ts';
import { type ReplayRules, verifyHeader } from './rules.ts';
import { parseSettings } from './settings.ts';
import { initialState, type ReplayMessage, type ReplayState } from './state.ts';
import { FORKCHOICE, step } from './step.ts';

/** Throws UsageError `replay/read-only` for a node that is to make blocks. */
export const createReplay: EngineFactory = (params, node): Engine<ReplayState, ReplayMessage> => {
  if (node.produce)
    throw new UsageError('replay/read-only', 'This chain was made elsewhere and is only replayed: nobody can make blocks of it.');
  const rules: ReplayRules = { params, settings: parseSettings(params.engine.settings) };
  return {
    name: 'replay',
    // What is imported is taken as decided.
    finality: 'instant',
    faults: 'crash',
    admin: [FORKCHOICE],
    init: initialState,
    step: (state, event, context) => step(rules, state, event, context),
    encode: () => {
      throw noMessages();
    },
    decode: () => {
      throw noMessages();
    },
    genesisFacts: ({ difficulty }) => ({ weight: difficulty, carried: 0n }),
    verifyHeader: ({ header }, parent) => verifyHeader(rules, header, parent),
    verifySeal: () => undefined,
    verifyCertificate: () => {
      throw new RuleError('replay/certificate', 'A chain that is replayed has no finality certificates.');
    },
    // From paris on mixHash is the beacon chain's randomness; before, nothing asks for it.
    randomness: ({ mixHash }) => mixHash,
    rewards: (block) => creditsOf(block, params.forks),
    safe: ({ safe }) => safe,
    inspect: ({ safe }) => ({ readOnly: true, safe }),
  };
};

function noMessages(): DecodeError {
  return new DecodeError('replay/message', 'The replay engine has no messages.');
}
