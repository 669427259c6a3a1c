/** WorldState against @ethereumjs' own state manager, and its checkpoints against a plain copy. */
import { createMPT } from '@ethereumjs/mpt';
import { MerkleStateManager } from '@ethereumjs/statemanager';
import { createAccount, createAddressFromString } from '@ethereumjs/util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { Address, type Hash } from '../../src/base/types.ts';
import { EMPTY_TRIE_ROOT } from '../../src/chain/header.ts';
import { EMPTY_ACCOUNT } from '../../src/execution/account.ts';
import { Pacer } from '../../src/execution/pacer.ts';
import { WorldState } from '../../src/execution/state.ts';
import { MemoryState } from './support.ts';

const addresses = [1, 2, 3].map((n) => Address(`0x${n.toString(16).repeat(40)}`));
const slots = [0, 1, 2].map((n) => `0x${n.toString().padStart(64, '0')}` as Hash);

const operation = fc.oneof(
  fc.record({ type: fc.constant('account' as const), address: fc.constantFrom(...addresses), nonce: fc.nat(5), balance: fc.nat(5) }),
  fc.record({ type: fc.constant('remove' as const), address: fc.constantFrom(...addresses) }),
  fc.record({
    type: fc.constant('slot' as const),
    address: fc.constantFrom(...addresses),
    slot: fc.constantFrom(...slots),
    value: fc.uint8Array({ maxLength: 32 }),
  }),
  fc.record({ type: fc.constant('clear' as const), address: fc.constantFrom(...addresses) }),
  fc.record({ type: fc.constant('code' as const), address: fc.constantFrom(...addresses), code: fc.uint8Array({ maxLength: 4 }) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

/** False where it does not apply: the storage of an account that is not there. */
function apply(state: WorldState, op: Operation): boolean {
  const account = state.account(op.address);
  if (op.type === 'account') {
    state.setAccount(op.address, { ...(account ?? EMPTY_ACCOUNT), nonce: BigInt(op.nonce) + 1n, balance: BigInt(op.balance) });
  } else if (op.type === 'remove') {
    state.removeAccount(op.address);
  } else if (op.type === 'code') {
    state.setCode(op.address, op.code);
  } else if (account === null) {
    return false;
  } else if (op.type === 'slot') {
    state.setSlot(op.address, op.slot, op.value);
  } else {
    state.clearStorage(op.address);
  }
  return true;
}

async function applyToReference(reference: MerkleStateManager, op: Operation): Promise<void> {
  const address = createAddressFromString(op.address);
  if (op.type === 'account') {
    const account = (await reference.getAccount(address)) ?? createAccount({});
    account.nonce = BigInt(op.nonce) + 1n;
    account.balance = BigInt(op.balance);
    await reference.putAccount(address, account);
  } else if (op.type === 'remove') {
    // The library leaves the storage of a removed account behind; that of a new one at its place must be empty.
    if ((await reference.getAccount(address)) !== undefined) await reference.clearStorage(address);
    await reference.deleteAccount(address);
  } else if (op.type === 'code') {
    await reference.putCode(address, op.code);
  } else if (op.type === 'slot') {
    await reference.putStorage(address, fromHex(op.slot), op.value);
  } else {
    await reference.clearStorage(address);
  }
}

function snapshot(state: WorldState): unknown {
  return addresses.map((address) => ({
    account: state.account(address),
    slots: slots.map((slot) => toHex(state.slot(address, slot))),
    code: toHex(state.code(address)),
  }));
}

describe('WorldState', () => {
  it('has the root of the reference after any blocks of writes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(operation, { maxLength: 12 }), { maxLength: 4 }), async (blocks) => {
        const reference = new MerkleStateManager({ trie: await createMPT({ useKeyHashing: true }) });
        const source = new MemoryState();
        let root = EMPTY_TRIE_ROOT;
        for (const operations of blocks) {
          const state = new WorldState(source, root);
          for (const op of operations) if (apply(state, op)) await applyToReference(reference, op);
          const change = await state.finish();
          source.write(change);
          root = change.root;
          expect(root).toBe(toHex(await reference.getStateRoot()));
        }
        // What was written is there: nothing that the root needs is missing.
        snapshot(new WorldState(source, root));
      }),
      { numRuns: 80 },
    );
  });

  it('goes back to each checkpoint as it was', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 8 }),
        fc.array(operation, { maxLength: 8 }),
        fc.array(operation),
        async (a, b, c) => {
          const base = new WorldState(new MemoryState(), EMPTY_TRIE_ROOT);
          for (const op of a) apply(base, op);
          const source = new MemoryState();
          const { root, nodes, codes } = await base.finish();
          source.write({ nodes, codes });

          const state = new WorldState(source, root);
          state.checkpoint();
          for (const op of b) apply(state, op);
          const kept = snapshot(state);
          state.checkpoint();
          for (const op of c) apply(state, op);
          state.checkpoint();
          for (const op of b) apply(state, op);
          state.commit();
          state.revert();
          expect(snapshot(state)).toEqual(kept);
          state.revert();
          expect(snapshot(state)).toEqual(snapshot(new WorldState(source, root)));
          expect((await state.finish()).root).toBe(root);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('throws rather than answer when code or nodes are missing', async () => {
    const source = new MemoryState();
    const state = new WorldState(source, EMPTY_TRIE_ROOT);
    const [address] = addresses as [Address];
    state.setAccount(address, { ...EMPTY_ACCOUNT, nonce: 1n });
    state.setCode(address, Uint8Array.of(1, 2, 3));
    const { root, nodes } = await state.finish();
    const missing = expect.objectContaining({ name: 'StorageError', code: 'execution/state-missing' });
    expect(() => new WorldState(source, root).account(address)).toThrow(missing);
    source.write({ nodes, codes: new Map() });
    expect(() => new WorldState(source, root).code(address)).toThrow(missing);
  });

  it('lets the event loop run while it hashes', async () => {
    const state = new WorldState(new MemoryState(), EMPTY_TRIE_ROOT);
    for (let i = 0; i < 50; i++) state.setAccount(Address(`0x${i.toString(16).padStart(40, '0')}`), { ...EMPTY_ACCOUNT, nonce: 1n });
    let rests = 0;
    class AlwaysDue extends Pacer {
      override get due(): boolean {
        return true;
      }
      override async rest(): Promise<void> {
        rests++;
        await super.rest();
      }
    }
    await state.finish(new AlwaysDue());
    expect(rests).toBeGreaterThan(50);
  });
});
