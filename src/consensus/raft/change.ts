/**
 * Changing the members on the operator's wish: a node is added as a learner, and votes once it has caught up (Ongaro's
 * dissertation, section 4.2.1); who votes or ceases to vote does so by a joint membership (section 4.3). The leader takes
 * one step after another, each a block of its own, and only when the step before is decided.
 *
 * No step is taken before a block of the leader's own term is decided: else two leaders could each take one from the same
 * membership, with quorums that have nobody in common (Ongaro, "bug in single-server membership changes", raft-dev, 2015).
 */
import { UsageError } from '../../base/errors.ts';
import type { Json, NodeId } from '../../base/types.ts';
import type { AdminCommand, Certificate, RequestId } from '../engine.ts';
import { readCandidate, readNode } from '../members/candidate.ts';
import { type Change, forgetting, learning, promoting, removing, settling } from '../members/changes.ts';
import type { Member, Membership } from '../members/membership.ts';
import { MAX_MEMBERS, majority } from '../votes.ts';
import { type Leadership, leaderOnly, leadershipOf, type RaftState, type Turn } from './state.ts';

type Arguments = AdminCommand['arguments'];

/** What the operator wants, while it is under way. */
export interface Wish {
  readonly kind: 'add' | 'remove';
  readonly node: NodeId;
  /** To be added; null where the node is to go. */
  readonly member: Member | null;
  readonly request: RequestId;
  /** Monotonic. */
  readonly sinceMs: number;
  /** The height that a learner was last seen to have, and when that was new. */
  match: number;
  matchMs: number;
}

/** Who is so near to the end of the log may vote: what is missing is on its way. */
const CAUGHT_UP_BLOCKS = 32;
/** A learner that acknowledges nothing new for so many of the longest election time-outs does not catch up. */
const IDLE_ELECTIONS = 20;
/** However well it goes, the operator is told then, and may ask for the same again. */
const MAX_WISH_MS = 600_000;

/** `{ node, publicKey, proofOfPossession? }`. A learner may be given again: it is to vote. Throws UsageError. */
export function beginAdd(turn: Turn, request: RequestId, given: Arguments): void {
  checkFree(turn);
  const member = memberToAdd(turn, given);
  begin(turn, { kind: 'add', node: member.node, member, request });
}

function memberToAdd({ council, settings }: Turn, given: Arguments): Member {
  const { membership } = council;
  const member = readCandidate(only(given, 'members', isObject), 'crash', settings.signatures);
  const everybody = [...membership.members, ...membership.learners];
  if (membership.placeOf(member.node) !== undefined) {
    throw new UsageError('raft/member-known', `Node ${member.node} votes already; there is nothing to add.`, { node: member.node });
  }
  const other = everybody.find(({ node, publicKey }) => (node === member.node) !== (publicKey === member.publicKey));
  if (other !== undefined) {
    const message = `Member ${other.node} has the key ${other.publicKey}; expected that ${member.node} has neither its name nor its key. To change a key, remove the member first.`;
    throw new UsageError('raft/member-key', message, { node: other.node });
  }
  if (everybody.length >= MAX_MEMBERS) {
    throw new UsageError('raft/member-many', `There are ${MAX_MEMBERS} members, which is the most there can be. Remove one first.`);
  }
  return member;
}

/** `{ node }`. Throws UsageError. */
export function beginRemove(turn: Turn, request: RequestId, given: Arguments): void {
  checkFree(turn);
  begin(turn, { kind: 'remove', node: nodeToRemove(turn, given), member: null, request });
}

function nodeToRemove({ council }: Turn, given: Arguments): NodeId {
  const { membership } = council;
  const { node: named } = only(given, 'nodes', (node) => typeof node === 'string' && { node });
  const node = readNode(named);
  if (!membership.has(node)) {
    const known = [...membership.members, ...membership.learners].map((member) => member.node).join(', ');
    throw new UsageError('raft/member-unknown', `Node ${node} is no member; members and learners are ${known}.`, { node });
  }
  if (membership.placeOf(node) !== undefined && membership.size === 1) {
    throw new UsageError('raft/member-last', `Node ${node} is the last that votes: without it nothing could ever be decided.`, { node });
  }
  return node;
}

/** Who will decide after `add` or `remove` (the field `command`), and how many it will take. Throws UsageError as the command does. */
export function planChange(turn: Turn, { command, ...given }: Arguments): Json {
  checkFree(turn);
  const { voters } = turn.council.membership;
  const names = voters.map(({ node }) => node);
  const added = command === 'add' ? memberToAdd(turn, given).node : null;
  const removed = command === 'remove' ? nodeToRemove(turn, given) : null;
  const members = [...names.filter((node) => node !== removed), ...(added === null ? [] : [added])];
  return { engine: 'raft', members, quorum: majority(members.length) };
}

/** Engines that stop for a change take several members at once, in a list; here a list may have one. */
function only(given: Arguments, list: string, read: (item: Json) => Arguments | false): Arguments {
  const items = given[list];
  if (items === undefined) return given;
  const item = Array.isArray(items) && items.length === 1 ? read(items[0] ?? null) : false;
  if (item !== false) return item;
  throw new UsageError('raft/one-at-a-time', `Raft changes one member at a time; expected one in the list '${list}'.`);
}

function isObject(item: Json): Arguments | false {
  return typeof item === 'object' && item !== null && !Array.isArray(item) && (item as Arguments);
}

