/**
 * A chain that goes from one engine to another, or from some members to others, with its ledger untouched: an engine that runs
 * engines one after another, each started on the final block of the one before. Source: Lamport, Malkhi and Zhou, "Reconfiguring a
 * State Machine" (2010). See README.md.
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { BoundedMap } from '../../base/bounded.ts';
import { toHex } from '../../base/bytes.ts';
import { RuleError, UsageError } from '../../base/errors.ts';
import type { Signatures } from '../../base/signatures.ts';
import type { ChainParams } from '../../chain/params.ts';
import type { BlockView } from '../../chain/tree.ts';
import type { Context, Engine, EngineFactory, NodeSettings } from '../engine.ts';
import { checkChange } from './approvals.ts';
import { checkNotPast } from './boundary.ts';
import type { ApprovedChange } from './change.ts';
import { describe } from './describe.ts';
import { decodeMessage, encodeMessage, type PhaseMessage } from './messages.ts';
import { planOf } from './plan.ts';
import { rulesOf } from './rules.ts';
import { initialState, type Network, type PhasesState } from './state.ts';
import { step } from './step.ts';
import { Timeline } from './timeline.ts';

/** Changes whose approvals have been checked. */
const MAX_READ = 32;

/** `create` makes the engines. Throws UsageError for settings of any of them that make no sense. */
export function createPhases(
  params: ChainParams,
  node: NodeSettings,
  signatures: Signatures,
  create: EngineFactory,
): Engine<PhasesState, PhaseMessage> {
  const plan = planOf(params.engine);
  const read = new BoundedMap<string, ApprovedChange | RuleError>(MAX_READ);
  let chain: BlockView | null = null;
  const make = (of: ChainParams, isFollower: boolean) =>
    create(of, isFollower ? { ...node, signers: [], produce: false } : node, signatures);
  const timeline = new Timeline(params, plan, make, (phase, payload) => {
    const change = network.readChange(phase, payload);
    return change instanceof RuleError ? null : change;
  });
  const rules = rulesOf(timeline, () => chain);
  const network: Network = {
    params,
    node,
    signatures,
    timeline,
    verifyCertificate: rules.verifyCertificate,
    readChange(phase, payload) {
      const key = `${phase.number}/${toHex(keccak_256(payload))}`;
      const found = read.get(key) ?? outcome(() => checkChange(network, phase, payload));
      read.set(key, found);
      return found;
    },
  };
  const engines = [timeline.last.engine, ...plan.transitions.flatMap((_, i) => timeline.at(i + 1)?.engine ?? [])];
  if (engines.length > 1) for (const engine of engines) checkProven(engine.name, engine.finality);
  const turnOf = (state: PhasesState, context: Context) => ({ ...context, network, state, effects: [] });
  return {
    ...rules,
    name: plan.first.name,
    finality: engines.some(({ finality }) => finality === 'gadget') ? 'gadget' : timeline.last.engine.finality,
    faults: engines.some(({ faults }) => faults === 'crash') ? 'crash' : 'byzantine',
    init(context) {
      chain = context.chain;
      timeline.learn(context.chain);
      checkNotPast({ network, chain: context.chain });
      return initialState(context);
    },
    step: (state, event, context) => step(turnOf(state, context), event),
    encode: (message) => encodeMessage(timeline, message),
    decode: (bytes) => decodeMessage(timeline, bytes),
    carried: (message) => {
      const phase = message.type === 'inner' ? timeline.at(message.phase) : undefined;
      return phase?.engine.carried?.(message.type === 'inner' ? message.message : null) ?? [];
    },
    safe: ({ running }) => running?.engine.safe?.(running.state) ?? null,
    leader: ({ running }) => running?.engine.leader?.(running.state) ?? null,
    believes: ({ running }, node) => running?.engine.believes?.(running.state, node) ?? false,
    present: ({ running }) => {
      const { settings, engine } = running?.phase ?? timeline.last;
      return { name: settings.name, finality: engine.finality, faults: engine.faults };
    },
    sizes: ({ running }) => running?.engine.sizes?.(running.state) ?? {},
    inspect(state) {
      const { running } = state;
      const own = running === null ? {} : running.engine.inspect(running.state);
      return typeof own === 'object' && own !== null && !Array.isArray(own) ? { ...own, ...describe(network, state) } : own;
    },
  };
}

/** Nobody can say which block is the last one where the past is never final. */
function checkProven(name: string, finality: string): void {
  if (finality !== 'probabilistic') return;
  const message = `The genesis file changes the engine, and has ${name} in its list, under which no block is ever final: a chain can neither leave it nor go to it.`;
  throw new UsageError('phases/engine', message);
}

function outcome(work: () => ApprovedChange): ApprovedChange | RuleError {
  try {
    return work();
  } catch (error) {
    if (error instanceof RuleError) return error;
    if (error instanceof UsageError) return new RuleError(error.code, error.message);
    throw error;
  }
}
