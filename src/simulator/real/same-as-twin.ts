/**
 * A node that crashed is like one that did not. At each start after a crash, and at the end, what a correct node has on
 * its disk is compared with a twin that was never killed (`twin.ts`) and has the same head: canonical chain, receipts, index
 * of transactions, and every account that anybody has used. So a reorganisation is done whole or not at all, whatever
 * happens in the middle of it, and what was acknowledged is still there.
 */
import { StorageError } from '../../base/errors.ts';
import { type Address, type Hash, ZERO_HASH } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { keccakHash } from '../../execution/keccak.ts';
import { StateReader } from '../../execution/state-reader.ts';
import type { ChainStore } from '../../storage/chain-store.ts';
import { type CheckerFactory, nameOf } from '../checkers/checker.ts';
import { describe } from '../describe.ts';
import type { AsyncWork } from './async-work.ts';
import type { Twin } from './twin.ts';

export interface TwinSetting {
  readonly twin: () => Promise<Twin>;
  readonly work: AsyncWork;
  readonly storeOf: (place: number) => ChainStore | null;
  /** Of all that can be in the state. */
  readonly addresses: () => readonly Address[];
}

interface Audit {
  readonly node: number;
  readonly when: string;
  /** The last head that was reported durable. */
  readonly acknowledged: HeaderNode | undefined;
}

/** The numbered storage slots of the contract that the clients use. */
const SLOTS = 3;

export const sameAsTwin =
  ({ twin, work, storeOf, addresses }: TwinSetting): CheckerFactory =>
  ({ nodes, isCorrect, chainOf, report }) => {
    const acknowledged = new Map<number, HeaderNode>();
    const transactions = new Set<Hash>();
    let audits: Audit[] = [];

    function ask(node: number, when: string): void {
      if (!isCorrect(node)) return;
      audits.push({ node, when, acknowledged: acknowledged.get(node) });
      work.touch();
    }

    async function audit({ node, when, acknowledged: promised }: Audit): Promise<void> {
      const store = storeOf(node);
      if (store === null) return;
      const reference = await twin();
      if (!(await reference.follow(store.head.hash))) {
        return report({ node, message: `${when} it has the head ${nameOf(store.head)}, which no replay has found valid.` });
      }
      const all = addresses();
      for (const difference of differences(store, reference.store, transactions, all)) {
        return report({ node, message: `${when} it is not like a node that was never killed: ${difference}.` });
      }
      if (promised !== undefined && promised.hash !== store.head.hash) {
        if (!isSame(executionOf(store, promised, all), executionOf(reference.store, promised, all))) {
          report({ node, message: `${when} what it acknowledged of block ${nameOf(promised)} is not there any more.` });
        }
      }
    }

    return {
      name: 'SameAsTwin',
      observe(observation) {
        if (observation.type === 'submitted') transactions.add(keccakHash(observation.transaction));
        if (observation.type === 'durable') acknowledged.set(observation.node, observation.head);
        if (observation.type === 'started' && observation.incarnation > 1) ask(observation.node, 'After a start');
      },
      end() {
        for (let node = 0; node < nodes; node++) if (chainOf(node) !== null) ask(node, 'In the end');
      },
      async settle() {
        const due = audits;
        audits = [];
        for (const each of due) {
          try {
            await audit(each);
          } catch (error) {
            if (!(error instanceof StorageError)) throw error;
            report({ node: each.node, message: `${each.when} its store cannot be read: ${describe(error)}` });
          }
        }
      },
    };
  };

/** Both have the same head. */
function* differences(
  store: ChainStore,
  twin: ChainStore,
  transactions: Iterable<Hash>,
  addresses: readonly Address[],
): Generator<string, void> {
  const { head } = store;
  for (let number = head.header.number; number >= 0; number--) {
    const hash = twin.canonical(number);
    if (hash === undefined || store.canonical(number) !== hash) {
      yield `height ${number} is ${store.canonical(number)} in its chain, and should be ${hash}`;
    } else if (!isSame(store.receipts(hash), twin.receipts(hash))) {
      yield `the receipts of block ${number} are others`;
    }
  }
  for (const hash of transactions) {
    const [place, expected] = [store.transaction(hash), twin.transaction(hash)];
    if (!isSame(place, expected)) yield `transaction ${hash} is indexed at ${text(place)}, and should be at ${text(expected)}`;
  }
  for (const address of addresses) {
    const [account, expected] = [accountOf(store, head, address, addresses), accountOf(twin, head, address, addresses)];
    if (!isSame(account, expected)) yield `account ${address} is ${text(account)}, and should be ${text(expected)}`;
  }
}

/** All that executing a block has left. */
function executionOf(store: ChainStore, node: HeaderNode, addresses: readonly Address[]): unknown {
  return [store.receipts(node.hash), addresses.map((address) => accountOf(store, node, address, addresses))];
}

function accountOf(store: ChainStore, { header }: HeaderNode, address: Address, addresses: readonly Address[]): unknown {
  const reader = new StateReader(store.state);
  const account = reader.account(header, address);
  const code = reader.code(header, address);
  if (code.length === 0) return { account };
  const numbered = Array.from({ length: SLOTS }, (_, slot) => slot.toString(16));
  const slots = [...numbered, ...addresses.map((caller) => caller.slice(2))].map((digits) => `0x${digits.padStart(64, '0')}` as Hash);
  const storage = slots.map((slot) => reader.storage(header, address, slot)).filter((value) => value !== ZERO_HASH);
  return { account, code: keccakHash(code), storage };
}

function isSame(one: unknown, other: unknown): boolean {
  return text(one) === text(other);
}

function text(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item)) ?? 'nowhere';
}
