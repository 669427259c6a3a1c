/** The dashboard's pure parts: what is typed, written, kept and laid out. */
import { describe, expect, it } from 'vitest';
import { type Block, parseHeader } from '../../src/dashboard/page/model/block.ts';
import { Chain } from '../../src/dashboard/page/model/chain.ts';
import { bigOf, fieldsOf, numberOf } from '../../src/dashboard/page/model/decode.ts';
import { Feed, MAX_HAPPENINGS } from '../../src/dashboard/page/model/feed.ts';
import { finalityWords } from '../../src/dashboard/page/model/finality.ts';
import { ether, gasPrice, gwei, metric, short, span, transactionRate, units } from '../../src/dashboard/page/model/format.ts';
import { type NodeView, parseNodes, parseStatus } from '../../src/dashboard/page/model/node.ts';
import { pastOf } from '../../src/dashboard/page/model/past.ts';
import { roleOf } from '../../src/dashboard/page/model/role.ts';
import { hrefs, parseRoute } from '../../src/dashboard/page/model/route.ts';
import { parseSearch } from '../../src/dashboard/page/model/search.ts';
import { blockTimes, MAX_SAMPLES, meanBlockTime, Samples, transactionRates } from '../../src/dashboard/page/model/series.ts';
import { plain, returnedWords, revertReason, wordsIn } from '../../src/dashboard/page/model/text.ts';
import { layOut, mostFollowed, type Tip } from '../../src/dashboard/page/model/tree-layout.ts';
import { bytesOf, HOSTILE, type MockBlock, mineOn, revertData } from './mock-chain.ts';

const HASH = `0x${'ab'.repeat(32)}`;
const ADDRESS = `0x${'cd'.repeat(20)}`;

function blockOf({ header }: MockBlock): Block {
  const block = parseHeader(header);
  if (block === null) throw new RangeError('a mock header is a header');
  return block;
}

/** So many blocks on a parent, which is not among them. */
function branch(parent: MockBlock | null, length: number, salt = ''): MockBlock[] {
  const blocks: MockBlock[] = [];
  for (let place = 0; place < length; place++) blocks.push(mineOn(blocks.at(-1) ?? parent, salt));
  return blocks;
}

function chainOf(...branches: readonly (readonly MockBlock[])[]): Chain {
  const chain = new Chain();
  for (const block of branches.flat()) chain.add(blockOf(block));
  return chain;
}

const at = (blocks: readonly MockBlock[], place: number): MockBlock => {
  const block = blocks.at(place);
  if (block === undefined) throw new RangeError('no such block');
  return block;
};

const tip = (node: number, head: MockBlock, safe = 0, finalized = 0): Tip => ({ node, head: head.hash, safe, finalized });

describe('search', () => {
  it('takes heights, tags, hashes and addresses as people write them', () => {
    expect(parseSearch(' 1,234 ')).toEqual({ type: 'height', number: 1_234 });
    expect(parseSearch('0x10')).toEqual({ type: 'height', number: 16 });
    expect(parseSearch('Finalized')).toEqual({ type: 'tag', tag: 'finalized' });
    expect(parseSearch(HASH.toUpperCase().replace('0X', ''))).toEqual({ type: 'hash', hash: HASH });
    expect(parseSearch(ADDRESS)).toEqual({ type: 'address', address: ADDRESS });
    // Forty digits are an address, though they are a number as well.
    expect(parseSearch('1'.repeat(40))).toEqual({ type: 'address', address: `0x${'1'.repeat(40)}` });
  });

  it.each([
    ['', /^Type a height/],
    ['hello', /neither a number nor hex/],
    [HASH.slice(0, -2), /2 too few for a hash/],
    [`${ADDRESS}0`, /1 too many for an address/],
    ['9'.repeat(30), /No chain is that high/],
    ['<script>', /neither a number nor hex/],
  ])('says what is wrong with %j', (input, sentence) => {
    const search = parseSearch(input);
    expect(search.type === 'wrong' ? search.sentence : search).toMatch(sentence);
  });
});

