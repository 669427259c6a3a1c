/** The rules of blocks: each is asked of the phase that the block belongs to. */
import { RuleError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import type { SealedHeader } from '../../chain/header.ts';
import type { BlockView, Facts, HeaderNode, HeaderView } from '../../chain/tree.ts';
import type { AnyEngine, Certificate } from '../engine.ts';
import { ancestorAt, decodeDescent, isDescent } from './descent.ts';
import { outerFacts, type Phase, phaseOf, type Timeline } from './timeline.ts';
import { seenBy, seenThrough } from './view.ts';

type Rules = Pick<AnyEngine, 'genesisFacts' | 'verifyHeader' | 'verifySeal' | 'verifyCertificate' | 'randomness' | 'rewards'>;

/** The header with its phase, and what that makes of it. */
export interface Verified {
  readonly phase: Phase;
  readonly facts: Facts;
}

/** `chain`: the blocks of this node, where it has begun; header rules are asked with headers alone. */
export function rulesOf(timeline: Timeline, chain: () => BlockView | null): Rules {
  const first = () => timeline.byHeight(0).engine;
  return {
    genesisFacts: (header) => first().genesisFacts(header),
    verifyHeader: (sealed, parent, ancestors, wallMs) => verifyHeader(timeline, chain(), { sealed, parent, ancestors, wallMs }).facts,
    verifySeal: (sealed) => verifySeal(timeline, sealed),
    verifyCertificate: (hash, certificate, view) => verifyCertificate(timeline, hash, certificate, view),
    randomness: (header) => timeline.byHeight(header.number).engine.randomness(header),
    rewards: (block) => timeline.byHeight(block.header.number).engine.rewards(block),
  };
}

export interface Question {
  readonly sealed: SealedHeader;
  readonly parent: HeaderNode;
  readonly ancestors: HeaderView;
  readonly wallMs: number;
}

/** Throws RuleError: that of the phase's engine, or `phases/unknown` (nobody's fault) where the phase is not known yet. */
export function verifyHeader(timeline: Timeline, chain: BlockView | null, question: Question): Verified {
  const { parent } = question;
  const view = blocksOf(question.ancestors, chain);
  const before = timeline.along(parent, view);
  const next = before && timeline.next(before, parent, view);
  if (before === undefined || next === undefined) throw unknown(question.sealed);
  // Carriers stand beside the first block of the next phase.
  const candidates = next !== before && before.engine.finality !== 'instant' ? [next, before] : [next];
  let refused: unknown;
  for (const phase of candidates) {
    try {
      return { phase, facts: factsIn(phase, question) };
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      refused = error;
    }
  }
  throw refused;
}

function factsIn(phase: Phase, { sealed, parent, ancestors, wallMs }: Question): Facts {
  if (phase.number === 0) return phase.engine.verifyHeader(sealed, parent, ancestors, wallMs);
  const seen = seenBy(phase);
  return outerFacts(phase.number, phase.engine.verifyHeader(sealed, seen(parent), seenThrough(ancestors, seen), wallMs));
}

/** Sync has headers that the chain has not, and the chain has the blocks. */
function blocksOf(headers: HeaderView, chain: BlockView | null): BlockView {
  return { get: (hash) => headers.get(hash), block: (hash) => chain?.block(hash) ?? (headers as Partial<BlockView>).block?.(hash) };
}

function unknown({ header: { number } }: SealedHeader): RuleError {
  const message = `Block ${number} comes after one whose payload is not here yet and may have changed the engine.`;
  return new RuleError('phases/unknown', message, { number }, { blame: false });
}

/** Headers alone do not say their phase: one of the engines must have no objection. */
function verifySeal(timeline: Timeline, sealed: SealedHeader): void {
  let refused: unknown;
  for (let number = timeline.last.number, phase = timeline.at(number); phase !== undefined; phase = timeline.at(++number)) {
    try {
      return phase.engine.verifySeal(sealed);
    } catch (error) {
      refused = error;
    }
  }
  for (let number = 0; number < timeline.last.number; number++) {
    try {
      return timeline.at(number)?.engine.verifySeal(sealed);
    } catch (error) {
      refused = error;
    }
  }
  throw refused;
}

function verifyCertificate(timeline: Timeline, hash: Hash, certificate: Certificate, chain: BlockView): void {
  const node = chain.get(hash);
  if (node === undefined) throw new RuleError('phases/unknown-block', `Block ${hash} is not known; a certificate is checked on its chain.`);
  if (isDescent(certificate)) {
    const { descendant, certificate: own } = decodeDescent(certificate);
    const from = chain.get(descendant);
    if (isDescent(own) || descendant === hash || ancestorAt(chain, from, node.header.number)?.hash !== hash) {
      throw new RuleError('phases/certificate', `The certificate is for block ${descendant}, which is not known to descend from ${hash}.`);
    }
    return verifyCertificate(timeline, descendant, own, chain);
  }
  const phase = timeline.along(node, chain);
  if (phase === undefined) throw new RuleError('phases/unknown', `The phase of block ${hash} is not known.`, {}, { blame: false });
  phase.engine.verifyCertificate(hash, certificate, phaseOf(node) === 0 ? chain : seenThrough(chain, seenBy(phase)));
}
