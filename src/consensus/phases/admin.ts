/**
 * The operator's commands: `add`, `remove`, `transition`; `plan`, which only says what would become of one of them; and `settings`, which
 * says what is in force.
 */
import { SynodError, UsageError } from '../../base/errors.ts';
import { type Json, quote, quoteJson } from '../../base/types.ts';
import type { EngineSettings } from '../../chain/params.ts';
import type { AdminCommand, RequestId } from '../engine.ts';
import { approve, approvers, checkNext, waitFor } from './approvals.ts';
import { engineBytes } from './change.ts';
import { idOf } from './describe.ts';
import { engineFrom } from './plan.ts';
import { give } from './running.ts';
import type { Turn } from './state.ts';
import type { Phase } from './timeline.ts';

const CHANGES = ['add', 'remove', 'transition'];
const PLAN = 'plan';
const SETTINGS = 'settings';
const COMMANDS = [...CHANGES, PLAN, SETTINGS];

/** Commands that the engine at work answers itself are its own. */
export function answerAdmin(turn: Turn, request: RequestId, command: AdminCommand): void {
  const { state, effects } = turn;
  const { running } = state;
  const { name } = command;
  // What the engine does itself, it also foretells itself.
  const isOwn = running?.engine.admin?.includes(name === PLAN ? String(command.arguments.command) : name) === true;
  if (running !== null && (isOwn || !COMMANDS.includes(name))) {
    running.asked.set(request, name);
    return give(turn, { type: 'admin', request, command });
  }
  try {
    if (running === null) throw new UsageError('phases/changed', 'The chain is going on to another engine at this moment; ask again.');
    change(turn, running.phase, request, command);
  } catch (error) {
    if (!(error instanceof SynodError)) throw error;
    effects.push({ type: 'reply', request, result: error });
  }
}

function change(turn: Turn, phase: Phase, request: RequestId, { name, arguments: given }: AdminCommand): void {
  const { network, effects, state } = turn;
  if (name === SETTINGS) {
    effects.push({ type: 'reply', request, result: { name: phase.settings.name, ...phase.settings.settings } });
    return;
  }
  const { membership } = approvers(network, phase);
  const isPlan = name === PLAN;
  const engine = wanted(phase, isPlan ? String(given.command) : name, given);
  if (sameBytes(engine, phase.settings)) {
    throw new UsageError('phases/no-change', 'That is what the network has already: the same engine with the same settings and members.');
  }
  const next = checkNext(network, phase, engine);
  if (isPlan) {
    const result = { engine: engine.name, members: next.members.map(({ node }) => node), quorum: next.quorum };
    effects.push({ type: 'reply', request, result });
    return;
  }
  const other = [...state.approvals.open.values()].find(({ engine: open, approved }) => approved !== null && !sameBytes(open, engine));
  if (other !== undefined) {
    throw new UsageError(
      'phases/second-change',
      `A change to ${other.engine.name} is approved and under way; ask again when it has come about.`,
    );
  }
  const { votes, approved } = approve(turn, phase, engine);
  if (approved !== null) {
    waitFor(turn, request);
    // There is work, even without transactions.
    return give(turn, { type: 'mempool', pending: Math.max(1, state.pending) });
  }
  effects.push({
    type: 'reply',
    request,
    result: { id: idOf(phase.number, engine), isApproved: false, approvals: votes.size, needed: membership.quorum },
  });
}

/** The settings that the command asks for. */
function wanted({ settings: { name, settings } }: Phase, command: string, given: AdminCommand['arguments']): EngineSettings {
  const members = (settings.members ?? []) as readonly { readonly [field: string]: Json }[];
  switch (command) {
    case 'add':
      return { name, settings: { ...settings, members: [...members, ...listOf(given.members, 'members')] } };
    case 'remove': {
      const gone = listOf(given.nodes, 'nodes');
      const unknown = gone.find((node) => members.every((member) => member.node !== node));
      if (unknown !== undefined) throw new UsageError('phases/no-member', `${String(unknown)} is no member; nobody is to be removed.`);
      return { name, settings: { ...settings, members: members.filter(({ node }) => !gone.includes(node ?? null)) } };
    }
    case 'transition':
      return engineFrom(given.engine ?? null, 'engine');
    default:
      throw new UsageError('phases/admin', `There is no change ${quote(command)}; expected one of ${CHANGES.join(', ')}.`);
  }
}

function listOf(value: Json | undefined, field: string): readonly Json[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw new UsageError('phases/admin', `The field '${field}' is ${quoteJson(value)}; expected a list of at least one.`);
}

function sameBytes(a: EngineSettings, b: EngineSettings): boolean {
  return new TextDecoder().decode(engineBytes(a)) === new TextDecoder().decode(engineBytes(b));
}
