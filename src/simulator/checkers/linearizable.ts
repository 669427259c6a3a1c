/**
 * Linearizability of what clients see, where blocks are final. A client's transfer begins when it gives it to a node and
 * returns when a node that it gave it to has it in a durable final block; what it learns are the balances after it. The
 * whole history must be that of one ledger that carries out one transfer after another (`../linearizability.ts`).
 */
import { RuleError } from '../../base/errors.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { checkLinearizable, type Model, type Operation } from '../linearizability.ts';
import { applyTransfer, type Balances, balanceOf, decodeTransfer, type Transfer, transferId } from '../transfers.ts';
import type { CheckerFactory } from './checker.ts';
import type { LightStates } from './validity.ts';

/** Balances of sender and receiver, after the transfer. */
type Seen = readonly [from: number, to: number];

interface Client {
  operation: Operation<Transfer, Seen>;
  readonly asked: Set<number>;
}

export function transferModel(accounts: Balances): Model<Balances, Transfer, Seen> {
  return {
    initial: accounts,
    keyOf: (balances) => balances.join(),
    step(balances, transfer, seen) {
      const after = balances.slice();
      try {
        applyTransfer(after, transfer);
      } catch (error) {
        if (!(error instanceof RuleError)) throw error;
        // What never returned may as well never have happened.
        return seen === undefined ? balances : null;
      }
      const matches = seen === undefined || (seen[0] === balanceOf(after, transfer.from) && seen[1] === balanceOf(after, transfer.to));
      return matches ? after : null;
    },
  };
}

export const linearizable =
  (states: LightStates): CheckerFactory =>
  ({ engine, options, isCorrect, chainOf, nowMs, report }) => {
    const clients = new Map<string, Client>();
    const finals = new Map<number, number>();

    function returned(node: number, transfer: Transfer, after: Balances): void {
      const client = clients.get(transferId(transfer));
      if (client === undefined || !client.asked.has(node) || client.operation.output !== undefined) return;
      const output: Seen = [balanceOf(after, transfer.from), balanceOf(after, transfer.to)];
      client.operation = { ...client.operation, output, returnMs: nowMs() };
    }

    function finalized(node: number, block: HeaderNode): void {
      const chain = chainOf(node);
      if (chain === null) return;
      for (let number = (finals.get(node) ?? 0) + 1; number <= block.header.number; number++) {
        const hash = chain.canonical(number);
        const body = hash && chain.block(hash);
        const balances = body && states.of(node)?.state(body.header.parentHash)?.slice();
        for (const bytes of balances === undefined || body === undefined ? [] : body.transactions) {
          const transfer = decodeTransfer(bytes);
          if (balances === undefined) break;
          applyTransfer(balances, transfer);
          returned(node, transfer, balances);
        }
      }
      finals.set(node, block.header.number);
    }

    return {
      name: 'Linearizability',
      observe(observation) {
        if (engine.finality === 'probabilistic' || !('node' in observation) || !isCorrect(observation.node)) return;
        const { node } = observation;
        if (observation.type === 'finalDurable') finalized(node, observation.block);
        if (observation.type !== 'submitted') return;
        const transfer = decodeTransfer(observation.transaction);
        const id = transferId(transfer);
        const known = clients.get(id);
        known?.asked.add(node);
        const operation = {
          client: transfer.from,
          input: transfer,
          output: undefined,
          callMs: nowMs(),
          returnMs: Number.POSITIVE_INFINITY,
        };
        if (known === undefined) clients.set(id, { operation, asked: new Set([node]) });
      },
      end() {
        const history = [...clients.values()].map(({ operation }) => operation);
        const accounts = states.genesis.slice(0, 2 * options.accounts);
        const verdict = checkLinearizable(transferModel(accounts), history);
        if (verdict.result !== 'illegal') return;
        const stuck = verdict.prefix.length;
        report({ message: `No order of the ${history.length} transfers explains what clients saw; the best has ${stuck} of them.` });
      },
    };
  };