describe('routes', () => {
  it('reads what it writes', () => {
    expect(parseRoute(hrefs.block(12))).toEqual({ view: 'block', id: '12' });
    expect(parseRoute(hrefs.block(HASH))).toEqual({ view: 'block', id: HASH });
    expect(parseRoute(hrefs.transaction(HASH))).toEqual({ view: 'transaction', hash: HASH });
    expect(parseRoute(hrefs.account(ADDRESS))).toEqual({ view: 'account', address: ADDRESS });
    expect(parseRoute(hrefs.blocksFrom(99))).toEqual({ view: 'blocks', from: 99 });
    expect(parseRoute('')).toEqual({ view: 'network' });
  });

  it.each(['#/block/../../x', '#/tx/1', '#/address/<b>', '#/nowhere', '#/block/0xzz'])('leads nowhere from %s', (fragment) => {
    expect(parseRoute(fragment).view).toBe('lost');
  });
});

describe('words and figures', () => {
  it('cuts amounts and never rounds them up', () => {
    expect(ether(1_999_999_999_999_999_999n)).toBe('1.999999… ETH');
    expect(ether(10n ** 21n)).toBe('1,000 ETH');
    expect([ether(0n), ether(1n), ether(15n * 10n ** 8n)]).toEqual(['0 ETH', '1 wei', '1.5 gwei']);
    expect([gwei(7n), gwei(7n, 9), gwei(15n * 10n ** 8n)]).toEqual(['7 wei', '0.000000007 gwei', '1.5 gwei']);
    expect([0, 7, 2.5, 15e8].map(gasPrice)).toEqual(['0 wei', '7 wei', '2.5 wei', '1.5 gwei']);
    expect(units(1n, 18, 4)).toBe('0…');
    expect(units(-1_500n, 3)).toBe('-1.5');
  });

  it('writes spans, rates and ends of hashes with their units', () => {
    expect([span(0.44), span(60), span(300), span(90_000), span(-1)]).toEqual(['0.4 s', '60 s', '5 min', '25 h', '0 s']);
    expect([metric(999, 'H/s'), metric(90_534, 'H/s'), metric(2.5e9, 'H/s')]).toEqual(['999 H/s', '90.5 kH/s', '2.5 GH/s']);
    expect([short(HASH), short('12345')]).toEqual(['0xabab…abab', '12345']);
  });

  it('gives rates the digits that they need', () => {
    // The last is a step of 0.1, as sums of floating point give it.
    const rates = [0, 0.06, 0.005, 0.0625, 1.25, 12.5, 1_234.5, 0.30000000000000004].map(transactionRate);
    const digits = ['0', '0.06', '0.005', '0.0625', '1.25', '12.5', '1,235', '0.3'];
    expect(rates).toEqual(digits.map((each) => `${each} tx/s`));
  });

  it('warns when finality is an epoch late, before it is away', () => {
    expect([0, 1, 2, 3].map((epochs) => finalityWords(epochs).tone)).toEqual(['', '', 'warning', 'bad']);
    expect(finalityWords(4).words).toBe('finality away for 4 epochs');
  });

  it('shows by number what could not be seen or would turn a line round', () => {
    expect(plain('a\u202eb\u0000\u200bc\u{e0041}')).toBe('a⟨U+202E⟩b⟨U+0000⟩⟨U+200B⟩c⟨U+E0041⟩');
    expect(plain('x'.repeat(5_000)).length).toBeLessThan(2_100);
    expect(wordsIn(bytesOf(HOSTILE))).toContain('⟨U+202E⟩drawkcab');
    expect([wordsIn('0xff'), wordsIn('0x'), wordsIn('0x0'), wordsIn('0x01020304')]).toEqual([null, null, null, null]);
  });

  it('reads why a call reverted', () => {
    expect(revertReason(revertData('too poor'))).toBe('“too poor”');
    expect(revertReason(`0x4e487b71${'11'.padStart(64, '0')}`)).toMatch(/^Panic 0x11: arithmetic overflow/);
    expect(revertReason('0x')).toMatch(/no reason/);
    expect(revertReason('0xdeadbeef')).toMatch(/custom error 0xdeadbeef/);
    // A length that is not there.
    expect(revertReason(`0x08c379a0${'f'.repeat(128)}`)).toMatch(/custom error/);
  });
});

