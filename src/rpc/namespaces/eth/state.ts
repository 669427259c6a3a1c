/** eth_: accounts, code and storage after a block. */
import { toHex, toQuantity } from '../../../base/bytes.ts';
import type { Json } from '../../../base/types.ts';
import { blockRef, isPending, LATEST, requireHeader } from '../../block-ref.ts';
import { address, hash, list, record, storageKey } from '../../codecs.ts';
import { invalidParams } from '../../errors.ts';
import { type Method, method, optional, required } from '../../method.ts';

/** geth's bound for one proof request. */
const MAX_PROVED_SLOTS = 1_024;
/** geth's bound as well. */
const MAX_STORAGE_VALUES = 1_024;

const account = required('address', address);
const block = optional('block', blockRef, LATEST);

export const STATE_METHODS: readonly Method[] = [
  method({
    name: 'eth_getBalance',
    doc: 'The balance of an account.',
    parameters: [account, block],
    result: 'quantity, wei',
    async run({ backend }, who, ref) {
      const { header } = requireHeader(backend.chain, ref);
      return toQuantity((await backend.state.account(header, who))?.balance ?? 0n);
    },
  }),
  method({
    name: 'eth_getTransactionCount',
    doc: 'The nonce of the next transaction of an account; with `pending`, after those in the pool.',
    parameters: [account, block],
    result: 'quantity',
    async run({ backend }, who, ref) {
      if (isPending(ref)) return toQuantity(backend.pool.pendingNonce(who));
      const { header } = requireHeader(backend.chain, ref);
      return toQuantity((await backend.state.account(header, who))?.nonce ?? 0n);
    },
  }),
  method({
    name: 'eth_getCode',
    doc: 'The code of a contract, or the delegation of an account (EIP-7702).',
    parameters: [account, block],
    result: 'bytes',
    async run({ backend }, who, ref) {
      const { header } = requireHeader(backend.chain, ref);
      return toHex(await backend.state.code(header, who));
    },
  }),
  method({
    name: 'eth_getStorageAt',
    doc: 'One storage slot of a contract.',
    parameters: [account, required('slot', storageKey), block],
    result: '32 bytes',
    async run({ backend }, who, { slot }, ref) {
      const { header } = requireHeader(backend.chain, ref);
      return backend.state.storage(header, who, slot);
    },
  }),
  method({
    name: 'eth_getStorageValues',
    doc: 'Storage slots of several contracts at once.',
    parameters: [required('slots', record(address, list(hash, MAX_STORAGE_VALUES), MAX_STORAGE_VALUES)), block],
    result: 'an object with the 32 bytes of each slot, by address',
    async run({ backend }, wanted, ref) {
      const count = [...wanted.values()].reduce((sum, slots) => sum + slots.length, 0);
      if (count === 0) throw invalidParams('empty request');
      if (count > MAX_STORAGE_VALUES) throw invalidParams(`too many slots (max ${MAX_STORAGE_VALUES})`);
      const { header } = requireHeader(backend.chain, ref);
      const found: { [address: string]: Json } = {};
      for (const [who, slots] of wanted) {
        const values: Json[] = [];
        for (const slot of slots) values.push(await backend.state.storage(header, who, slot));
        found[who] = values;
      }
      return found;
    },
  }),
  method({
    name: 'eth_getAccountInfo',
    doc: 'Balance, nonce and code of an account in one answer.',
    parameters: [account, block],
    result: 'an object with balance, nonce and code',
    async run({ backend }, who, ref) {
      const { header } = requireHeader(backend.chain, ref);
      const found = await backend.state.account(header, who);
      const code = await backend.state.code(header, who);
      return { balance: toQuantity(found?.balance ?? 0n), nonce: toQuantity(found?.nonce ?? 0n), code: toHex(code) };
    },
  }),
  method({
    name: 'eth_getProof',
    doc: "An account and some of its slots with Merkle proofs against the block's state root (EIP-1186).",
    parameters: [account, required('slots', list(storageKey, MAX_PROVED_SLOTS)), block],
    result: 'an object with the account, accountProof and storageProof',
    async run({ backend, size }, who, keys, ref) {
      const { header } = requireHeader(backend.chain, ref);
      const proof = await backend.state.proof(
        header,
        who,
        keys.map(({ slot }) => slot),
      );
      const nodes = (list: readonly Uint8Array[]) => {
        for (const node of list) size.add(2 * node.length);
        return list.map(toHex);
      };
      return {
        address: who,
        balance: toQuantity(proof.account.balance),
        nonce: toQuantity(proof.account.nonce),
        codeHash: proof.account.codeHash,
        storageHash: proof.account.storageRoot,
        accountProof: nodes(proof.accountProof),
        storageProof: proof.storage.map((slot, index) => ({
          key: keys[index]?.echo ?? '0x0',
          value: toQuantity(slot.value),
          proof: nodes(slot.proof),
        })),
      };
    },
  }),
];