function begin({ state, effects, nowMs }: Turn, { kind, node, member, request }: Pick<Wish, 'kind' | 'node' | 'member' | 'request'>): void {
  state.wish = { kind, node, member, request, sinceMs: nowMs, match: 0, matchMs: nowMs };
  effects.push({ type: 'trace', name: 'wish', data: { kind, node } });
}

/** One change at a time, and none before this leader knows what is decided. */
function checkFree(turn: Turn): void {
  const { state, council } = turn;
  const leadership = leaderOnly(turn, 'cannot change the members');
  if (state.transfer !== null) {
    throw new UsageError('raft/transfer-busy', `The leadership is on its way to ${state.transfer.to}. Ask the next leader.`);
  }
  if (!hasDecidedOwn(turn, leadership)) {
    throw new UsageError('raft/change-early', 'This leader has not decided a block of its own term yet. Try again in a moment.');
  }
  if (state.wish !== null || council.membership.incoming !== null || !isSettled(state)) {
    throw new UsageError('raft/change-busy', 'Another change of members is under way. Try again when it is done: see status.');
  }
}

function hasDecidedOwn({ state }: Turn, { first }: Leadership): boolean {
  return first !== null && state.commit >= first;
}

/** Whether the newest membership of the log is decided: only then may another follow it. */
export function isSettled({ log, commit }: RaftState): boolean {
  return log.at(commit)?.council.membership.id === log.last.council.membership.id;
}

/** The next step, for the block that is made next; null where there is none to be taken now. */
export function nextChange(turn: Turn): Change | null {
  const { state, council } = turn;
  const { membership } = council;
  const leadership = leadershipOf(state);
  if (leadership === null || (state.wish === null && membership.incoming === null)) return null;
  if (!hasDecidedOwn(turn, leadership) || !isSettled(state)) return null;
  if (membership.incoming !== null) {
    const certificate = jointCertificate(turn);
    return certificate && { membership: settling(membership), certificate };
  }
  const next = state.wish === null ? null : stepTo(turn, state.wish, leadership);
  return next && { membership: next, certificate: null };
}

function stepTo({ state, council }: Turn, { node, member }: Wish, { progress }: Leadership): Membership | null {
  const { membership } = council;
  if (member === null) {
    if (!membership.has(node)) return null;
    return membership.learner(node) === undefined ? removing(membership, node) : forgetting(membership, node);
  }
  if (!membership.has(node)) return learning(membership, member);
  const match = progress.get(node)?.match ?? 0;
  const isDue = membership.learner(node) !== undefined && match > 0 && state.log.last.height - match <= CAUGHT_UP_BLOCKS;
  return isDue ? promoting(membership, member) : null;
}

/** For a block of the joint membership in force: that it may end. */
function jointCertificate({ council, decisions }: Turn): Certificate | null {
  const certificate = decisions.shown?.certificate;
  if (certificate === undefined) return null;
  return council.whoseCertificate(certificate) === council ? certificate : null;
}

/** At the end of every step: tells the operator how it went. */
export function finishChange(turn: Turn): void {
  const { state, council } = turn;
  const { wish } = state;
  if (wish === null) return;
  const { membership } = council;
  const leadership = leadershipOf(state);
  const isDone = wish.kind === 'add' ? membership.placeOf(wish.node) !== undefined : !membership.has(wish.node);
  if (leadership === null) {
    const message = `This node lost the leadership while the change (${wish.kind} ${wish.node}) was under way. The next leader ends what was begun; see status, and ask it for the rest.`;
    return answer(turn, new UsageError('raft/change-interrupted', message, { node: wish.node }));
  }
  if (isDone && membership.incoming === null && isSettled(state)) return answer(turn, namesOf(membership));
  watch(turn, wish, leadership);
}

function watch(turn: Turn, wish: Wish, { progress }: Leadership): void {
  const { state, council, nowMs, settings } = turn;
  const match = progress.get(wish.node)?.match ?? 0;
  const isLearner = council.membership.learner(wish.node) !== undefined;
  if (match > wish.match || !isLearner) {
    wish.match = match;
    wish.matchMs = nowMs;
  }
  const idleMs = nowMs - wish.matchMs;
  if (idleMs <= IDLE_ELECTIONS * settings.electionMaxMs && nowMs - wish.sinceMs <= MAX_WISH_MS) return;
  const { height } = state.log.last;
  const message = isLearner
    ? `Node ${wish.node} has block ${match} of ${height} after ${Math.round(nowMs - wish.sinceMs)} ms, and nothing new for ${Math.round(idleMs)} ms. It stays a learner: see that it runs, with the key that was given, and add it again, or remove it.`
    : `The change (${wish.kind} ${wish.node}) is not decided after ${MAX_WISH_MS} ms. What was begun goes on: see status.`;
  answer(turn, new UsageError('raft/change-slow', message, { node: wish.node, match, height }));
}

function answer({ state, effects }: Turn, result: Json | UsageError): void {
  const { wish } = state;
  state.wish = null;
  if (wish !== null) effects.push({ type: 'reply', request: wish.request, result });
}

/** Who decides and who learns, by name. */
export function namesOf({ voters, incoming, learners }: Membership): { voters: NodeId[]; incoming: NodeId[] | null; learners: NodeId[] } {
  const nodes = (members: readonly Member[]): NodeId[] => members.map(({ node }) => node);
  return { voters: nodes(voters), incoming: incoming && nodes(incoming), learners: nodes(learners) };
}