describe('what calls return', () => {
  it.each([
    ['0x', 'It returned nothing.'],
    [`0x${'2a'.padStart(64, '0')}`, '42, if it is a number.'],
    [`0x${revertData('<b>box</b>').slice(10)}`, '“<b>box</b>”'],
    [`0x${'ff'.repeat(33)}`, 'It returned 33 bytes.'],
    [`0x${'20'.padStart(64, '0')}${'f'.repeat(64)}`, 'It returned 64 bytes.'],
  ])('tells %s as far as it can be told', (output, words) => expect(returnedWords(output)).toBe(words));
});

describe('what nodes answer', () => {
  it.each([null, undefined, 7, 'x', [], [null], { number: {} }, { hash: HASH, parentHash: 5 }])('takes %j for no header', (value) => {
    expect(parseHeader(value)).toBeNull();
    expect(parseStatus(value)).toBeNull();
  });

  it('reads numbers of any shape without throwing', () => {
    expect([numberOf('0x10'), numberOf('16'), numberOf(Number.POSITIVE_INFINITY), numberOf({}), numberOf('0xzz')]).toEqual([
      16, 0, 0, 0, 0,
    ]);
    expect([bigOf('0xff'), bigOf('12'), bigOf('-1'), bigOf(1.5), bigOf(null)]).toEqual([255n, 12n, 0n, 0n, 0n]);
    expect(fieldsOf([1])).toEqual({});
  });

  it('takes only web addresses for nodes of a network', () => {
    const nodes = parseNodes([
      { index: 0, rpcUrl: 'javascript:alert(1)', state: 'up' },
      { index: -1 },
      { index: 1, rpcUrl: 'http://127.0.0.1:1', state: 'up', faults: ['delay 5 ms'] },
    ]);
    expect(nodes).toEqual([
      { index: 0, url: null, process: 'up', side: null, faults: [] },
      { index: 1, url: 'http://127.0.0.1:1', process: 'up', side: null, faults: ['delay 5 ms'] },
    ]);
  });

  it.each([
    ['raft', { role: 'leader', term: 3, leader: 'me' }, { work: 'leader', round: 'term 3', leader: 'me', leads: true }],
    ['pbft', { role: 'backup', view: 0, leader: 'other' }, { work: 'backup', round: 'view 0', leader: 'other', leads: false }],
    ['pos', { keys: 2, epoch: 6, slot: 25 }, { work: '2 validators', round: 'epoch 6, slot 25', leader: null, leads: false }],
    ['unheard-of', {}, { work: 'follower', round: '', leader: null, leads: false }],
  ])('says what a node does under %s', (engine, consensus, role) => {
    const status = parseStatus({ engine, peerId: 'me', consensus });
    expect(status && roleOf(status)).toEqual(role);
  });
});

