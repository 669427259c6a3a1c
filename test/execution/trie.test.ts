/** Our trie against @ethereumjs/mpt: the same roots, values and proofs after any history. */
import { MerklePatriciaTrie, verifyMerkleProof } from '@ethereumjs/mpt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import type { Hash } from '../../src/base/types.ts';
import { EMPTY_TRIE_ROOT } from '../../src/chain/header.ts';
import { keccak256 } from '../../src/execution/keccak.ts';
import { NO_NODES, RecentTries, Trie } from '../../src/execution/trie.ts';

/** Short and alike, so that every shape of node comes up; long enough that some nodes are hashed and some embedded. */
const keys = Array.from({ length: 64 }, (_, i) => Uint8Array.of(i & 3, (i & 12) << 2, i >> 4, 0x77));
const change = fc.record({
  key: fc.constantFrom(...keys),
  value: fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }), { freq: 2 }),
});
const history = fc.array(fc.array(change, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 6 });

describe('Trie', () => {
  it('has the roots, values and proofs of the reference after any history', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.boolean(), async (rounds, remembers) => {
        const recent = remembers ? new RecentTries() : undefined;
        const nodes = new Map<Hash, Uint8Array>();
        const source = { node: (hash: Hash) => nodes.get(hash) };
        const reference = new MerklePatriciaTrie();
        let root = EMPTY_TRIE_ROOT;
        for (const changes of rounds) {
          const trie = new Trie(source, root, recent);
          for (const { key, value } of changes) {
            if (value === null) {
              trie.delete(key);
              await reference.del(key);
            } else {
              trie.put(key, value);
              await reference.put(key, value);
            }
          }
          root = trie.commit((hash, bytes) => nodes.set(hash, bytes));
          expect(root).toBe(toHex(reference.root()));
        }
        const reread = new Trie(source, root);
        for (const key of keys.slice(0, 16)) {
          const value = await reference.get(key);
          expect(reread.get(key)).toEqual(value ?? undefined);
          if (root !== EMPTY_TRIE_ROOT) expect(await verifyMerkleProof(key, reread.prove(key))).toEqual(value);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('walks from any key on in order, past none and through all', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.constantFrom(...keys)), fc.constantFrom(...keys), (held, start) => {
        const nodes = new Map<Hash, Uint8Array>();
        const trie = new Trie({ node: (hash) => nodes.get(hash) });
        for (const key of held) trie.put(key, Uint8Array.from([...key, 1]));
        const stored = new Trie(
          { node: (hash) => nodes.get(hash) },
          trie.commit((hash, bytes) => nodes.set(hash, bytes)),
        );
        const wanted = held
          .map(toHex)
          .filter((key) => key >= toHex(start))
          .sort();
        const walked = [...stored.entriesFrom(start)];
        expect(walked.map(([key]) => toHex(key))).toEqual(wanted);
        expect(walked.map(([, value]) => toHex(value))).toEqual(wanted.map((key) => `${key}01`));
      }),
      { numRuns: 50 },
    );
  });

  it('hands out exactly the new nodes that the new root needs', () => {
    const nodes = new Map<Hash, Uint8Array>();
    const source = { node: (hash: Hash) => nodes.get(hash) };
    const big = new Trie(source);
    for (let i = 0; i < 500; i++) big.put(keccak256(Uint8Array.of(i >> 8, i & 255)), new Uint8Array(40).fill(i));
    const first = big.commit((hash, bytes) => nodes.set(hash, bytes));

    const trie = new Trie(source, first);
    const key = keccak256(Uint8Array.of(0, 7));
    trie.put(key, new Uint8Array(40).fill(1));
    trie.put(key, new Uint8Array(40).fill(2));
    const added = new Map<Hash, Uint8Array>();
    const root = trie.commit((hash, bytes) => added.set(hash, bytes));
    for (const [hash, bytes] of added) expect(hash).toBe(toHex(keccak256(bytes)));
    // Every new node lies on the way to the key, so the proof names them all.
    const reread = new Trie({ node: (hash) => added.get(hash) ?? nodes.get(hash) }, root);
    expect(reread.prove(key).map((bytes) => toHex(keccak256(bytes)))).toEqual([...added.keys()].reverse());
    // Writing what is there already makes nothing new.
    const again = new Trie(source, first);
    again.put(key, new Uint8Array(40).fill(7));
    again.delete(keccak256(Uint8Array.of(9, 9)));
    const none = new Map<Hash, Uint8Array>();
    expect(again.commit((hash, bytes) => none.set(hash, bytes))).toBe(first);
    expect(none.size).toBe(0);
  });

  it('goes on from what it read and made before without asking for it again', () => {
    const nodes = new Map<Hash, Uint8Array>();
    let reads = 0;
    const source = {
      node: (hash: Hash) => {
        reads++;
        return nodes.get(hash);
      },
    };
    const recent = new RecentTries();
    const key = (i: number) => keccak256(Uint8Array.of(i));
    const first = new Trie(source, EMPTY_TRIE_ROOT, recent);
    for (let i = 0; i < 200; i++) first.put(key(i), new Uint8Array(40).fill(i + 1));
    const root = first.commit((hash, bytes) => nodes.set(hash, bytes));
    const second = new Trie(source, root, recent);
    for (let i = 0; i < 200; i++) expect(second.get(key(i))).toEqual(new Uint8Array(40).fill(i + 1));
    second.put(key(7), Uint8Array.of(9));
    const next = second.commit((hash, bytes) => nodes.set(hash, bytes));
    expect(reads).toBe(0);
    // The version before is what it was, and the store has what whoever comes without a memory needs.
    expect(new Trie(source, root, recent).get(key(7))).toEqual(new Uint8Array(40).fill(8));
    expect(new Trie(source, next).get(key(7))).toEqual(Uint8Array.of(9));
    expect(reads).toBeGreaterThan(0);
  });

  it('never takes a missing node for an empty subtree', () => {
    const nodes = new Map<Hash, Uint8Array>();
    const trie = new Trie(NO_NODES);
    for (let i = 0; i < 40; i++) trie.put(keccak256(Uint8Array.of(i)), new Uint8Array(40).fill(i + 1));
    const root = trie.commit((hash, bytes) => nodes.set(hash, bytes));
    const key = keccak256(Uint8Array.of(3));
    const proof = new Trie({ node: (hash) => nodes.get(hash) }, root).prove(key);
    const hole = toHex(keccak256(proof.at(-1) ?? new Uint8Array(0)));
    const holed = () => new Trie({ node: (hash) => (hash === hole ? undefined : nodes.get(hash)) }, root);
    const missing = expect.objectContaining({ name: 'StorageError', code: 'execution/state-missing' });
    expect(() => holed().get(key)).toThrow(missing);
    expect(() => holed().put(key, Uint8Array.of(1))).toThrow(missing);
    expect(() => holed().delete(key)).toThrow(missing);
    expect(() => new Trie(NO_NODES, root).get(key)).toThrow(missing);
    // What does not lie behind the hole is still there.
    expect(holed().get(keccak256(Uint8Array.of(4)))).toEqual(new Uint8Array(40).fill(5));
  });

  it.each([
    ['not RLP', '0xff'],
    ['a string', '0x83616263'],
    ['a list of three', '0xc3010203'],
    ['a branch with a value', `0xd1${'80'.repeat(16)}01`],
    ['a leaf whose value is a list', '0xc420c20102'],
    ['a child of five bytes', `0xd6${'80'.repeat(15)}850102030405${'80'}`],
  ])('refuses a stored node that is %s', (_, bytes) => {
    const trie = new Trie({ node: () => fromHex(bytes) }, `0x${'11'.repeat(32)}` as Hash);
    expect(() => trie.get(Uint8Array.of(0, 0))).toThrow(expect.objectContaining({ name: 'StorageError', code: 'execution/state-corrupt' }));
  });
});
