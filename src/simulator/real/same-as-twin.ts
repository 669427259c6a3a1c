/**
 * A node that crashed is like one that did not. At each start after a crash, and at the end, what a correct node has on
 * its disk is compared with a twin that was never killed (`twin.ts`) and has the same head: canonical chain, receipts, index
 * of transactions, and every account that anybody has used. So a reorganisation is done whole or not at all, whatever
 * happens in the middle of it, and what was acknowledged is still there.
 */
import { StorageError } from '../../base/errors.ts';
import type { Address, Hash } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { keccakHash } from '../../execution/keccak.ts';
import { StateReader } from '../../execution/state-reader.ts';
import type { ChainStore } from '../../storage/chain-store.ts';
import { type CheckerFactory, nameOf } from '../checkers/checker.ts';
import { describe } from '../describe.ts';
import type { AsyncWork } from './async-work.ts';
import type { Twin } from './twin.ts';

/** What can be in a state. */
export interface Contents {
  readonly addresses: readonly Address[];
  /** Of a contract's storage. */
  readonly slots: readonly Hash[];
}

export interface TwinSetting {
  readonly twin: () => Promise<Twin>;
  readonly work: AsyncWork;
  readonly storeOf: (place: number) => ChainStore | null;
  readonly contents: () => Contents;
}

interface Audit {
  readonly node: number;
  readonly when: string;
  /** So many of the last blocks. */
  readonly blocks: number;
  /** The last head that was reported durable. */
  readonly acknowledged: HeaderNode | undefined;
}

/** After a start: more than any reorganisation that a crash may have cut in two. In the end all blocks are looked at. */
const BLOCKS_AFTER_START = 32;

export const sameAsTwin =
  ({ twin, work, storeOf, contents }: TwinSetting): CheckerFactory =>
  ({ nodes, isCorrect, chainOf, report }) => {
    const acknowledged = new Map<number, HeaderNode>();
    const transactions = new Set<Hash>();
    let audits: Audit[] = [];

    function ask(node: number, when: string, blocks: number): void {
      if (!isCorrect(node)) return;
      audits.push({ node, when, blocks, acknowledged: acknowledged.get(node) });
      work.touch();
    }

    async function audit({ node, when, blocks, acknowledged: promised }: Audit): Promise<void> {
      const store = storeOf(node);
      if (store === null) return;
      const reference = await twin();
      if (!(await reference.follow(store.head.hash))) {
        return report({ node, message: `${when} it has the head ${nameOf(store.head)}, which no replay has found valid.` });
      }
      const comparison = { store, twin: reference.store, blocks, transactions, ...contents() };
      const difference = firstDifference(comparison) ?? (promised && lostOf(promised, comparison)) ?? null;
      if (difference !== null) report({ node, message: `${when} it is not like a node that was never killed: ${difference}.` });
    }

    return {
      name: 'SameAsTwin',
      observe(observation) {
        if (observation.type === 'submitted') transactions.add(keccakHash(observation.transaction));
        if (observation.type === 'durable') acknowledged.set(observation.node, observation.head);
        if (observation.type === 'started' && observation.incarnation > 1) ask(observation.node, 'After a start', BLOCKS_AFTER_START);
      },
      end() {
        for (let node = 0; node < nodes; node++) if (chainOf(node) !== null) ask(node, 'In the end', Number.POSITIVE_INFINITY);
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

/** Of two stores with the same head. */
interface Comparison extends Contents {
  readonly store: ChainStore;
  readonly twin: ChainStore;
  readonly blocks: number;
  readonly transactions: ReadonlySet<Hash>;
}

function firstDifference({ store, twin, blocks, transactions, ...contents }: Comparison): string | null {
  const { head } = store;
  for (let number = head.header.number; number >= 0 && number > head.header.number - blocks; number--) {
    const hash = twin.canonical(number);
    if (hash === undefined || store.canonical(number) !== hash)
      return `height ${number} is ${store.canonical(number)}, and should be ${hash}`;
    if (text(store.receipts(hash)) !== text(twin.receipts(hash))) return `the receipts of block ${number} are others`;
  }
  for (const hash of transactions) {
    const [place, expected] = [text(store.transaction(hash)), text(twin.transaction(hash))];
    if (place !== expected) return `transaction ${hash} is indexed at ${place}, and should be at ${expected}`;
  }
  for (const address of contents.addresses) {
    const [account, expected] = [accountOf(store, head, address, contents.slots), accountOf(twin, head, address, contents.slots)];
    if (account !== expected) return `account ${address} is ${account}, and should be ${expected}`;
  }
  return null;
}

/** What has become of a block that was the head and need not be it any more. */
function lostOf(promised: HeaderNode, { store, twin, addresses, slots }: Comparison): string | null {
  if (promised.hash === store.head.hash) return null;
  const executionOf = (chain: ChainStore) => [
    text(chain.receipts(promised.hash)),
    ...addresses.map((address) => accountOf(chain, promised, address, slots)),
  ];
  return text(executionOf(store)) === text(executionOf(twin))
    ? null
    : `what it acknowledged of block ${nameOf(promised)} is not there any more`;
}

function accountOf(store: ChainStore, { header }: HeaderNode, address: Address, slots: readonly Hash[]): string {
  const reader = new StateReader(store.state);
  const account = reader.account(header, address);
  const code = reader.code(header, address);
  if (code.length === 0) return text(account);
  return text({ account, code: keccakHash(code), storage: slots.map((slot) => reader.storage(header, address, slot)) });
}

function text(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item)) ?? 'nowhere';
}
