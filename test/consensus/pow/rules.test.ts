import { describe, expect, it } from 'vitest';
import { EMPTY } from '../../../src/base/bytes.ts';
import { type Hash, ZERO_HASH } from '../../../src/base/types.ts';
import { EMPTY_TRIE_ROOT, type Header } from '../../../src/chain/header.ts';
import type { HeaderNode } from '../../../src/chain/tree.ts';
import { isPause, nextDifficulty, recentTimes, verifyHeader } from '../../../src/consensus/pow/rules.ts';
import { targetOf, workOf } from '../../../src/consensus/pow/work.ts';
import { draft, extend, Headers, mine, nodeOf, REQUESTS_HASH, testNet } from './support.ts';

const OTHER = `0x${'77'.repeat(32)}` as Hash;
const net = testNet({ pauseAfterSeconds: 200 });
const view = new Headers(net.genesis);
const chain = extend(net, view, net.genesis, [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10]);
const tip = chain.at(-1) as HeaderNode;

function verify(header: Header, seal = EMPTY, wallMs = header.timestamp * 1_000) {
  return verifyHeader(net.rules, { header, seal }, tip, view, wallMs);
}

describe('consensus/pow verifyHeader', () => {
  it('derives the weight from the target and carries nothing when there was no pause', () => {
    const header = mine(draft(net, tip, view));
    const facts = verify(header);
    expect(facts).toEqual({ weight: tip.facts.weight + workOf(targetOf(header.difficulty)), carried: 0n });
    expect(facts.weight).toBeGreaterThan(tip.facts.weight);
  });

  const median = recentTimes(tip, view).median;
  it.each<[string, Partial<Header>]>([
    ['header/parentHash', { parentHash: OTHER }],
    ['header/number', { number: tip.header.number }],
    ['header/number', { number: tip.header.number + 2 }],
    ['header/unclesHash', { unclesHash: OTHER }],
    ['header/gasUsed', { gasUsed: 30_000_001n }],
    ['header/gasLimit', { gasLimit: 40_000_000n }],
    ['header/gasLimit', { gasLimit: 20_000_000n }],
    ['header/baseFeePerGas', { baseFeePerGas: 1n }],
    ['header/withdrawalsRoot', { withdrawalsRoot: OTHER }],
    ['header/blobGasUsed', { blobGasUsed: 131_072n }],
    ['header/excessBlobGas', { excessBlobGas: 1n }],
    ['header/parentBeaconBlockRoot', { parentBeaconBlockRoot: OTHER }],
    ['header/extraData', { extraData: '0x00' }],
    ['header/timestamp', { timestamp: median }],
    ['header/timestamp', { timestamp: 0 }],
    ['header/timestamp', { timestamp: 2 ** 32 }],
    ['header/difficulty', { difficulty: 0n }],
    ['header/difficulty', { difficulty: 1n }],
    ['header/difficulty', { difficulty: 2n ** 256n - 1n }],
  ])('refuses with %s when the header has %o', (code, changes) => {
    const header = draft(net, tip, view, changes);
    expect(() => verify(header, EMPTY, 5_000_000_000_000)).toThrow(expect.objectContaining({ name: 'RuleError', code, blame: true }));
  });

  it('refuses a header that lacks the last field of its fork', () => {
    const { requestsHash: _, ...header } = draft(net, tip, view);
    expect(() => verify(header)).toThrow(expect.objectContaining({ code: 'header/requestsHash' }));
  });

  it('refuses a difficulty that is one off in either direction', () => {
    const right = draft(net, tip, view).difficulty;
    for (const difficulty of [right - 1n, right + 1n]) {
      expect(() => verify(mine(draft(net, tip, view, { difficulty })))).toThrow(expect.objectContaining({ code: 'header/difficulty' }));
    }
  });

  it('refuses a seal, which proof-of-work does not have', () => {
    expect(() => verify(mine(draft(net, tip, view)), Uint8Array.of(1))).toThrow(expect.objectContaining({ code: 'header/seal' }));
  });

  it('refuses a proof above the target, and one that was found for other contents', () => {
    const header = draft(net, tip, view);
    expect(() => verify(mine(header, false))).toThrow(expect.objectContaining({ code: 'header/proof', blame: true }));
    const { nonce } = mine(header);
    const failures = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].filter((gasUsed) => {
      try {
        verify({ ...header, nonce, gasUsed: BigInt(gasUsed) });
        return false;
      } catch (error) {
        expect(error).toMatchObject({ code: 'header/proof' });
        return true;
      }
    });
    expect(failures.length).toBeGreaterThan(3);
  });

  it('takes a time one second above the median and up to the future limit, and blames nobody for a later one', () => {
    verify(mine(draft(net, tip, view, { timestamp: median + 1 })));
    const header = mine(draft(net, tip, view));
    const limitMs = net.rules.settings.futureLimitSeconds * 1_000;
    verify(header, EMPTY, header.timestamp * 1_000 - limitMs);
    expect(() => verify(header, EMPTY, header.timestamp * 1_000 - limitMs - 1)).toThrow(
      expect.objectContaining({ code: 'header/future', blame: false }),
    );
  });

  it('calls a header early only when all else in it is right', () => {
    const header = mine(draft(net, tip, view), false);
    expect(() => verify(header, EMPTY, 0)).toThrow(expect.objectContaining({ code: 'header/proof' }));
  });

  it('accepts what only execution can judge', () => {
    verify(
      mine(
        draft(net, tip, view, { stateRoot: OTHER, receiptsRoot: OTHER, transactionsRoot: EMPTY_TRIE_ROOT, requestsHash: REQUESTS_HASH }),
      ),
    );
    expect(ZERO_HASH).not.toBe(OTHER);
  });
});

