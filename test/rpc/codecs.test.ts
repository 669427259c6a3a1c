import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import type { Json } from '../../src/base/types.ts';
import { blockNumber, blockRef } from '../../src/rpc/block-ref.ts';
import { callArguments, stateOverrides } from '../../src/rpc/call-request.ts';
import { address, type Codec, count, data, hash, oneOrList, storageKey, uint64, uint256 } from '../../src/rpc/codecs.ts';
import { logCriteria } from '../../src/rpc/logs.ts';
import { RECIPIENT, SENDER, topic } from './fake-node.ts';

const place = { argument: 0, path: 'value' };
const decode = <T>(codec: Codec<T>, value: Json) => codec.decode(value, place);
const messageOf = (codec: Codec<unknown>, value: Json): string => {
  try {
    codec.decode(value, place);
    return 'accepted';
  } catch (error) {
    expect(error).toMatchObject({ rpcCode: -32602 });
    return error instanceof Error ? error.message : '';
  }
};

describe('codecs', () => {
  it('take the canonical forms', () => {
    expect(decode(uint256, '0x0')).toBe(0n);
    expect(decode(uint256, `0x${'f'.repeat(64)}`)).toBe(2n ** 256n - 1n);
    expect(decode(uint64, '0xfFfF')).toBe(65535n);
    expect(decode(address, SENDER.toUpperCase().replace('0X', '0x'))).toBe(SENDER);
    expect(decode(data, '0x')).toEqual(new Uint8Array(0));
    expect(decode(count, 7)).toBe(7n);
    expect(decode(count, '7')).toBe(7n);
    expect(decode(count, '0x10')).toBe(16n);
    expect(decode(oneOrList(address, 2), SENDER)).toEqual([SENDER]);
    expect(decode(oneOrList(address, 2), [SENDER, RECIPIENT])).toEqual([SENDER, RECIPIENT]);
  });

  it.each<[string, Codec<unknown>, Json]>([
    ['leading zeros', uint256, '0x01'],
    ['no digits', uint256, '0x'],
    ['65 digits', uint256, `0x1${'0'.repeat(64)}`],
    ['17 digits', uint64, '0x10000000000000000'],
    ['a number', uint256, 5],
    ['a sign', uint256, '-0x1'],
    ['no string', address, null],
    ['39 digits', address, `0x${'1'.repeat(39)}`],
    ['no hex', hash, `0x${'g'.repeat(64)}`],
    ['an odd number of digits', data, '0x123'],
    ['a negative count', count, -1],
    ['a fraction', count, 1.5],
    ['too many items', oneOrList(address, 1), [SENDER, RECIPIENT]],
    ['a list in a list', oneOrList(address, 3), [[SENDER]]],
  ])('refuse %s and say where, what was expected and what came', (_, codec, value) => {
    expect(messageOf(codec, value)).toMatch(/^invalid argument 0: value(\[0\])?: expected .*, got /);
  });

  it('say that a prefix is missing, as geth does', () => {
    expect(messageOf(uint256, '10')).toContain('hex string without 0x prefix');
    expect(messageOf(address, SENDER.slice(2))).toContain('hex string without 0x prefix');
    expect(messageOf(blockNumber, '2')).toContain('invalid argument 0: value: hex string without 0x prefix');
  });

  it('quote hostile text short', () => {
    expect(messageOf(hash, 'x'.repeat(1_000_000)).length).toBeLessThan(250);
  });

  it('take storage keys of any length up to 32 bytes, and repeat them as geth does', () => {
    expect(decode(storageKey, '0x1')).toEqual({ slot: topic(0).replace(/0$/, '1'), echo: '0x1' });
    expect(decode(storageKey, '0x0001')).toMatchObject({ echo: '0x1' });
    expect(decode(storageKey, topic(2))).toEqual({ slot: topic(2), echo: topic(2) });
    expect(messageOf(storageKey, '0xasdf')).toBe('invalid hex in storage key: "0xasdf"');
    expect(messageOf(storageKey, `${topic(1)}00`)).toContain('storage key too long');
  });
});

