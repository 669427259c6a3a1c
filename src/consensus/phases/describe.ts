/** What the phases add to an engine's picture of itself. */
import type { Json } from '../../base/types.ts';
import type { Network, PhasesState } from './state.ts';

export function describe({ timeline }: Network, { running, approvals }: PhasesState): { readonly [field: string]: Json } {
  const { number, settings, anchor } = running?.phase ?? timeline.last;
  const end = timeline.endOf(running?.phase ?? timeline.last);
  const next = end === null ? null : (timeline.at(number + 1)?.settings.name ?? null);
  return {
    engine: settings.name,
    phase: number,
    since: anchor.height,
    next: next === null ? null : { engine: next, above: end },
    changes: [...approvals.open.values()].map(({ engine, votes, approved }) => ({
      engine: engine.name,
      approvals: approved?.members.length ?? votes.size,
      isApproved: approved !== null,
    })),
  };
}
