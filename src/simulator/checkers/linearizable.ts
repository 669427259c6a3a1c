/**
 * Linearizability of what clients do, where blocks are final. Two operations are claimed to be linearizable, in one history:
 *
 * - A transfer. It begins when a client gives it to a node for the first time, and returns when a node that was given it
 *   has it in a final block on disk; what the client learns are the accounts after it. Under every engine of instant or
 *   gadget finality.
 * - A linearizable read. It begins with the engine's own command for it and returns with its answer; what the client learns
 *   is an account as of that node's head. Only under engines that offer it (`Subject.linearizableRead`).
 *
 * All other reads are only claimed to be consistent, and may be stale: see `reads.ts`. The whole history must be that of one
 * ledger that does one thing after another (`../linearizability.ts`).
 */

import { toHex } from '../../base/bytes.ts';
import { checkLinearizable, type Model, type Operation } from '../linearizability.ts';
import { isOfNode } from '../observations.ts';
import { applyTransfer, type Balances, balanceOf, decodeTransfer, nonceOf, type Transfer, transferId } from '../transfers.ts';
import { Acknowledgements } from './acknowledgements.ts';
import type { CheckerFactory } from './checker.ts';
import type { LightStates } from './validity.ts';

export type Input = { readonly type: 'transfer'; readonly transfer: Transfer } | { readonly type: 'read'; readonly account: number };
/** Of a transfer: balances of sender and receiver after it. Of a read: balance and nonce. */
export type Seen = readonly [number, number];

export function ledgerModel(accounts: Balances): Model<Balances, Input, Seen> {
  return {
    initial: accounts,
    keyOf: (balances) => balances.join(),
    step: (balances, input, seen) =>
      input.type === 'read' ? afterRead(balances, input.account, seen) : afterTransfer(balances, input.transfer, seen),
  };
}

function afterRead(balances: Balances, account: number, seen: Seen | undefined): Balances | null {
  const matches = seen === undefined || (seen[0] === balanceOf(balances, account) && seen[1] === nonceOf(balances, account));
  return matches ? balances : null;
}

function afterTransfer(balances: Balances, transfer: Transfer, seen: Seen | undefined): Balances | null {
  if (!isPossible(balances, transfer)) return null;
  const after = balances.slice();
  applyTransfer(after, transfer);
  const matches = seen === undefined || (seen[0] === balanceOf(after, transfer.from) && seen[1] === balanceOf(after, transfer.to));
  return matches ? after : null;
}

/** Asked millions of times of what mostly is not: an error for each would cost more than all the rest. */
function isPossible(balances: Balances, { from, to, nonce, amount }: Transfer): boolean {
  return 2 * Math.max(from, to) < balances.length && nonce === nonceOf(balances, from) && amount <= balanceOf(balances, from);
}

export const linearizable =
  (states: LightStates): CheckerFactory =>
  ({ engine, options, isCorrect, chainOf, nowMs, report }) => {
    const transfers = new Map<string, Operation<Input, Seen>>();
    const reads: Operation<Input, Seen>[] = [];
    const acknowledgements = new Acknowledgements(chainOf);

    function called(transaction: Uint8Array): void {
      const id = toHex(transaction);
      if (transfers.has(id)) return;
      const transfer = decodeTransfer(transaction);
      const input: Input = { type: 'transfer', transfer };
      transfers.set(id, { client: transfer.from, input, output: undefined, callMs: nowMs(), returnMs: Number.POSITIVE_INFINITY });
    }

    /** The accounts after the transfer are those before its block, and what the block did up to it. */
    function returned(id: string, parent: Balances, before: readonly Uint8Array[]): void {
      const operation = transfers.get(id);
      if (operation?.input.type !== 'transfer' || operation.output !== undefined) return;
      const after = parent.slice();
      for (const bytes of before) applyTransfer(after, decodeTransfer(bytes));
      const { transfer } = operation.input;
      applyTransfer(after, transfer);
      const output: Seen = [balanceOf(after, transfer.from), balanceOf(after, transfer.to)];
      transfers.set(id, { ...operation, output, returnMs: nowMs() });
    }

    return {
      name: 'Linearizability',
      sees: ['submitted', 'read', 'finalDurable'],
      observe(observation) {
        if (engine.finality === 'probabilistic' || !isOfNode(observation)) return;
        // What was given to a node that is not to be trusted may happen as well.
        if (observation.type === 'submitted') called(observation.transaction);
        if (!isCorrect(observation.node)) return;
        if (observation.type === 'read' && observation.kind === 'linearizable') {
          const { account, callMs, seen, node } = observation;
          reads.push({ client: node, input: { type: 'read', account }, output: seen, callMs, returnMs: nowMs() });
        }
        for (const { node, id, block, index } of acknowledgements.observe(observation)) {
          const parent = states.of(node)?.state(block.header.parentHash) ?? null;
          if (parent !== null) returned(id, parent, block.transactions.slice(0, index));
        }
      },
      end() {
        if (engine.finality === 'probabilistic') return;
        const history = [...transfers.values(), ...reads];
        const verdict = checkLinearizable(ledgerModel(states.genesis.slice(0, 2 * options.accounts)), history);
        if (verdict.result !== 'illegal') return;
        const what = `${transfers.size} transfers and ${reads.length} reads`;
        const place = firstWithoutPlace(verdict.part, verdict.prefix);
        report({
          message: `No order of the ${what} explains what clients saw; the best has ${verdict.prefix.length} of them, and not ${place}.`,
        });
      },
    };
  };

type Done = Operation<Input, Seen>;

/** Of those that returned, the first that did and is not in the best order. */
function firstWithoutPlace(part: readonly Done[], prefix: readonly Done[]): string {
  const ordered = new Set(prefix);
  const missing = part.filter((operation) => operation.output !== undefined && !ordered.has(operation));
  const first = missing.reduce<Done | null>((least, other) => (least === null || other.returnMs < least.returnMs ? other : least), null);
  if (first === null) return 'what never returned';
  const { client, input, output, callMs, returnMs } = first;
  const what =
    input.type === 'read' ? `the read of account ${input.account} at node ${client}` : `the transfer ${transferId(input.transfer)}`;
  return `${what}, from ${callMs} ms to ${returnMs} ms, that gave ${output?.join(' and ')}`;
}