describe('consensus/pow times', () => {
  it('takes the median of the last 11 blocks, and of fewer near genesis', () => {
    expect(recentTimes(net.genesis, view)).toEqual({ median: net.genesis.header.timestamp, newest: net.genesis.header.timestamp });
    expect(recentTimes(tip, view)).toEqual({ median: tip.header.timestamp - 50, newest: tip.header.timestamp });
    const third = chain[2] as HeaderNode;
    expect(recentTimes(third, view).median).toBe(third.header.timestamp - 10);
  });

  it('does not let a block with an old time make the next one look late', () => {
    const side = new Headers(...view.nodes.values());
    const [slow] = extend(net, side, tip, [190]);
    const [old] = extend(net, side, slow as HeaderNode, [-200]);
    const times = recentTimes(old as HeaderNode, side);
    expect(isPause(net.rules.settings, times, (slow as HeaderNode).header.timestamp + 10)).toBe(false);
  });
});

describe('consensus/pow pauses', () => {
  const minimum = net.rules.settings.minimumDifficulty;
  const difficulty = (gap: number) => draft(net, tip, view, { timestamp: tip.header.timestamp + gap }).difficulty;

  it('asks for the minimum difficulty after a gap above pauseAfterSeconds, and for no less before', () => {
    expect(difficulty(200)).toBe(8n);
    expect(difficulty(201)).toBe(minimum);
    const timestamp = tip.header.timestamp + 201;
    expect(() => verify(mine(draft(net, tip, view, { timestamp, difficulty: 8n })))).toThrow(
      expect.objectContaining({ code: 'header/difficulty' }),
    );
  });

  it('carries the seconds above the limit along the chain, so that the timetable leaves them out', () => {
    const side = new Headers(...view.nodes.values());
    const [day, next, again] = extend(net, side, tip, [86_400, 10, 300]) as [HeaderNode, HeaderNode, HeaderNode];
    expect(day.facts.carried).toBe(86_200n);
    expect(next.facts.carried).toBe(86_200n);
    expect(again.facts.carried).toBe(86_300n);
    // 200 s for one block are 19 block times too many: 2^(-190/300) of 8.
    expect(next.header.difficulty).toBe(5n);
  });

  it('knows no pause when the setting is off', () => {
    const plain = testNet();
    const plainView = new Headers(plain.genesis);
    const times = recentTimes(plain.genesis, plainView);
    const late = plain.genesis.header.timestamp + 1_000_000;
    expect(isPause(plain.rules.settings, times, late)).toBe(false);
    expect(nextDifficulty(plain.rules, plain.genesis, plainView, times, late)).toBe(8n);
    const after = nodeOf(plain, mine(draft(plain, plain.genesis, plainView, { timestamp: late })), plainView);
    expect(after.facts.carried).toBe(0n);
  });
});

describe('consensus/pow timetable', () => {
  it('keeps the genesis difficulty exactly while block n has genesis time + n block times', () => {
    const exact = testNet({}, 1_000_000n);
    const [first, second] = [1, 2].map((number) => {
      const hash = `0x${String(number).repeat(64)}` as Hash;
      const header = { ...exact.genesis.header, number, timestamp: exact.genesis.header.timestamp + 10 * number };
      return { ...exact.genesis, hash, header: { ...header, parentHash: exact.genesis.hash } };
    }) as [HeaderNode, HeaderNode];
    const headers = new Headers(exact.genesis, first, { ...second, header: { ...second.header, parentHash: first.hash } });
    for (const parent of headers.nodes.values()) {
      const times = recentTimes(parent, headers);
      expect(nextDifficulty(exact.rules, parent, headers, times, parent.header.timestamp + 10)).toBe(workOf(targetOf(1_000_000n)));
    }
    const late = { ...first, header: { ...first.header, timestamp: exact.genesis.header.timestamp + 310 } };
    const times = recentTimes(late, headers);
    expect(nextDifficulty(exact.rules, late, headers, times, late.header.timestamp + 10)).toBe(500_000n);
  });
});

describe('consensus/pow work', () => {
  it('is the difficulty or slightly more, because targets are rounded down', () => {
    for (const difficulty of [1n, 2n, 3n, 8n, 1_000n, 123_456_789n, 2n ** 100n + 12_345n, 2n ** 224n]) {
      const work = workOf(targetOf(difficulty));
      expect(work >= difficulty).toBe(true);
      expect((work - difficulty) << 15n <= difficulty).toBe(true);
    }
  });

  it('refuses a difficulty of zero or above 2^256 - 1', () => {
    for (const difficulty of [0n, -1n, 2n ** 256n]) {
      expect(() => targetOf(difficulty)).toThrow(expect.objectContaining({ code: 'header/difficulty' }));
    }
  });
});
