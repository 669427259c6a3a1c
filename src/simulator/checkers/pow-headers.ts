/**
 * Proof-of-work's invariants of single headers, for every block that a correct node stores, judged by a second writing of
 * the rules (`pow-reference.ts`). BitsExact: the difficulty is one exact number. WorkExact: so is the work of its chain.
 * TimeBounds: median of the last 11 times < time <= the node's clock + limit. Proven: somebody did the work that the
 * difficulty stands for. OneEncoding: nothing outside of the hash, by which one block could pass for two.
 */
import { RuleError } from '../../base/errors.ts';
import type { Block } from '../../chain/block.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { type Checker, type CheckerFactory, nameOf, type Setting } from './checker.ts';
import { type Judgement, ReferenceHeaders } from './pow-reference.ts';

interface Stored {
  readonly node: number;
  readonly block: Block;
  /** As the node keeps it. */
  readonly stored: HeaderNode;
  readonly judgement: Judgement;
}

export const bitsExact: CheckerFactory = (setting) =>
  ofStored('BitsExact', setting, ({ stored, judgement: { difficulty } }) =>
    stored.header.difficulty === difficulty ? null : `has difficulty ${stored.header.difficulty}; it must be ${difficulty}`,
  );

export const workExact: CheckerFactory = (setting) =>
  ofStored('WorkExact', setting, ({ stored: { facts }, judgement: { work } }) =>
    facts.weight === work ? null : `counts as work of ${facts.weight}; its chain has ${work}`,
  );

export const proven: CheckerFactory = (setting) =>
  ofStored('Proven', setting, ({ stored }) => {
    try {
      setting.engine.verifySeal(stored);
      return null;
    } catch (error) {
      if (error instanceof RuleError) return `has no proof: ${error.message}`;
      throw error;
    }
  });

export const oneEncoding: CheckerFactory = (setting) =>
  ofStored('OneEncoding', setting, ({ stored: { header, seal } }) =>
    seal.length === 0 && header.extraData === '0x' ? null : `has a seal of ${seal.length} bytes and extra data ${header.extraData}`,
  );

export const timeBounds: CheckerFactory = (setting) =>
  ofStored('TimeBounds', setting, ({ node, stored: { header }, judgement: { median } }) => {
    const latest = Math.floor(setting.wallMsOf(node) / 1_000) + referenceFor(setting).futureLimit;
    if (header.timestamp <= median) return `has time ${header.timestamp}; the median before it is ${median}`;
    return header.timestamp > latest ? `has time ${header.timestamp}; the node's clock allows ${latest} at most` : null;
  });

/** Asks `wrong` of each block that a correct node stores, on a parent that was stored before; null when all is well. */
function ofStored(name: string, setting: Setting, wrong: (stored: Stored) => string | null): Checker {
  const reference = referenceFor(setting);
  return {
    name,
    sees: ['inserted'],
    observe(observation) {
      if (observation.type !== 'inserted' || !setting.isCorrect(observation.node)) return;
      const { node, block, hash } = observation;
      const stored = setting.chainOf(node)?.get(hash);
      const judgement = reference.judge(hash, block.header);
      if (stored === undefined || judgement === undefined) return;
      const problem = wrong({ node, block, stored, judgement });
      if (problem !== null) setting.report({ node, message: `Stored block ${nameOf(stored)}, which ${problem}.` });
    },
  };
}

/** One for all checkers of a run. */
const references = new WeakMap<HeaderNode, ReferenceHeaders>();

function referenceFor({ genesis, options }: Setting): ReferenceHeaders {
  const known = references.get(genesis) ?? new ReferenceHeaders(genesis, options.engine);
  references.set(genesis, known);
  return known;
}
