/** What goes straight from node to node is read as it was written, and says who signed what only to those who take its word. */
import { expect, it } from 'vitest';
import { concatBytes, fromHex } from '../../src/base/bytes.ts';
import { Address } from '../../src/base/types.ts';
import { encodeRlp } from '../../src/chain/rlp.ts';
import { keccak256 } from '../../src/execution/keccak.ts';
import { decodeTransaction, knownSender } from '../../src/execution/transaction.ts';
import { MAX_DIRECT_BYTES, MAX_MESSAGE_BYTES } from '../../src/network/messages.ts';
import { believeSenders, decodeDirectWord, encodeDirectWord, sendersOf } from '../../src/node/direct-words.ts';
import { CHAIN_ID, recipient, senders, signed } from '../benchmarks/transfers.ts';

const [alice] = senders(1);
const PARAMS = { chainId: CHAIN_ID, forks: [{ fork: 'osaka', block: 0, time: null }] } as unknown as Parameters<
  typeof decodeTransaction
>[1];

function transfer(nonce: number): Uint8Array {
  if (alice === undefined) throw new Error('no sender');
  return signed(alice, nonce, { to: recipient(nonce) });
}

it('reads both kinds as they were written', () => {
  for (const kind of ['message', 'transactions'] as const) {
    const word = { kind, content: Uint8Array.of(1, 2, 3), senders: new Uint8Array(52 * 2).fill(7) };
    expect(decodeDirectWord(encodeDirectWord(word))).toEqual(word);
  }
});

it('says the senders of transactions that were decoded, and of no others', () => {
  const [known, unknown] = [transfer(1), transfer(2)];
  const { hash, sender } = decodeTransaction(known, PARAMS);
  expect(sendersOf([known, unknown])).toEqual(concatBytes(fromHex(hash), fromHex(sender)));
});

it('takes the word of another for a sender', () => {
  const bytes = transfer(3);
  const other = Address(`0x${'ab'.repeat(20)}`);
  expect(knownSender(bytes)).toBeNull();
  believeSenders(concatBytes(keccak256(bytes), fromHex(other)));
  // Nothing is recovered any more: even what is wrong is believed.
  expect(decodeTransaction(bytes, PARAMS).sender).toBe(other);
});

it('leaves senders out where they would make the frame too large, and has room for the largest message of an engine', () => {
  const content = new Uint8Array(MAX_MESSAGE_BYTES);
  const bytes = encodeDirectWord({ kind: 'message', content, senders: new Uint8Array(104) });
  expect(bytes.length).toBeLessThanOrEqual(MAX_DIRECT_BYTES);
  expect(decodeDirectWord(bytes).senders).toHaveLength(0);
});

it.each([
  ['another kind', encodeRlp([2, Uint8Array.of(1), new Uint8Array(0)]), 'decode/direct'],
  ['half a sender', encodeRlp([0, Uint8Array.of(1), new Uint8Array(51)]), 'decode/direct'],
  ['a field too few', encodeRlp([0, Uint8Array.of(1)]), 'decode/'],
  ['no list', Uint8Array.of(1), 'decode/'],
])('refuses %s', (_, bytes, code) => {
  expect(() => decodeDirectWord(bytes)).toThrowError(expect.objectContaining({ code: expect.stringContaining(code) }));
});
