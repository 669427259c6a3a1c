/**
 * Validity in the real tier. What a correct node holds for valid is valid and the other way round, as a replay from
 * genesis judges it; no block holds a transaction that no client signed; and what a client reads is the state of a replay
 * as of the block that it is said to be of.
 */
import { toHex } from '../../base/bytes.ts';
import type { RuleError } from '../../base/errors.ts';
import type { Address, Hex } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { type CheckerFactory, nameOf } from '../checkers/checker.ts';
import type { Observation } from '../observations.ts';
import type { AsyncWork } from './async-work.ts';
import { accountIn } from './real-wallets.ts';
import type { Twin } from './twin.ts';

export interface ReplaySetting {
  readonly twin: () => Promise<Twin>;
  readonly work: AsyncWork;
  /** Of a client's account. */
  readonly addressOf: (account: number) => Address | undefined;
}

interface Judged {
  readonly node: number;
  readonly block: Block;
  readonly known: HeaderNode;
  readonly error: RuleError | null;
}

type Read = Extract<Observation, { type: 'read' }>;

export const replayed =
  ({ twin, work, addressOf }: ReplaySetting): CheckerFactory =>
  ({ isCorrect, chainOf, report }) => {
    const signed = new Set<Hex>();
    let due: (() => Promise<void>)[] = [];

    function later(task: () => Promise<void>): void {
      due.push(task);
      work.touch();
    }

    async function judge({ node, block, known, error }: Judged): Promise<void> {
      const verdict = await (await twin()).replay(block, known.facts);
      if (verdict === undefined) return report({ node, message: `Executed block ${nameOf(known)}, whose parent nobody executed.` });
      if ((verdict === null) === (error === null)) return;
      const held = error === null ? 'valid' : `invalid (${error.code})`;
      const is = verdict === null ? 'valid' : `invalid (${verdict.code}: ${verdict.message})`;
      report({ node, message: `Holds block ${nameOf(known)} for ${held}; replayed from genesis it is ${is}.` });
    }

    async function compare({ node, block, account, seen }: Read): Promise<void> {
      const { store } = await twin();
      const address = addressOf(account);
      if (address === undefined) return;
      if (store.view.status(block.hash) !== 'executed')
        return report({ node, message: `Shows block ${nameOf(block)}, which nobody executed.` });
      const { balance, nonce } = accountIn(store, block, address);
      if (balance === seen[0] && nonce === seen[1]) return;
      report({
        node,
        message: `Shows ${seen.join(' and ')} for account ${account} in block ${nameOf(block)}; it is ${balance} and ${nonce}.`,
      });
    }

    function checked({ node, hash, error }: Extract<Observation, { type: 'checked' }>): void {
      const chain = chainOf(node);
      const [block, known] = [chain?.block(hash), chain?.get(hash)];
      if (block === undefined || known === undefined) return report({ node, message: `Executed block ${hash}, which it does not have.` });
      later(() => judge({ node, block, known, error }));
      if (error === null && !block.transactions.every((bytes) => signed.has(toHex(bytes)))) {
        report({ node, message: `Holds block ${nameOf(known)} for valid; no client sent one of its transactions.` });
      }
    }

    return {
      name: 'Validity',
      observe(observation) {
        if (observation.type === 'submitted') signed.add(toHex(observation.transaction));
        if (observation.type === 'checked' && isCorrect(observation.node)) checked(observation);
        if (observation.type === 'read' && isCorrect(observation.node)) later(() => compare(observation));
      },
      async settle() {
        const tasks = due;
        due = [];
        for (const task of tasks) await task();
      },
    };
  };