describe('the chain', () => {
  const trunk = branch(null, 10);
  const left = branch(at(trunk, 6), 3, 'left');

  it('finds where branches meet, and how much a node left behind', () => {
    const chain = chainOf(trunk, left);
    const fork = chain.fork(at(trunk, -1).hash, at(left, -1).hash);
    expect([fork?.ancestor.number, fork?.left, fork?.right]).toEqual([6, 3, 3]);
    expect(chain.reorgDepth(at(trunk, -1).hash, at(left, -1).hash)).toBe(3);
    expect(chain.reorgDepth(at(trunk, 4).hash, at(trunk, -1).hash)).toBe(0);
    expect(chain.reorgDepth(at(trunk, -1).hash, at(trunk, 4).hash)).toBe(5);
    expect(chain.reorgDepth(at(trunk, -1).hash, HASH)).toBeNull();
  });

  it('follows the main branch from one to another', () => {
    const chain = chainOf(trunk, left);
    chain.setMain(at(trunk, -1).hash);
    expect(chain.mainAt(8)?.hash).toBe(at(trunk, 8).hash);
    chain.setMain(at(left, 1).hash);
    expect([chain.mainAt(8)?.hash, chain.mainAt(9), chain.mainAt(3)?.hash]).toEqual([at(left, 1).hash, undefined, at(trunk, 3).hash]);
    const [old, own] = [chain.get(at(trunk, 8).hash), chain.get(at(trunk, 3).hash)];
    expect(old && chain.holds(at(left, -1).hash, old)).toBe(false);
    expect(own && chain.holds(at(left, -1).hash, own)).toBe(true);
    expect(chain.heldAt(at(trunk, -1).hash, 8)?.hash).toBe(at(trunk, 8).hash);
  });

  it('keeps no more than it may, and drops the lowest heights first', () => {
    const chain = new Chain(100);
    for (const block of branch(null, 1_000)) chain.add(blockOf(block));
    expect(chain.size).toBeLessThanOrEqual(110);
    expect([chain.at(0).length, chain.at(999).length]).toEqual([0, 1]);
  });

  it('ends its walks where a parent claims a wrong height', () => {
    const chain = new Chain();
    const [one, two] = [blockOf(at(trunk, 1)), blockOf(at(trunk, 2))];
    chain.add({ ...one, parent: two.hash });
    chain.add({ ...two, parent: one.hash });
    chain.setMain(two.hash);
    expect(chain.knownFrom(two.hash)).toBe(1);
    expect(chain.fork(one.hash, HASH)).toBeNull();
  });
});

describe('the tree', () => {
  const trunk = branch(null, 20);
  const left = branch(at(trunk, 9), 6, 'left');
  const right = branch(at(trunk, 12), 4, 'right');
  const lanesOf = (chain: Chain, tips: readonly Tip[], lanes?: number) => {
    chain.setMain(at(trunk, -1).hash);
    return layOut(chain, 0, 19, tips, lanes);
  };

  it('draws branches that overlap on lanes of their own, and says where they come from', () => {
    const { cells, lanes, hidden } = lanesOf(chainOf(trunk, left, right), [
      tip(0, at(trunk, -1)),
      tip(1, at(left, -1)),
      tip(2, at(right, -1)),
    ]);
    const cell = (block: MockBlock) => cells.find(({ block: { hash } }) => hash === block.hash);
    expect([lanes, hidden]).toEqual([3, 0]);
    expect(new Set([cell(at(left, 0))?.lane, cell(at(right, 0))?.lane])).toEqual(new Set([1, 2]));
    expect(cell(at(left, 0))?.parentLane).toBe(0);
    expect(cell(at(left, 1))?.parentLane).toBe(cell(at(left, 0))?.lane);
    expect(cell(at(left, -1))?.nodes).toEqual([1]);
    expect(cells).toHaveLength(30);
  });

  it('uses a lane again where it has become free', () => {
    const early = branch(at(trunk, 1), 2, 'early');
    const { cells, lanes } = lanesOf(chainOf(trunk, right, early), [tip(0, at(trunk, -1))]);
    expect(lanes).toBe(2);
    expect(cells.filter(({ lane }) => lane === 1)).toHaveLength(6);
  });

  it('counts what finds no lane', () => {
    const { hidden, lanes } = lanesOf(chainOf(trunk, left, right), [tip(0, at(trunk, -1))], 2);
    expect([lanes, hidden]).toEqual([2, 1]);
  });

  it('knows what is final, safe, on somebody’s chain, or left behind', () => {
    const { cells } = lanesOf(chainOf(trunk, left, right), [tip(0, at(trunk, -1), 8, 4), tip(1, at(left, -1), 12, 6)]);
    const stateOf = (block: MockBlock) => cells.find(({ block: { hash } }) => hash === block.hash)?.state;
    expect([4, 6, 8, 9, 10].map((height) => stateOf(at(trunk, height)))).toEqual(['final', 'final', 'safe', 'safe', 'live']);
    expect([stateOf(at(left, 0)), stateOf(at(left, -1)), stateOf(at(right, 0))]).toEqual(['safe', 'live', 'left']);
  });

  it('shows one stretch of a long chain without walking all of it', () => {
    const long = branch(null, 3_000);
    const chain = chainOf(long);
    chain.setMain(at(long, -1).hash);
    expect(layOut(chain, 1_000, 1_059, [tip(0, at(long, -1))]).cells).toHaveLength(60);
  });

  it('follows most nodes, and among equals whom it followed before', () => {
    const chain = chainOf(trunk, left, right);
    expect(mostFollowed(chain, [tip(0, at(left, -1)), tip(1, at(left, -2)), tip(2, at(trunk, -1))])).toBe(at(left, -1).hash);
    chain.setMain(at(left, -2).hash);
    expect(mostFollowed(chain, [tip(0, at(left, -1)), tip(1, at(trunk, -1))])).toBe(at(left, -1).hash);
    expect(mostFollowed(chain, [])).toBeNull();
  });
});

