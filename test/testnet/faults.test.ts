/** The list of what is wrong with a network: what each node is told of it, what replaces what, and what cannot be. */
import { describe, expect, it } from 'vitest';
import { NodeId } from '../../src/base/types.ts';
import { FaultPlan, faultText, linksAmong, linksBetween, type TestnetFault } from '../../src/testnet/faults.ts';

const NODES = 3;
const WELL = { allowed: null, links: [], clockOffsetMs: 0, isIdle: false, isWithholding: false };
const LINK = { isCut: false, delayMs: 0, jitterMs: 0, loss: 0 };
const peerId = (node: number) => NodeId(`peer-${node}`);

function planOf(...faults: readonly TestnetFault[]): FaultPlan {
  const plan = new FaultPlan(NODES);
  for (const fault of faults) plan.begin(fault, null);
  return plan;
}

const delay = (nodes: readonly number[], delayMs: number, jitterMs = 0): TestnetFault => ({
  kind: 'delay',
  links: linksAmong(nodes, NODES),
  delayMs,
  jitterMs,
});
const loss = (nodes: readonly number[], share: number): TestnetFault => ({ kind: 'loss', links: linksAmong(nodes, NODES), loss: share });
const cut = (from: number, to: number): TestnetFault => ({ kind: 'cut', links: linksBetween([from], [to]) });

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
}

describe('a node', () => {
  it('is told of its own side, and of the links that end in it', () => {
    const plan = planOf({ kind: 'partition', sides: [[0, 1], [2]] }, cut(0, 1), delay([0, 1], 200, 50));
    expect(plan.of(0, peerId)).toEqual({
      ...WELL,
      allowed: ['peer-0', 'peer-1'],
      links: [{ ...LINK, from: 'peer-1', delayMs: 200, jitterMs: 50 }],
    });
    expect(plan.of(1, peerId).links).toEqual([{ ...LINK, from: 'peer-0', isCut: true, delayMs: 200, jitterMs: 50 }]);
    expect(plan.of(2, peerId)).toEqual({ ...WELL, allowed: ['peer-2'] });
    expect(plan.describe(1)).toEqual(['hears nothing from 0']);
    expect(plan.describe(0)).toEqual(['delay 200±50 ms from 1']);
  });

  it('that was never up cannot be named yet', () => {
    const plan = planOf(loss([2], 0.2));
    expect(plan.of(2, (node) => (node === 1 ? null : peerId(node))).links).toEqual([{ ...LINK, from: 'peer-0', loss: 0.2 }]);
  });

  it('has faults of its own besides', () => {
    const plan = planOf({ kind: 'clock', node: 1, offsetMs: -1_500 }, { kind: 'idle', node: 1 }, { kind: 'withhold', node: 0 });
    expect(plan.of(1, peerId)).toEqual({ ...WELL, clockOffsetMs: -1_500, isIdle: true });
    expect(plan.of(0, peerId)).toEqual({ ...WELL, isWithholding: true });
    expect(plan.describe(1)).toEqual(['clock -1500ms', 'makes no blocks']);
  });
});

describe('a later fault', () => {
  it('takes the place of the earlier one on its links, and leaves the others', () => {
    const plan = planOf(delay([0], 100), delay([0, 1], 300));
    expect(plan.of(0, peerId).links.map(({ from, delayMs }) => [from, delayMs])).toEqual([
      ['peer-1', 300],
      ['peer-2', 100],
    ]);
    expect(plan.begin(delay([0, 1], 0), null)).toBeNull();
    expect(plan.of(0, peerId).links.map(({ from }) => from)).toEqual(['peer-2']);
    plan.begin(delay([0], 0), null);
    expect(plan.active).toEqual([]);
  });

  it('of the same kind is the only one of a node, and there is one partition', () => {
    const plan = planOf(
      { kind: 'clock', node: 1, offsetMs: 5 },
      { kind: 'clock', node: 2, offsetMs: 6 },
      { kind: 'clock', node: 1, offsetMs: 7 },
    );
    expect(plan.active.map(({ fault }) => fault)).toEqual([
      { kind: 'clock', node: 2, offsetMs: 6 },
      { kind: 'clock', node: 1, offsetMs: 7 },
    ]);
    plan.begin({ kind: 'partition', sides: [[0], [1, 2]] }, null);
    plan.begin({ kind: 'partition', sides: [[0, 1], [2]] }, null);
    expect(plan.sides).toEqual([[0, 1], [2]]);
    expect(plan.end(() => true)).toHaveLength(3);
    expect(plan.of(0, peerId)).toEqual(WELL);
  });
});

describe('what cannot be', () => {
  it.each([
    delay([0], -1),
    delay([0], Number.NaN),
    delay([0], 1e9),
    delay([0], 100, 101),
    loss([0], 1.01),
    loss([0], -0.1),
    { kind: 'clock', node: 0, offsetMs: 1e12 },
    { kind: 'cut', links: [] },
  ] satisfies TestnetFault[])('is refused: %j', (fault) => {
    expect(codeOf(() => planOf(fault))).toBe('testnet/fault');
  });

  it.each([
    [loss([0], 20), 'the loss is 20; expected a number from 0 to 1 (0.2 is 20%)'],
    [delay([0], '200ms' as unknown as number), 'the delay is "200ms"; expected a number from 0 to 60000 ms'],
    [delay([0], '200' as unknown as number), 'the delay is "200"; expected a number from 0 to 60000 ms'],
  ] satisfies [TestnetFault, string][])('is told as it was given: %j', (fault, message) => {
    expect(() => planOf(fault)).toThrow(message);
  });

  it.each([
    [cut(0, 1), { kind: 'delay', links: [{ from: 0, to: 1 }], delayMs: 5, jitterMs: 0 }],
    [{ kind: 'partition', sides: [[0], [1, 2]] }, loss([0], 0.5)],
    [
      { kind: 'idle', node: 1 },
      { kind: 'withhold', node: 1 },
    ],
    [
      { kind: 'withhold', node: 1 },
      { kind: 'idle', node: 1 },
    ],
  ] satisfies [TestnetFault, TestnetFault][])('contradicts: %j, then %j', (first, second) => {
    const plan = planOf(first);
    expect(codeOf(() => plan.begin(second, null))).toBe('testnet/contradiction');
    expect(plan.active.map(({ fault }) => fault)).toEqual([first]);
  });

  it('is a node that is paused twice, and a list without end', () => {
    const plan = planOf({ kind: 'pause', node: 1 });
    expect(codeOf(() => plan.begin({ kind: 'pause', node: 1 }, null))).toBe('testnet/paused');
    const large = new FaultPlan(300);
    for (let node = 0; node < 256; node++) large.begin({ kind: 'idle', node }, null);
    expect(codeOf(() => large.begin({ kind: 'idle', node: 256 }, null))).toBe('testnet/too-many-faults');
  });
});

it('names faults in words, however many links they have', () => {
  expect(faultText(cut(0, 1))).toBe('cut 0>1');
  expect(faultText(delay([0, 1], 200, 50))).toBe('delay of 200±50 ms on 0-1');
  expect(faultText({ kind: 'loss', links: linksAmong([0], 12), loss: 0.125 })).toBe('loss of 12.5% on 0-1 0-2 0-3 0-4 0-5 0-6 and 5 more');
  expect(faultText({ kind: 'clock', node: 2, offsetMs: 30_000 })).toBe('clock of node 2 +30s');
});
