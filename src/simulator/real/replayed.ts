/**
 * Validity in the real tier. What a correct node holds for valid is valid and the other way round, as a replay from
 * genesis judges it; and no block holds a transaction that no client signed.
 */
import { toHex } from '../../base/bytes.ts';
import type { RuleError } from '../../base/errors.ts';
import type { Hex } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { type CheckerFactory, nameOf } from '../checkers/checker.ts';
import type { AsyncWork } from './async-work.ts';
import type { Twin } from './twin.ts';

interface Judged {
  readonly node: number;
  readonly block: Block;
  readonly known: HeaderNode;
  readonly error: RuleError | null;
}

export const replayed =
  (twin: () => Promise<Twin>, work: AsyncWork): CheckerFactory =>
  ({ isCorrect, chainOf, report }) => {
    const signed = new Set<Hex>();
    let judged: Judged[] = [];

    async function judge({ node, block, known, error }: Judged): Promise<void> {
      const verdict = await (await twin()).replay(block, known.facts);
      if (verdict === undefined) return report({ node, message: `Executed block ${nameOf(known)}, whose parent nobody executed.` });
      if ((verdict === null) === (error === null)) return;
      const held = error === null ? 'valid' : `invalid (${error.code})`;
      const is = verdict === null ? 'valid' : `invalid (${verdict.code}: ${verdict.message})`;
      report({ node, message: `Holds block ${nameOf(known)} for ${held}; replayed from genesis it is ${is}.` });
    }

    return {
      name: 'Validity',
      observe(observation) {
        if (observation.type === 'submitted') signed.add(toHex(observation.transaction));
        if (observation.type !== 'checked' || !isCorrect(observation.node)) return;
        const { node, hash, error } = observation;
        const chain = chainOf(node);
        const [block, known] = [chain?.block(hash), chain?.get(hash)];
        if (block === undefined || known === undefined) return report({ node, message: `Executed block ${hash}, which it does not have.` });
        judged.push({ node, block, known, error });
        work.touch();
        if (error === null && !block.transactions.every((bytes) => signed.has(toHex(bytes)))) {
          report({ node, message: `Holds block ${nameOf(known)} for valid; no client sent one of its transactions.` });
        }
      },
      async settle() {
        const due = judged;
        judged = [];
        for (const each of due) await judge(each);
      },
    };
  };