describe('figures over time', () => {
  const blocks = branch(null, 40).map(blockOf);

  it('measures time between blocks, but not since genesis', () => {
    const [heights, times] = blockTimes(blocks);
    expect([heights?.length, times?.[0], times?.[1]]).toEqual([39, null, 1]);
    expect(meanBlockTime(blocks)).toBe(1);
    expect(meanBlockTime([])).toBe(0);
  });

  it('has no rate where a count is unknown', () => {
    const busy = blocks.map((block, place) => ({ ...block, transactions: place === 39 ? null : 2 }));
    const [, rates] = transactionRates(busy);
    expect([rates?.at(-2), rates?.at(-1)]).toEqual([2, null]);
  });

  it('puts in what others saw, in place of what was seen then, and thins that out as well', () => {
    const samples = new Samples(1);
    for (const time of [10, 20, 30, 40]) samples.add(time, [time]);
    samples.fill([
      [15, 1],
      [25, 2],
      [30, 3],
    ]);
    expect(samples.columns()).toEqual([
      [10, 15, 25, 30, 40],
      [10, 1, 2, 3, 40],
    ]);
    expect([samples.oldest, samples.newest]).toEqual([10, 40]);
    samples.fill([]);
    expect(samples.size).toBe(5);
    samples.fill(Array.from({ length: 2 * MAX_SAMPLES }, (_, at) => [at + 1, at] as const));
    expect(samples.size).toBeLessThanOrEqual(MAX_SAMPLES);
  });

  it('keeps a bounded number of samples', () => {
    const samples = new Samples(1);
    for (let time = 1; time <= 3 * MAX_SAMPLES; time++) samples.add(time, [time]);
    expect(samples.size).toBeLessThanOrEqual(MAX_SAMPLES);
    expect(samples.columns()[1]?.at(-1)).toBe(3 * MAX_SAMPLES);
  });
});

