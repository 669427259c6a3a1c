/**
 * Nodes that speak and are no members as far as this node knows. A leader that was let in while this node was away, or whose
 * first block has not come yet, must be heard (Ongaro's dissertation, section 4.2.3: a server takes part whoever asks), or
 * nobody might ever be elected; anybody else on the network must not. So the members that this node knows are asked who
 * decides: they follow the protocol, and their word is enough.
 */
import { BoundedMap } from '../../base/bounded.ts';
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { RaftMessage } from './messages.ts';
import { tell } from './persist.ts';
import { isMute, type Turn } from './state.ts';

/** Strangers that were asked about, and nodes that members have named. */
const MAX_STRANGERS = 32;
const MAX_NAMED = 256;

export interface Strangers {
  /** When it was asked about each of them. Monotonic. */
  readonly asked: BoundedMap<NodeId, number>;
  /** By a member, as one. */
  readonly named: BoundedMap<NodeId, true>;
  /** When members were asked last, and when one answered. */
  askedMs: number;
  answeredMs: number;
}

export function initStrangers(): Strangers {
  const [askedMs, answeredMs] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return { asked: new BoundedMap(MAX_STRANGERS), named: new BoundedMap(MAX_NAMED), askedMs, answeredMs };
}

/** Whether to listen to this node. If it may be a member that this one does not know yet, others are asked. */
export function isHeard(turn: Turn, from: NodeId, message: RaftMessage): boolean {
  const { state, council } = turn;
  const decided = state.log.at(state.commit)?.council;
  if (council.membership.has(from) || decided?.membership.has(from) === true || state.strangers.named.has(from)) return true;
  meet(turn, from, message);
  return false;
}

/** A stranger that members were asked about, and did not name, is blamed. */
function meet(turn: Turn, from: NodeId, message: RaftMessage): void {
  const { state, council, self, nowMs, settings, effects } = turn;
  const { strangers } = state;
  const askedMs = strangers.asked.get(from);
  if (askedMs !== undefined && strangers.answeredMs > askedMs && !isOfFormer(message)) {
    const error = new RuleError('members/stranger', `Node ${from} is no member, and has no part in what members decide.`);
    effects.push({ type: 'offence', from, error });
  }
  const isAsked = askedMs !== undefined && nowMs - askedMs <= settings.electionMaxMs;
  if (isAsked || nowMs - strangers.askedMs < settings.heartbeatMs || isMute(turn)) return;
  strangers.asked.set(from, nowMs);
  strangers.askedMs = nowMs;
  for (const to of council.membership.others(self)) tell(turn, to, { type: 'whoDecides' });
}

/** What a member says that has been removed while it was away: it does no harm, and sync will tell it. */
function isOfFormer(message: RaftMessage): boolean {
  const { type } = message;
  if (type === 'requestVote') return message.campaign === 'preVote';
  return type === 'attestation' || type === 'certificate' || type === 'whoDecides';
}

/** Another asks. */
export function tellDeciders(turn: Turn, from: NodeId): void {
  if (isMute(turn)) return;
  tell(turn, from, { type: 'deciders', nodes: turn.council.membership.members.map(({ node }) => node) });
}

/** A member says who decides. */
export function learnDeciders({ state, nowMs }: Turn, nodes: readonly NodeId[]): void {
  const { strangers } = state;
  strangers.answeredMs = nowMs;
  for (const node of nodes) strangers.named.set(node, true);
}
