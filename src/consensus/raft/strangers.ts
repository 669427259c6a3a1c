/**
 * Nodes that speak and are no members as far as this node knows. A leader that was let in while this node was away, or whose
 * first block has not come yet, must be heard (Ongaro's dissertation, section 4.1: servers take messages of whoever sends
 * them), or nobody might ever be elected; anybody else on the network must not. So the members that this node knows are
 * asked who decides: they follow the protocol, and their word is enough. Those who were members are heard too: what they say
 * does no harm, and one of them may hand over its office.
 *
 * Nobody is blamed for being a stranger. All who are asked may have been away as well, and then a leader that keeps to the
 * protocol would be banned (the simulator showed it, once in 300 runs); that it is not listened to is enough.
 */
import type { NodeId } from '../../base/types.ts';
import { tell } from './persist.ts';
import { isMute, type Turn } from './state.ts';

/** Whether to listen to this node. If it may be a member that this one does not know yet, others are asked. */
export function isHeard(turn: Turn, from: NodeId): boolean {
  const { state, council } = turn;
  const decided = state.log.at(state.commit)?.council;
  if (council.membership.has(from) || decided?.membership.has(from) === true || state.strangers.named.has(from)) return true;
  meet(turn, from);
  return false;
}

function meet(turn: Turn, from: NodeId): void {
  const { state, council, self, nowMs, settings, effects } = turn;
  const { strangers } = state;
  const askedMs = strangers.asked.get(from);
  const isAsked = askedMs !== undefined && nowMs - askedMs <= settings.electionMaxMs;
  if (isAsked || nowMs - strangers.askedMs < settings.heartbeatMs || isMute(turn)) return;
  strangers.asked.set(from, nowMs);
  strangers.askedMs = nowMs;
  effects.push({ type: 'trace', name: 'stranger', data: { node: from } });
  for (const to of council.membership.others(self)) tell(turn, to, { type: 'whoDecides' });
}

/** Another asks. */
export function tellDeciders(turn: Turn, from: NodeId): void {
  tell(turn, from, { type: 'deciders', nodes: turn.council.membership.members.map(({ node }) => node) });
}

/** A member says who decides. */
export function learnDeciders({ state }: Turn, nodes: readonly NodeId[]): void {
  for (const node of nodes) state.strangers.named.set(node, true);
}