describe('what nodes remember', () => {
  const fields = ['timeMs', 'head', 'finalized', 'hashesPerSecond', 'participation'];

  it('is put together by time: the highest head, the highest final block, all hashes', () => {
    const one = {
      fields,
      moments: [
        [10_100, 9, 4, 100, null],
        [15_100, 10, 4, 100, null],
        [20_100, 12, 8, 100, 0.5],
      ],
    };
    const other = {
      fields,
      moments: [
        [14_900, 11, 3, 50, null],
        [19_900, 10, 5, 50, null],
      ],
    };
    const past = pastOf([one, other, null, 'nonsense', { fields, moments: [[], 'x', [1]] }], 30_000);
    expect(past.finality).toEqual([
      [10, 7, 0],
      [15, 5, 0],
      [20, 4, 0],
    ]);
    expect(past.hashing).toEqual([
      [10, 150],
      [15, 150],
      [20, 100],
    ]);
    expect(past.participation).toEqual([[20, 50]]);
    expect(past.final).toEqual({ number: 8, sinceMs: 20_000 });
  });

  it('tells how old finality is, though who had most of it has gone, and leaves out what has not come yet', () => {
    const gone = { fields, moments: [[10_000, 9, 6, 0, null]] };
    const left = {
      fields,
      moments: [
        [15_000, 9, 4, 0, null],
        [20_000, 12, 4, 0, null],
        [99_000, 1, 1, 0, null],
      ],
    };
    expect(pastOf([gone, left], 21_000)).toMatchObject({
      finality: [
        [10, 3, 0],
        [15, 3, 5],
        [20, 6, 10],
      ],
      final: { number: 6, sinceMs: 10_000 },
    });
    expect(pastOf([], 21_000).final).toBeNull();
  });
});

describe('the feed', () => {
  const node = (change: Partial<NodeView>): NodeView => ({
    index: 2,
    url: '',
    link: 'live',
    status: null,
    head: null,
    process: 'up',
    side: null,
    faults: [],
    ...change,
  });

  it('tells once when finality stops, and once when it goes on', () => {
    const feed = new Feed();
    feed.finality(0, 5, 1_000);
    for (let at = 1_000; at < 60_000; at += 1_000) feed.finality(at, 5, 1_000);
    expect(feed.items.map(({ text }) => text)).toEqual(['Finality has not moved for 20 s']);
    feed.finality(61_000, 6, 1_000);
    expect(feed.items[0]?.text).toBe('Finality goes on after 61 s');
    expect(feed.isStalled).toBe(false);
  });

  it('counts from when others saw finality stop, if they mean the same block', () => {
    const feed = new Feed();
    feed.finality(100_000, 5, 1_000);
    feed.finalKnownSince(4, 10_000);
    feed.finalKnownSince(5, 40_000);
    feed.finality(101_000, 5, 1_000);
    expect(feed.items.map(({ text }) => text)).toEqual(['Finality has not moved for 61 s']);
  });

  it('tells of nodes that go and come, and of leaders that change', () => {
    const feed = new Feed();
    feed.nodeChanged(0, node({}), node({ process: 'down', link: 'down' }));
    feed.nodeChanged(0, node({ process: 'down', link: 'down' }), node({}));
    for (const term of [1, 1, 2, 2]) {
      const status = parseStatus({ engine: 'raft', peerId: 'me', consensus: { role: 'leader', term, leader: 'me' } });
      feed.nodeChanged(0, node({ status }), node({ status }));
    }
    feed.reorg(0, 1, 4, HASH);
    for (const side of [null, 0, 0, null]) {
      const other = side === null ? null : 1;
      feed.sides(0, [node({ side }), node({ index: 3, side: other }), node({ index: 4, side: other })]);
    }
    expect(feed.items.map(({ text }) => text)).toEqual([
      'The network is joined again',
      'The network is cut: 2 | 3,4',
      'Node 1 left 4 blocks for another branch',
      'Node 2 leads since term 2',
      'Node 2 is up',
      'Node 2 is down',
    ]);
  });

  it('tells once of a node that should answer and does not', () => {
    const feed = new Feed();
    for (let turn = 0; turn < 3; turn++) feed.presence(turn, [node({ link: 'down' }), node({ index: 3, link: 'down', process: 'down' })]);
    feed.presence(3, [node({}), node({ index: 3, link: 'down', process: 'down' })]);
    expect(feed.items.map(({ text }) => text)).toEqual(['Node 2 answers again', 'Node 2 does not answer']);
  });

  it('is bounded', () => {
    const feed = new Feed();
    for (let turn = 0; turn < 1_000; turn++) feed.tell(turn, 'plain', String(turn));
    expect([feed.items.length, feed.items[0]?.text]).toEqual([MAX_HAPPENINGS, '999']);
  });
});
