/**
 * Nodes that speak and are no members as far as this node knows. A leader that was let in while this node was away, or whose
 * first block has not come yet, must be heard (Ongaro's dissertation, section 4.1: servers take messages of whoever sends
 * them), or nobody might ever be elected; anybody else on the network must not. So the members that this node knows are
 * asked who decides: they follow the protocol, and their word is enough. Those who were members are heard too: what they say
 * does no harm, and one of them may hand over its office.
 */
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Asked } from './acquaintances.ts';
import type { RaftMessage } from './messages.ts';
import { tell } from './persist.ts';
import { isMute, type Turn } from './state.ts';

/** Whether to listen to this node. If it may be a member that this one does not know yet, others are asked. */
export function isHeard(turn: Turn, from: NodeId, message: RaftMessage): boolean {
  const { state, council } = turn;
  const decided = state.log.at(state.commit)?.council;
  if (council.membership.has(from) || decided?.membership.has(from) === true || state.strangers.named.has(from)) return true;
  meet(turn, from, message);
  return false;
}

function meet(turn: Turn, from: NodeId, message: RaftMessage): void {
  const { state, council, self, nowMs, settings, effects } = turn;
  const { strangers } = state;
  const asked = strangers.asked.get(from);
  if (asked !== undefined && isOfNoMember(turn, asked, message)) {
    const error = new RuleError('members/stranger', `Node ${from} is no member, and has no part in what members decide.`);
    effects.push({ type: 'offence', from, error });
  }
  const isAsked = asked !== undefined && nowMs - asked.atMs <= settings.electionMaxMs;
  if (isAsked || nowMs - strangers.askedMs < settings.heartbeatMs || isMute(turn)) return;
  strangers.asked.set(from, { atMs: nowMs, answered: new Set() });
  strangers.askedMs = nowMs;
  effects.push({ type: 'trace', name: 'stranger', data: { node: from } });
  for (const to of council.membership.others(self)) tell(turn, to, { type: 'whoDecides' });
}

/**
 * Who was a member once may not know that it is none any more, and says what members say; but it leads no later term. That
 * somebody leads one, and a quorum has never heard of it, cannot be.
 */
function isOfNoMember({ state, council, self }: Turn, { answered }: Asked, message: RaftMessage): boolean {
  const isLeading = message.type === 'append' || message.type === 'chunk' || message.type === 'timeoutNow';
  if (!isLeading || message.term <= state.term) return false;
  const { membership } = council;
  return membership.isQuorum([self, ...answered].flatMap((node) => membership.placeOf(node) ?? []));
}

/** Another asks. */
export function tellDeciders(turn: Turn, from: NodeId): void {
  tell(turn, from, { type: 'deciders', nodes: turn.council.membership.members.map(({ node }) => node) });
}

/** A member says who decides. */
export function learnDeciders({ state }: Turn, from: NodeId, nodes: readonly NodeId[]): void {
  const { strangers } = state;
  for (const node of nodes) {
    strangers.named.set(node, true);
    strangers.asked.delete(node);
  }
  for (const { answered } of strangers.asked.values()) answered.add(from);
}
