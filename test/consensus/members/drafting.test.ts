/** Blocks that a member makes: asked for once, when they are due, and again where the ledger could not; and runs of blocks that come. */
import { describe, expect, it } from 'vitest';
import { ZERO_ADDRESS } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { BUILD_TIMER, draftIsDue, draftWhenDue, dropDraft, initDrafts, takeDraft } from '../../../src/consensus/members/drafting.ts';
import { checkChild, fitting, insertRun, MAX_RUN_BLOCKS } from '../../../src/consensus/members/runs.ts';
import { childOf, GENESIS } from '../../simulator/support.ts';
import { blockOf, blocksOf, GENESIS_NODE, hashOfBlock, MemoryChain, SELF } from './world.ts';

type Effect = { readonly type: string; readonly [name: string]: unknown };

function turnAt(nowMs = 0, chain = new MemoryChain()) {
  const effects: Effect[] = [];
  const council = { membership: { id: GENESIS_NODE.hash } };
  return { self: SELF, nowMs, wallMs: 0, random: () => 0.5, chain, council, beneficiary: ZERO_ADDRESS, effects };
}

type DraftTurn = Parameters<typeof draftWhenDue>[0];
const WORK = { round: 1, reason: 'work' } as const;
const block = blockOf(GENESIS.block, 1);

function drafting() {
  const drafts = initDrafts();
  const effects: Effect[] = [];
  const at = (nowMs: number): DraftTurn => ({ ...turnAt(nowMs), effects }) as unknown as DraftTurn;
  const want = (nowMs: number, delayMs: number | null, round = 1) =>
    draftWhenDue(at(nowMs), drafts, GENESIS_NODE, delayMs, { ...WORK, round });
  return { drafts, effects, at, want, types: () => effects.map(({ type }) => type) };
}

describe('a block', () => {
  it('is asked for once, when it is due', () => {
    const { drafts, want, types } = drafting();
    want(0, null);
    want(0, 10.5);
    want(5, 5.5);
    expect(types()).toEqual(['setTimer']);
    draftIsDue(drafts);
    want(11, 0);
    want(12, 0);
    expect(types()).toEqual(['setTimer', 'build']);
  });

  it('is asked for anew in another round', () => {
    const { want, types } = drafting();
    want(0, 0);
    want(0, 0, 2);
    expect(types()).toEqual(['build', 'build']);
  });

  it('comes with why it was wanted; one that was superseded does not count', () => {
    const { drafts, at, want } = drafting();
    want(0, 0);
    want(0, 0, 2);
    expect(takeDraft(at(1), drafts, { request: 1, block })).toBeNull();
    expect(takeDraft(at(1), drafts, { request: 2, block })).toMatchObject({ block, draft: { round: 2, reason: 'work' } });
    expect(takeDraft(at(1), drafts, { request: 2, block })).toBeNull();
  });

  it('that could not be built is asked for again a while later, and not before', () => {
    const { drafts, effects, at, want, types } = drafting();
    want(0, 0);
    expect(takeDraft(at(1), drafts, { request: 1, block: null })).toBeNull();
    want(2, 0);
    expect(types()).toEqual(['build', 'setTimer']);
    expect(effects.at(-1)).toMatchObject({ id: BUILD_TIMER });
    draftIsDue(drafts);
    want(200, 0);
    expect(types()).toEqual(['build', 'setTimer', 'build']);
  });

  it('is not wanted any more when it is somebody else’s turn', () => {
    const { drafts, at, want, types } = drafting();
    want(0, 0);
    dropDraft(at(1), drafts);
    expect(types()).toEqual(['build', 'cancelTimer']);
    expect(takeDraft(at(1), drafts, { request: 1, block })).toBeNull();
  });
});

describe('a run of blocks', () => {
  const [A1, A2] = blocksOf(GENESIS.block, [1, 1]) as [Block, Block];
  const [X1, X2] = blocksOf(GENESIS.block, [1, 1], 7) as [Block, Block];
  const rules = { verifyHeader: () => ({ weight: 0n, carried: 0n }) };

  /** Block 1 is decided. */
  function receiving() {
    const chain = new MemoryChain();
    chain.insert(A1);
    const node = chain.get(hashOfBlock(A1));
    if (node !== undefined) chain.head = node;
    const turn = { ...turnAt(0, chain), decisions: { checking: new Set() } };
    const insert = (blocks: readonly Block[], decided?: number) =>
      insertRun(turn as unknown as Parameters<typeof insertRun>[0], 'test', rules, blocks, decided);
    return { insert, inserted: () => turn.effects.filter(({ type }) => type === 'insert').length };
  }

  it('is inserted as a whole, but for what is known', () => {
    const { insert, inserted } = receiving();
    expect(insert([A1, A2])?.map(({ hash }) => hash)).toEqual([A1, A2].map(hashOfBlock));
    expect(inserted()).toBe(1);
  });

  it('is dropped where nobody knows what it follows, or where it has lost since', () => {
    const { insert, inserted } = receiving();
    expect(insert([childOf(A2)])).toBeNull();
    expect(insert([X1, X2], 0)).toBeNull();
    expect(inserted()).toBe(0);
  });

  it('is refused where it is no chain, and where it says that something else is decided', () => {
    const { insert, inserted } = receiving();
    expect(() => insert([A2, A2])).toThrow(expect.objectContaining({ code: 'test/not-a-child' }));
    expect(() => insert([X1, X2])).toThrow(expect.objectContaining({ code: 'test/contradicts-decided' }));
    expect(() => checkChild('test', A2, { hash: hashOfBlock(X1) })).toThrow(expect.objectContaining({ code: 'test/not-a-child' }));
    expect(inserted()).toBe(0);
  });

  it('is as long as fits into a message, and one block whatever its size', () => {
    const many = Array.from({ length: MAX_RUN_BLOCKS + 1 }, () => A1);
    expect(fitting(many)).toHaveLength(MAX_RUN_BLOCKS);
    const large = { ...A1, transactions: [new Uint8Array(3 * 1024 * 1024)] };
    expect(fitting([large, A2])).toEqual([large]);
  });
});
