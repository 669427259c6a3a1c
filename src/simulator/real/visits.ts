/**
 * Linearizability in the real tier, where blocks are final: each contract of the clients is a counter (`visits-contract.ts`).
 * A visit begins when a client gives its transaction to a node for the first time, returns when a node that was given it
 * has it in a final block on disk, and what the client learns is the count in its log. The visits of each contract must
 * have happened one after another (`../linearizability.ts`).
 */
import { toHex } from '../../base/bytes.ts';
import type { Address, Hex } from '../../base/types.ts';
import { decodeFields } from '../../execution/transaction-codec.ts';
import type { ChainStore } from '../../storage/chain-store.ts';
import { Acknowledgements } from '../checkers/acknowledgements.ts';
import type { CheckerFactory } from '../checkers/checker.ts';
import { checkLinearizable, type Model, type Operation } from '../linearizability.ts';
import { isOfNode } from '../observations.ts';
import { VISIT_GAS } from './visits-contract.ts';

type Visit = Operation<Address, bigint>;

export const COUNTER: Model<bigint, Address, bigint> = {
  initial: 0n,
  keyOf: String,
  // What never returned may as well never have happened; that it did is possible too, but explains no more.
  step: (count, _contract, seen) => (seen === undefined || seen === count + 1n ? count + 1n : null),
  partition: (history) => [...Map.groupBy(history, ({ input }) => input).values()],
};

export const visits =
  (storeOf: (place: number) => ChainStore | null): CheckerFactory =>
  ({ engine, isCorrect, chainOf, nowMs, report }) => {
    const history = new Map<Hex, Visit>();
    const acknowledgements = new Acknowledgements(chainOf);

    function called(node: number, transaction: Uint8Array): void {
      const { fields } = decodeFields(transaction);
      const id = toHex(transaction);
      if (fields.to === null || fields.gasLimit !== VISIT_GAS || fields.data.length > 0 || history.has(id)) return;
      history.set(id, { client: node, input: fields.to, output: undefined, callMs: nowMs(), returnMs: Number.POSITIVE_INFINITY });
    }

    return {
      name: 'Linearizability',
      observe(observation) {
        if (engine.finality === 'probabilistic' || !isOfNode(observation) || !isCorrect(observation.node)) return;
        if (observation.type === 'submitted') called(observation.node, observation.transaction);
        for (const { node, id, hash, index } of acknowledgements.observe(observation)) {
          const visit = history.get(id);
          if (visit === undefined || visit.output !== undefined) continue;
          const data = storeOf(node)?.receipts(hash)?.[index]?.logs[0]?.data;
          // There was no contract at that address yet, so nothing was counted.
          if (data === undefined) history.delete(id);
          else history.set(id, { ...visit, output: BigInt(data), returnMs: nowMs() });
        }
      },
      end() {
        const verdict = checkLinearizable(COUNTER, [...history.values()]);
        if (verdict.result !== 'illegal') return;
        const { part, prefix } = verdict;
        report({
          message: `No order of the ${part.length} visits of ${part[0]?.input} explains their counts; the best has ${prefix.length}.`,
        });
      },
    };
  };
