/** What a header and its parent can say. */
import { describe, expect, it } from 'vitest';
import { RuleError } from '../../../src/base/errors.ts';
import { type Header, hashHeader } from '../../../src/chain/header.ts';
import type { HeaderNode } from '../../../src/chain/tree.ts';
import { encodeSeal } from '../../../src/consensus/pos/codec.ts';
import { FUTURE, genesisFacts, MAX_CLOCK_DISPARITY_MS, slotOf, verifyHeader, verifySeal } from '../../../src/consensus/pos/rules.ts';
import { codeOf, GENESIS_TIME, StakeChain, someHash } from './stake-chain.ts';

const chain = new StakeChain(8, { slotSeconds: 2 });
const genesis: HeaderNode = { header: chain.genesis, seal: new Uint8Array(0), hash: hashHeader(chain.genesis), facts: genesisFacts() };
const block = chain.draft(3);
const seal = encodeSeal(block.seal);
const LATER = (GENESIS_TIME + 1_000) * 1_000;

function verify(fields: Partial<Header> = {}, wallMs = LATER, bytes = seal) {
  return verifyHeader(chain.rules, { header: { ...block.header, ...fields }, seal: bytes }, genesis, wallMs);
}

describe('consensus/pos rules', () => {
  it('derives height and slot', () => {
    const facts = verify();
    expect(facts).toEqual({ weight: 1n, carried: 3n });
    expect(slotOf({ facts })).toBe(3);
    const parent = { header: block.header, seal, hash: hashHeader(block.header), facts };
    chain.state = chain.apply(block);
    chain.head = block.header;
    const child = chain.draft(10);
    expect(verifyHeader(chain.rules, { header: child.header, seal: encodeSeal(child.seal) }, parent, LATER)).toEqual({
      weight: 2n,
      carried: 10n,
    });
  });

  it.each<[string, Partial<Header>]>([
    ['pos/difficulty', { difficulty: 1n }],
    ['pos/nonce', { nonce: '0x0000000000000001' }],
    ['pos/payload', { extraData: '0x' }],
    ['pos/payload', { extraData: '0x1234' }],
    ['pos/slot', { timestamp: GENESIS_TIME + 5 }],
    ['pos/slot', { timestamp: GENESIS_TIME }],
    ['pos/slot', { timestamp: GENESIS_TIME - 2 }],
    ['header/parentHash', { parentHash: someHash(1) }],
    ['header/number', { number: 2 }],
    ['header/gasLimit', { gasLimit: 1n }],
    ['header/baseFeePerGas', { baseFeePerGas: 1n }],
  ])('%s: %o', (code, fields) => {
    expect(codeOf(() => verify(fields))).toBe(code);
  });

  it.each<[string, Uint8Array]>([
    ['none', new Uint8Array(0)],
    ['garbage', new Uint8Array(98).fill(0xff)],
    ['a short signature', encodeSeal({ proposer: 1, signature: new Uint8Array(95) })],
    ['trailing bytes', Uint8Array.from([...seal, 0])],
  ])('refuses a seal: %s', (_, bytes) => {
    expect(codeOf(() => verify({}, LATER, bytes))).toMatch(/^decode\//);
    expect(codeOf(() => verifySeal({ header: block.header, seal: bytes }))).toMatch(/^decode\//);
  });

  it('calls a slot that has not begun early, blames nobody, and allows clocks half a second', () => {
    const begins = (GENESIS_TIME + 6) * 1_000;
    expect(codeOf(() => verify({}, begins - MAX_CLOCK_DISPARITY_MS))).toBeUndefined();
    try {
      verify({}, begins - MAX_CLOCK_DISPARITY_MS - 1);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(RuleError);
      expect([(error as RuleError).code, (error as RuleError).blame]).toEqual([FUTURE, false]);
    }
  });

  it('finds every other fault of a block that is early as well', () => {
    expect(codeOf(() => verify({ difficulty: 1n }, 0))).toBe('pos/difficulty');
    expect(codeOf(() => verify({ timestamp: GENESIS_TIME + 7 }, 0))).toBe('pos/slot');
  });
});
