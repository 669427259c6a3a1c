/**
 * Proof-of-work's invariants of single headers, for every block that a correct node stores, judged by a second writing of
 * the rules (`pow-reference.ts`). BitsExact: the difficulty is one exact number. WorkExact: so is the work of its chain.
 * TimeBounds: median of the last 11 times < time <= the node's clock + limit. Proven: somebody did the work that the
 * difficulty stands for. OneEncoding: nothing outside of the hash, by which one block could pass for two.
 */
import { RuleError } from '../../base/errors.ts';
import type { Block } from '../../chain/block.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { Observation } from '../observations.ts';
import { type Checker, type CheckerFactory, nameOf, type Setting } from './checker.ts';
import { type Judgement, ReferenceHeaders } from './pow-reference.ts';

interface Stored {
  readonly node: number;
  readonly block: Block;
  /** As the node keeps it. */
  readonly stored: HeaderNode;
  readonly judgement: Judgement;
}

type Inserted = Extract<Observation, { type: 'inserted' }>;

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

export const timeBounds: CheckerFactory = (setting) => {
  const { futureLimit } = judgeOf(setting).headers;
  return ofStored('TimeBounds', setting, ({ node, stored: { header }, judgement: { median } }) => {
    const latest = Math.floor(setting.wallMsOf(node) / 1_000) + futureLimit;
    if (header.timestamp <= median) return `has time ${header.timestamp}; the median before it is ${median}`;
    return header.timestamp > latest ? `has time ${header.timestamp}; the node's clock allows ${latest} at most` : null;
  });
};

/** Asks `wrong` of each block that a correct node stores, on a parent that was stored before; null when all is well. */
function ofStored(name: string, setting: Setting, wrong: (stored: Stored) => string | null): Checker {
  const judge = judgeOf(setting);
  return {
    name,
    sees: ['inserted'],
    observe(observation) {
      if (observation.type !== 'inserted' || !setting.isCorrect(observation.node)) return;
      const found = judge.look(observation, setting);
      const problem = found && wrong(found);
      if (found !== null && problem !== null)
        setting.report({ node: found.node, message: `Stored block ${nameOf(found.stored)}, which ${problem}.` });
    },
  };
}

/** Looks at each stored block once for all checkers of a run, which are shown it one after the other. */
class Judge {
  readonly headers: ReferenceHeaders;
  #last: { readonly observation: Inserted; readonly found: Stored | null } | null = null;

  constructor({ genesis, options }: Setting) {
    this.headers = new ReferenceHeaders(genesis, options.engine);
  }

  /** Null for a block whose parent nobody has stored. */
  look(observation: Inserted, setting: Setting): Stored | null {
    if (this.#last?.observation !== observation) this.#last = { observation, found: this.#find(observation, setting) };
    return this.#last.found;
  }

  #find({ node, block, hash }: Inserted, { chainOf }: Setting): Stored | null {
    const stored = chainOf(node)?.get(hash);
    const judgement = this.headers.judge(hash, block.header);
    return stored === undefined || judgement === undefined ? null : { node, block, stored, judgement };
  }
}

const judges = new WeakMap<HeaderNode, Judge>();

function judgeOf(setting: Setting): Judge {
  const known = judges.get(setting.genesis) ?? new Judge(setting);
  judges.set(setting.genesis, known);
  return known;
}
