/** What the phases add to an engine's picture of itself. */
import { toHex } from '../../base/bytes.ts';
import type { Json } from '../../base/types.ts';
import type { EngineSettings } from '../../chain/params.ts';
import { statementOf } from './change.ts';
import type { Network, OpenChange, PhasesState } from './state.ts';

/** Of what members sign, enough to tell proposals apart, for people and their telephones. */
const ID_CHARACTERS = 10;

export function describe({ timeline }: Network, { running, approvals }: PhasesState): { readonly [field: string]: Json } {
  const { number, settings, anchor } = running?.phase ?? timeline.last;
  const end = timeline.endOf(running?.phase ?? timeline.last);
  const next = end === null ? null : (timeline.at(number + 1)?.settings.name ?? null);
  return {
    engine: settings.name,
    phase: number,
    since: anchor.height,
    next: next === null ? null : { engine: next, above: end },
    changes: [...approvals.open.values()].map((change) => described(number, settings, change)),
  };
}

/** What operators call a proposal: the same on all nodes for the same settings. */
export function idOf(phase: number, engine: EngineSettings): string {
  return toHex(statementOf({ phase, engine })).slice(0, ID_CHARACTERS);
}

/** What would be different, and who is for it. */
function described(phase: number, before: EngineSettings, { engine, votes, approved }: OpenChange): { readonly [field: string]: Json } {
  const [now, then] = [nodesOf(before), nodesOf(engine)];
  const places = approved?.members ?? [...votes.keys()];
  return {
    id: idOf(phase, engine),
    engine: engine.name,
    adds: then.filter((node) => !now.includes(node)),
    removes: now.filter((node) => !then.includes(node)),
    settings: settingsThatDiffer(before, engine),
    approvedBy: places.map((place) => now[place] ?? null),
    isApproved: approved !== null,
  };
}

function nodesOf({ settings }: EngineSettings): readonly Json[] {
  const { members } = settings;
  return Array.isArray(members) ? members.map(({ node }: { readonly node?: Json }) => node ?? null) : [];
}

/** Apart from the members, as the proposal has them; null: no more there. */
function settingsThatDiffer({ settings: before }: EngineSettings, { settings: then }: EngineSettings): { readonly [field: string]: Json } {
  const fields = [...new Set([...Object.keys(then), ...Object.keys(before)])].filter((field) => field !== 'members');
  const differing = fields.filter((field) => JSON.stringify(then[field]) !== JSON.stringify(before[field]));
  return Object.fromEntries(differing.map((field) => [field, then[field] ?? null]));
}
