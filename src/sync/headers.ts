/** Following a peer's headers: survey, proof of weight, confirmation. Nothing is stored here. */
import { present } from '../base/assert.ts';
import { RuleError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import { hashHeader, type SealedHeader } from '../chain/header.ts';
import type { HeaderNode, HeaderView } from '../chain/tree.ts';
import {
  HEADERS_PER_REQUEST,
  MAX_CHECKPOINTS,
  MAX_HEADER_FAILURES,
  MAX_LOCATOR_HASHES,
  MAX_PENDING_HEADERS,
  SURVEY_ANCESTORS,
} from './limits.ts';
import { locatorOf } from './locator.ts';
import { claimOf } from './peers.ts';
import { askHeaders } from './requests.ts';
import { endSession, leaveBranch, rejectBranch } from './session.ts';
import type { HeadersRequest, Peer, Session, Turn } from './state.ts';
import { storedNode, storedStatus } from './stored.ts';

/** Asks for the next batch when there is room for it and reason to believe that there is one. */
export function requestHeaders(turn: Turn, session: Session, peer: Peer): void {
  const { tip } = session;
  // The peer has since claimed more than it had when it was last asked: its chain grew while we followed it.
  const claim = claimOf(peer);
  if (session.grew && !session.interrupted && claim > session.claim && claim > (tip?.facts.weight ?? 0n)) session.ended = false;
  if (session.asking || session.ended) return;
  if (session.proven && session.slots.size + HEADERS_PER_REQUEST > MAX_PENDING_HEADERS) return;
  const locator = locatorOf(turn.context.chain);
  session.asking = true;
  askHeaders(turn, peer, (tip === null ? locator : [tip.hash, ...locator]).slice(0, MAX_LOCATOR_HASHES));
}

export function headersFailed(turn: Turn, session: Session): void {
  session.asking = false;
  session.headerFailures++;
  // Without a first reply there is nothing to lose by leaving; a survey is worth another try.
  if (session.tip === null || session.headerFailures >= MAX_HEADER_FAILURES) endSession(turn);
}

export function acceptHeaders(turn: Turn, session: Session, request: HeadersRequest, headers: readonly SealedHeader[]): void {
  session.asking = false;
  session.headerFailures = 0;
  session.claim = request.claim;
  session.ended = headers.length < HEADERS_PER_REQUEST;
  session.grew = headers.length > 0;
  try {
    connect(turn, session, headers);
    for (const sealed of headers) extend(turn, session, sealed);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    if (error.blame) return rejectBranch(turn, session, error);
    session.ended = true;
    session.interrupted = true;
  }
  if (session.grew) session.progressMs = turn.context.nowMs;
  if (!session.proven) weigh(turn, session);
}

/** Finds where the batch joins what we know. */
function connect(turn: Turn, session: Session, headers: readonly SealedHeader[]): void {
  if (headers.length > HEADERS_PER_REQUEST) {
    const count = headers.length;
    throw new RuleError('sync/too-many-headers', `The peer sent ${count} headers; ${HEADERS_PER_REQUEST} were asked for.`, { count });
  }
  const [first] = headers;
  if (first === undefined || first.header.parentHash === session.tip?.hash) return;
  const parent = turn.context.chain.get(first.header.parentHash);
  if (parent === undefined) {
    throw new RuleError(
      'sync/unlinked',
      `The peer's headers follow ${first.header.parentHash}, which was not among the hashes it was sent.`,
    );
  }
  if (session.tip !== null) {
    throw new RuleError('sync/branch-changed', 'The peer changed to another branch while we followed this one.', {}, { blame: false });
  }
  session.base = parent;
  session.tip = parent;
}

/**
 * Verifies one header and appends it to the branch. A hash whose verification failed is not remembered: the seal is no
 * part of it, and whoever sends a good header with a bad seal must not spoil it for the others.
 */
function extend(turn: Turn, session: Session, sealed: SealedHeader): void {
  const { chain } = turn.context;
  const parent = present(session.tip, 'the header that a batch follows');
  const hash = hashHeader(sealed.header);
  checkLink(turn, session, sealed, hash, parent);
  const node = storedNode(chain, sealed.header.number, hash) ?? verify(turn, session, sealed, hash, parent);
  session.tip = node;
  if (session.slots.size === 0 && chain.canonical(node.header.number) === hash) {
    session.base = node;
    return;
  }
  session.slots.set(hash, { node, phase: 'missing', block: null, from: null, bytes: 0 });
  if (session.confirming) confirm(session, node);
  else if (!session.proven && session.slots.size > MAX_PENDING_HEADERS) trim(session);
}

function checkLink(turn: Turn, session: Session, { header }: SealedHeader, hash: Hash, parent: HeaderNode): void {
  const { chain } = turn.context;
  const { number } = header;
  if (header.parentHash !== parent.hash || number !== parent.header.number + 1) {
    throw new RuleError('sync/unlinked', `Header ${hash} (${number}) does not follow ${parent.hash} (${parent.header.number}).`, {
      number,
    });
  }
  if (storedStatus(chain, number, hash) === 'invalid') {
    throw new RuleError('sync/invalid-branch', `The peer's chain contains block ${hash}, which is known to be invalid.`, { number });
  }
  if (number <= chain.finalized.header.number && chain.canonical(number) !== hash) {
    const message = `The peer's chain leaves ours at ${number}, below our finalized block ${chain.finalized.header.number}.`;
    throw new RuleError('sync/below-finality', message, { number }, { blame: false });
  }
  const expected = session.confirming ? session.checkpoints.get(number) : undefined;
  if (expected !== undefined && expected !== hash) {
    throw new RuleError(
      'sync/branch-changed',
      `The peer's header ${number} is not the one it showed before.`,
      { number },
      { blame: false },
    );
  }
}

function verify(turn: Turn, session: Session, sealed: SealedHeader, hash: Hash, parent: HeaderNode): HeaderNode {
  const { context } = turn;
  const ancestors: HeaderView = { get: (wanted) => session.slots.get(wanted)?.node ?? context.chain.get(wanted) };
  return { ...sealed, hash, facts: context.verifyHeader(sealed, parent, ancestors, context.wallMs) };
}

/** After each batch of a survey: keep its last hash, and see whether the branch has proven to be worth its download. */
function weigh(turn: Turn, session: Session): void {
  const { tip, base } = session;
  if (tip === null || base === null || session.slots.size === 0) return;
  session.checkpoints.set(tip.header.number, tip.hash);
  if (isWorthIt(turn, tip.facts.weight, turn.state.peers.get(session.peer)?.probe === true)) {
    session.proven = true;
    if (session.trimmed) beginConfirming(session, base);
  } else if (session.checkpoints.size >= MAX_CHECKPOINTS) {
    leaveBranch(turn, session);
  }
}

/** Heavier than ours; or, where votes choose the head, as light as may be, if it is that of a block that the engine misses. */
function isWorthIt({ context: { chain }, state: { settings } }: Turn, weight: bigint, isMissed: boolean): boolean {
  if (weight < settings.minimumWeight) return false;
  return weight > chain.head.facts.weight || (settings.weightMayFall && isMissed);
}

/** Second pass: the headers come again from the start of the branch, and must be the same. */
function beginConfirming(session: Session, base: HeaderNode): void {
  session.slots.clear();
  session.tip = base;
  session.confirming = true;
  session.confirmedHeight = base.header.number;
  session.ended = false;
}

function confirm(session: Session, node: HeaderNode): void {
  if (!session.checkpoints.delete(node.header.number)) return;
  session.confirmedHeight = node.header.number;
  session.confirming = session.checkpoints.size > 0;
}

/** A survey that outgrows its window forgets its oldest headers; their checkpoints remain. */
function trim(session: Session): void {
  session.trimmed = true;
  for (const hash of session.slots.keys()) {
    if (session.slots.size <= SURVEY_ANCESTORS) return;
    session.slots.delete(hash);
  }
}