describe('blockRef', () => {
  it('takes tags, heights, hashes and the objects of EIP-1898', () => {
    expect(decode(blockRef, 'finalized')).toEqual({ kind: 'tag', tag: 'finalized' });
    expect(decode(blockRef, '0x10')).toEqual({ kind: 'number', number: 16 });
    expect(decode(blockRef, topic(1))).toEqual({ kind: 'hash', hash: topic(1), requireCanonical: false });
    expect(decode(blockRef, { blockNumber: '0x2' })).toEqual({ kind: 'number', number: 2 });
    expect(decode(blockRef, { blockNumber: 'latest' })).toEqual({ kind: 'tag', tag: 'latest' });
    expect(decode(blockRef, { blockHash: topic(1), requireCanonical: true })).toMatchObject({ requireCanonical: true });
  });

  it('refuses everything else', () => {
    expect(messageOf(blockRef, { blockNumber: '0x1', blockHash: topic(1) })).toContain('cannot specify both BlockHash and BlockNumber');
    for (const value of [{}, [], 5, true, 'newest', '', '0x', { blockHash: '0x1' }, { blockHash: topic(1), requireCanonical: 1 }]) {
      expect(messageOf(blockRef, value)).toMatch(/^invalid argument 0: value/);
    }
  });
});

describe('callArguments', () => {
  it('takes data under both of its names', () => {
    expect(toHex(decode(callArguments, { data: '0x01' }).data)).toBe('0x01');
    expect(toHex(decode(callArguments, { input: '0x01' }).data)).toBe('0x01');
    expect(toHex(decode(callArguments, { input: '0x01', data: '0x01' }).data)).toBe('0x01');
    expect(messageOf(callArguments, { input: '0x01', data: '0x02' })).toContain('both "data" and "input" are set and not equal');
  });

  it('treats null as absent and ignores fields that it does not know', () => {
    expect(decode(callArguments, { to: null, gas: null, type: '0x2', blobVersionedHashes: [] })).toMatchObject({ to: null, value: 0n });
    expect(decode(callArguments, { gas: null })).not.toHaveProperty('gas');
  });

  it('names the field that is wrong', () => {
    expect(messageOf(callArguments, { to: '0x12' })).toContain('value.to: expected an address');
    expect(messageOf(callArguments, { accessList: [{ address: SENDER, storageKeys: ['0x1'] }] })).toContain(
      'value.accessList[0].storageKeys[0]',
    );
    expect(messageOf(callArguments, { accessList: [{}] })).toContain('value.accessList[0]: expected an access list entry');
    expect(messageOf(callArguments, { gasPrice: '0x1', maxFeePerGas: '0x1' })).toContain('both gasPrice and');
    expect(messageOf(callArguments, 'x')).toContain('expected a call');
  });

  it('takes state overrides by address', () => {
    const override = { balance: '0x1', code: '0x6001', stateDiff: { [topic(1)]: topic(2) } };
    const decoded = decode(stateOverrides, { [SENDER]: override });
    expect(decoded.get(SENDER)).toMatchObject({ balance: 1n, stateDiff: new Map([[topic(1), topic(2)]]) });
    expect(messageOf(stateOverrides, { [SENDER]: { state: {}, stateDiff: {} } })).toContain("both 'state' and 'stateDiff'");
    expect(messageOf(stateOverrides, { nonsense: {} })).toContain('value.nonsense: expected an address');
  });
});

describe('logCriteria', () => {
  it('takes one or many of everything, and null for anything', () => {
    const { query } = decode(logCriteria, { address: SENDER, topics: [null, topic(1), [topic(2), topic(3)], []] });
    expect([...query.addresses]).toEqual([SENDER]);
    expect(query.topics.map((set) => [...set])).toEqual([[], [topic(1)], [topic(2), topic(3)], []]);
    expect(decode(logCriteria, {})).toMatchObject({ range: { from: { tag: 'latest' }, to: { tag: 'latest' } } });
  });

  it('refuses a hash together with a range, and too much of anything', () => {
    expect(messageOf(logCriteria, { blockHash: topic(1), fromBlock: '0x1' })).toBe(
      'invalid argument 0: cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other',
    );
    expect(messageOf(logCriteria, { topics: [null, null, null, null, null] })).toContain('at most 4');
    expect(messageOf(logCriteria, { address: Array.from({ length: 1_001 }, () => SENDER) })).toContain('at most 1000');
  });
});
