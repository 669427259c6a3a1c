/** What the check at start does with a chain that is damaged: rewinds to what is sound, or refuses. Never guesses. */
import { describe, expect, test } from 'vitest';
import { EMPTY } from '../../src/base/bytes.ts';
import { StorageError } from '../../src/base/errors.ts';
import { CHECKED_BLOCKS } from '../../src/storage/chain-check.ts';
import { ChainStore } from '../../src/storage/chain-store.ts';
import { putOperation } from '../../src/storage/checked.ts';
import { keyText, TABLES } from '../../src/storage/layout.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { type BuiltBlock, buildChain, buildChild, buildGenesis, fakeTransaction, transactionHashOf } from '../support/chain.ts';

const genesis = buildGenesis();

interface Damaged {
  readonly chain: readonly BuiltBlock[];
  readonly entries: Map<string, Uint8Array>;
}

/** The content of a store with a chain of `length` blocks, for tests to damage. */
async function stored(length: number, finalizedAt = 0): Promise<Damaged> {
  const database = new MemoryDatabase();
  const store = await ChainStore.open(database, genesis);
  const chain = buildChain(genesis, length, (i) => ({ transactions: [fakeTransaction(i)] }));
  for (const built of chain) {
    store.insert(built.block, built.facts);
    store.executed(built.hash, built.execution);
    await store.setHead(built.hash);
  }
  if (finalizedAt > 0) await store.finalize(at(chain, finalizedAt).hash, EMPTY);
  return { chain, entries: new Map(database.snapshot()) };
}

/** The block of this height. */
function at(chain: readonly BuiltBlock[], number: number): BuiltBlock {
  return chain[number - 1] as BuiltBlock;
}

function idOf({ hash, block }: BuiltBlock) {
  return { number: block.header.number, hash };
}

function flip(entries: Map<string, Uint8Array>, key: Uint8Array): void {
  const value = entries.get(keyText(key))?.slice();
  if (value === undefined) throw new Error('no such row');
  value[0] = (value[0] ?? 0) ^ 1;
  entries.set(keyText(key), value);
}

async function reopen({ entries }: Damaged): Promise<ChainStore> {
  return ChainStore.open(new MemoryDatabase(undefined, entries), genesis, { create: false });
}

const DAMAGES: [name: string, damage: (entries: Map<string, Uint8Array>, built: BuiltBlock) => void, code: string][] = [
  ['a flipped header', (entries, built) => flip(entries, TABLES.header.key(idOf(built))), 'storage/corrupt'],
  ['a flipped body', (entries, built) => flip(entries, TABLES.body.key(idOf(built))), 'storage/corrupt'],
  ['flipped receipts', (entries, built) => flip(entries, TABLES.receipts.key(idOf(built))), 'storage/corrupt'],
  ['a flipped status', (entries, built) => flip(entries, TABLES.status.key(idOf(built))), 'storage/corrupt'],
  ['a flipped canonical row', (entries, built) => flip(entries, TABLES.canonical.key(built.block.header.number)), 'storage/corrupt'],
  ['a missing header', (entries, built) => void entries.delete(keyText(TABLES.header.key(idOf(built)))), 'storage/missing'],
  ['a missing body', (entries, built) => void entries.delete(keyText(TABLES.body.key(idOf(built)))), 'storage/missing'],
  ['missing receipts', (entries, built) => void entries.delete(keyText(TABLES.receipts.key(idOf(built)))), 'storage/missing'],
  [
    'a missing canonical row',
    (entries, built) => void entries.delete(keyText(TABLES.canonical.key(built.block.header.number))),
    'storage/missing',
  ],
  [
    'a transaction missing in the index',
    (entries, { block }) => void entries.delete(keyText(TABLES.transaction.key(transactionHashOf(block.transactions[0] as Uint8Array)))),
    'storage/missing',
  ],
  [
    'a header under the hash of another',
    (entries, built) => {
      const { header, seal } = buildChild(genesis, { salt: 77 }).block;
      const { key, value } = putOperation(TABLES.header, idOf(built), { header, seal, facts: built.facts }) as {
        key: Uint8Array;
        value: Uint8Array;
      };
      entries.set(keyText(key), value);
    },
    'storage/inconsistent',
  ],
];

