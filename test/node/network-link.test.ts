/** What comes straight from another node: believed as far as the engine believes that node, and held against it where it makes no sense. */
import { expect, it } from 'vitest';
import { concatBytes, fromHex } from '../../src/base/bytes.ts';
import type { RuleError } from '../../src/base/errors.ts';
import { Address, type NodeId } from '../../src/base/types.ts';
import { keccak256 } from '../../src/execution/keccak.ts';
import { knownSender } from '../../src/execution/transaction.ts';
import type { Network } from '../../src/network/host.ts';
import { packTransactions } from '../../src/network/messages.ts';
import { encodeDirectWord } from '../../src/node/direct-words.ts';
import { forwardTransactions, type NodeParts, networkHandlers } from '../../src/node/network-link.ts';
import { recipient, senders, signed } from '../benchmarks/transfers.ts';

const MEMBER = 'member' as NodeId;
const STRANGER = 'stranger' as NodeId;
const SENDER = Address(`0x${'ab'.repeat(20)}`);
const [alice] = senders(1);

function transfer(nonce: number): Uint8Array {
  if (alice === undefined) throw new Error('no sender');
  return signed(alice, nonce, { to: recipient(nonce) });
}

function open() {
  const messages: [NodeId, number[]][] = [];
  const pooled: Uint8Array[] = [];
  const offences: [NodeId, string][] = [];
  const sent: [NodeId, Uint8Array][] = [];
  const network = {
    offence: (peer: NodeId, { code }: RuleError) => offences.push([peer, code]),
    isConnected: (peer: NodeId) => peer !== 'nobody',
    sendDirect: (to: NodeId, bytes: Uint8Array) => sent.push([to, bytes]),
  } as unknown as Network;
  const driver = {
    believes: (peer: NodeId) => peer === MEMBER,
    receiveMessage: (from: NodeId, bytes: Uint8Array) => messages.push([from, [...bytes]]),
  } as unknown as NodeParts['driver'];
  const relayed: Uint8Array[] = [];
  const inbox = {
    pending: (list: readonly Uint8Array[]) => {
      pooled.push(...list);
      return list;
    },
  } as unknown as NodeParts['inbox'];
  const relay = { add: (transaction: Uint8Array) => relayed.push(transaction) } as unknown as NodeParts['relay'];
  const fatal = (error: unknown) => {
    throw error;
  };
  const parts = { driver, inbox, relay, fatal, params: { chainId: 1, forks: [], engine: {} }, withheld: null } as unknown as NodeParts;
  const handlers = networkHandlers(parts, Promise.resolve(network));
  const hear = async (bytes: Uint8Array, from: NodeId) => {
    handlers.onDirect(bytes, from);
    await Promise.resolve();
  };
  return { hear, network, driver, messages, pooled, relayed, offences, sent };
}

/** With what is said of its sender, which is not true. */
function word(transaction: Uint8Array): Uint8Array {
  const [{ message: content } = { message: new Uint8Array(0) }] = packTransactions([transaction], new Uint8Array(0));
  return encodeDirectWord({ kind: 'transactions', content, senders: concatBytes(keccak256(transaction), fromHex(SENDER)) });
}

it('takes a member at its word for who signed a transaction, and nobody else', async () => {
  const { hear, pooled, relayed } = open();
  const [first, second] = [transfer(101), transfer(102)];
  await hear(word(first), STRANGER);
  await hear(word(second), MEMBER);
  expect([knownSender(first), knownSender(second)?.[1]]).toEqual([null, SENDER]);
  expect(pooled).toEqual([first, second]);
  // To whoever leads, should this node lead no more.
  expect(relayed).toEqual(pooled);
});

it('gives messages to the engine, and holds what is neither against whoever sent it', async () => {
  const { hear, messages, offences } = open();
  await hear(encodeDirectWord({ kind: 'message', content: Uint8Array.of(1, 2), senders: new Uint8Array(0) }), MEMBER);
  await hear(Uint8Array.of(0xc1, 0x05), STRANGER);
  await hear(encodeDirectWord({ kind: 'transactions', content: Uint8Array.of(9), senders: new Uint8Array(0) }), STRANGER);
  expect(messages).toEqual([[MEMBER, [1, 2]]]);
  expect(offences.map(([peer]) => peer)).toEqual([STRANGER, STRANGER]);
});

it('forwards transactions to a node that is connected only', () => {
  const { network, driver, sent } = open();
  const batch = { message: Uint8Array.of(0xc0), transactions: [] };
  expect(forwardTransactions(network, driver, 'nobody' as NodeId, batch)).toBe(false);
  expect(forwardTransactions(network, driver, STRANGER, batch)).toBe(true);
  expect(sent.map(([to]) => to)).toEqual([STRANGER]);
});