describe('the check at start', () => {
  test.each(DAMAGES)('%s: the head goes back below it, and the node can take the blocks again', async (_, damage, code) => {
    const damaged = await stored(6);
    damage(damaged.entries, at(damaged.chain, 4));
    const store = await reopen(damaged);
    expect(store.recovery).toMatchObject({ from: 6, to: 3, reason: { code } });
    expect(store.head.hash).toBe(at(damaged.chain, 3).hash);
    expect(store.canonical(4)).toBeUndefined();
    expect(store.view.maxHeight).toBe(3);
    for (const { hash, block } of damaged.chain.slice(3)) {
      expect(store.block(hash)).toBeUndefined();
      expect(store.transaction(transactionHashOf(block.transactions[0] as Uint8Array))).toBeUndefined();
    }
    for (const built of damaged.chain.slice(3)) {
      store.insert(built.block, built.facts);
      store.executed(built.hash, built.execution);
      await store.setHead(built.hash);
    }
    expect(store.block(at(damaged.chain, 4).hash)).toEqual(at(damaged.chain, 4).block);
    expect(store.head.hash).toBe(at(damaged.chain, 6).hash);
  });

  test('a rewind is durable, and the next start finds nothing to do', async () => {
    const damaged = await stored(6);
    flip(damaged.entries, TABLES.body.key(idOf(at(damaged.chain, 6))));
    const database = new MemoryDatabase(undefined, damaged.entries);
    expect((await ChainStore.open(database, genesis)).recovery).toMatchObject({ from: 6, to: 5 });
    const again = await ChainStore.open(new MemoryDatabase(undefined, database.snapshot()), genesis);
    expect(again.recovery).toBeNull();
    expect(again.head.hash).toBe(at(damaged.chain, 5).hash);
  });

  test('without the state of the head it goes back to the last block that has its state', async () => {
    const damaged = await stored(6);
    for (const number of [5, 6]) damaged.entries.delete(keyText(TABLES.node.key(at(damaged.chain, number).block.header.stateRoot)));
    expect((await reopen(damaged)).recovery).toMatchObject({ from: 6, to: 4, reason: { code: 'storage/missing' } });
  });

  test('blocks of other branches above the rewind go as well, so that none is left without its parent', async () => {
    const database = new MemoryDatabase();
    const store = await ChainStore.open(database, genesis);
    const chain = buildChain(genesis, 4);
    const fork = buildChain(at(chain, 3), 3, () => ({ salt: 5 }));
    for (const { hash, block, facts, execution } of [...chain, ...fork]) {
      store.insert(block, facts);
      store.executed(hash, execution);
    }
    await store.setHead(at(chain, 4).hash);
    const entries = new Map(database.snapshot());
    flip(entries, TABLES.body.key(idOf(at(chain, 3))));
    const reopened = await reopen({ chain, entries });
    expect(reopened.recovery).toMatchObject({ from: 4, to: 2 });
    expect(reopened.view.maxHeight).toBe(2);
    for (const { hash } of [...chain.slice(2), ...fork]) expect(reopened.view.get(hash)).toBeUndefined();
  });

  test('a finalized block is never given up', async () => {
    const damaged = await stored(6, 4);
    flip(damaged.entries, TABLES.body.key(idOf(at(damaged.chain, 4))));
    const error = await reopen(damaged).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'storage/unsound', cause: { code: 'storage/corrupt' } });
    expect((error as StorageError).message).toContain('--resync');
  });

  test('with nothing sound in the window the store is refused', async () => {
    const damaged = await stored(CHECKED_BLOCKS + 3);
    flip(damaged.entries, TABLES.body.key(idOf(at(damaged.chain, 4))));
    await expect(reopen(damaged)).rejects.toMatchObject({ code: 'storage/unsound' });
  });

  test('damage below the window does not hinder the start, and is an error when it is read', async () => {
    const damaged = await stored(CHECKED_BLOCKS + 3);
    const old = at(damaged.chain, 2);
    flip(damaged.entries, TABLES.body.key(idOf(old)));
    damaged.entries.delete(keyText(TABLES.receipts.key(idOf(old))));
    const store = await reopen(damaged);
    expect(store.recovery).toBeNull();
    expect(() => store.block(old.hash)).toThrow(expect.objectContaining({ code: 'storage/corrupt' }));
    expect(() => store.receipts(old.hash)).toThrow(expect.objectContaining({ code: 'storage/missing' }));
  });

  test.each(['head', 'finalized', 'maxHeight'] as const)(
    'a damaged row that says where the chain ends (%s) refuses the store',
    async (name) => {
      const damaged = await stored(3);
      flip(damaged.entries, TABLES[name].key(null));
      await expect(reopen(damaged)).rejects.toMatchObject({ code: 'storage/corrupt' });
      damaged.entries.delete(keyText(TABLES[name].key(null)));
      await expect(reopen(damaged)).rejects.toMatchObject({ code: 'storage/missing' });
    },
  );
});

describe('one flipped bit anywhere', () => {
  test('is an error or makes no difference, but never a wrong answer', async () => {
    const { chain, entries } = await stored(3);
    const tip = at(chain, 3);
    let errors = 0;
    for (const [text, value] of entries) {
      const damaged = new Map(entries);
      const flipped = value.slice();
      const position = (text.length * 31 + value.length * 7) % value.length;
      flipped[position] = (flipped[position] ?? 0) ^ (1 << (position % 8));
      damaged.set(text, flipped);
      try {
        const store = await reopen({ chain, entries: damaged });
        if (store.recovery !== null) {
          errors++;
          continue;
        }
        for (const { hash, block, execution } of [genesis, ...chain]) {
          expect(store.block(hash)).toEqual(block);
          expect(store.receipts(hash)).toEqual(execution.receipts);
          for (const [key, node] of execution.nodes) expect(store.state.node(key)).toEqual(node);
          for (const [key, code] of execution.codes) expect(store.state.code(key)).toEqual(code);
        }
        expect(store.head.hash).toBe(tip.hash);
        for (const number of [0, 1, 2, 3]) expect(store.view.atHeight(number, 9)).toHaveLength(1);
      } catch (error) {
        expect(error).toBeInstanceOf(StorageError);
        errors++;
      }
    }
    // Every row is read by something above.
    expect(errors).toBe(entries.size);
  });

  test('a value under the key of another is found too', async () => {
    const { chain, entries } = await stored(3);
    const body = entries.get(keyText(TABLES.body.key(idOf(at(chain, 1))))) as Uint8Array;
    entries.set(keyText(TABLES.body.key(idOf(at(chain, 3)))), body);
    expect((await reopen({ chain, entries })).recovery).toMatchObject({ to: 2, reason: { code: 'storage/corrupt' } });
  });
});
