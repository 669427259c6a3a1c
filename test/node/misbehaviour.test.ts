/** A node that does not do as it should, around an engine that says what the test wants. Votes and blocks of stake lie in end-to-end/faults. */
import { describe, expect, it } from 'vitest';
import { EMPTY } from '../../src/base/bytes.ts';
import { Address, type Hash, ZERO_HASH } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { EMPTY_BLOOM, EMPTY_NONCE, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header, hashHeader } from '../../src/chain/header.ts';
import type { HeaderNode } from '../../src/chain/tree.ts';
import type { AnyEngine, Context, Effect, Event } from '../../src/consensus/engine.ts';
import { Misbehaviour } from '../../src/node/misbehaviour/engine.ts';
import { powLiar } from '../../src/node/misbehaviour/pow.ts';
import { OffsetClock } from '../../src/node/offset-clock.ts';
import { MAX_WITHHELD, Withheld } from '../../src/node/withheld.ts';

type AnyEffect = Effect<unknown>;
type AnyEvent = Event<unknown>;

const CONTEXT = {} as Context;

function header(number: number): Header {
  return {
    parentHash: ZERO_HASH,
    unclesHash: EMPTY_UNCLES_HASH,
    beneficiary: Address(`0x${'00'.repeat(20)}`),
    stateRoot: ZERO_HASH,
    transactionsRoot: EMPTY_TRIE_ROOT,
    receiptsRoot: EMPTY_TRIE_ROOT,
    logsBloom: EMPTY_BLOOM,
    difficulty: 1_000n,
    number,
    gasLimit: 30_000_000n,
    gasUsed: 0n,
    timestamp: 1,
    extraData: '0x',
    mixHash: ZERO_HASH,
    nonce: EMPTY_NONCE,
  };
}

function block(number: number): Block {
  return { header: header(number), seal: EMPTY, transactions: [], payload: EMPTY };
}

const announce = (number: number): AnyEffect => ({ type: 'announce', block: block(number) });
const build = (request: number): AnyEffect => ({ type: 'build', request, parent: ZERO_HASH, fields: {} as never });

/** An engine that answers each event as the test says, and what it was asked. */
function engineOf(answer: (event: AnyEvent) => readonly AnyEffect[], fields: Partial<AnyEngine> = {}) {
  const asked: AnyEvent[] = [];
  const step: AnyEngine['step'] = (_state, event) => {
    asked.push(event);
    return answer(event);
  };
  return { asked, engine: { name: 'raft', faults: 'crash', step, ...fields } as AnyEngine };
}

const TIMER: AnyEvent = { type: 'timer', id: 'x' };
const heights = (effects: readonly AnyEffect[]) =>
  effects.flatMap((effect) => (effect.type === 'announce' ? effect.block.header.number : []));

describe('an idle node', () => {
  it('has every wish for a block answered with none, and goes on with all else', () => {
    const { engine, asked } = engineOf((event) => (event.type === 'built' ? [] : [{ type: 'ignore' }, build(7)]));
    const lazy = new Misbehaviour(engine, null, () => undefined);
    expect(lazy.engine.step(null, TIMER, CONTEXT)).toEqual([{ type: 'ignore' }, build(7)]);
    lazy.isIdle = true;
    expect(lazy.engine.step(null, TIMER, CONTEXT)).toEqual([{ type: 'ignore' }]);
    expect(asked.at(-1)).toEqual({ type: 'built', request: 7, block: null });
  });

  it('does not refuse without end an engine that asks again at once', () => {
    const { engine, asked } = engineOf(() => [build(asked.length)]);
    const lazy = new Misbehaviour(engine, null, () => undefined);
    lazy.isIdle = true;
    expect(lazy.engine.step(null, TIMER, CONTEXT)).toHaveLength(1);
    expect(asked.length).toBeLessThan(20);
  });
});

describe('a node that withholds', () => {
  it('announces nothing, until it stops', () => {
    const kept: number[] = [];
    const { engine } = engineOf(() => [announce(3), { type: 'ignore' }]);
    const sly = new Misbehaviour(engine, null, ({ header: { number } }) => void kept.push(number));
    sly.isWithholding = true;
    expect(sly.engine.step(null, TIMER, CONTEXT)).toEqual([{ type: 'ignore' }]);
    expect(kept).toEqual([3]);
    sly.isWithholding = false;
    expect(heights(sly.engine.step(null, TIMER, CONTEXT))).toEqual([3]);
  });

  it('shows peers the newest block that it has told of, publishes oldest first, and keeps no more than it may', () => {
    const published: number[] = [];
    const withheld = new Withheld(({ header: { number } }) => void published.push(number));
    const nodes = new Map<Hash, HeaderNode>();
    let parentHash = ZERO_HASH;
    const chain = [1, 2, 3].map((number) => {
      const made = { ...block(number), header: { ...header(number), parentHash } };
      parentHash = hashHeader(made.header);
      nodes.set(parentHash, { hash: parentHash, header: made.header } as HeaderNode);
      return made;
    });
    const [, second, third] = chain;
    if (second === undefined || third === undefined) return expect.unreachable();
    const head = nodes.get(hashHeader(third.header));
    if (head === undefined) return expect.unreachable();
    const shown = () => withheld.public(head, (hash) => nodes.get(hash)).header.number;
    expect(shown()).toBe(3);
    withheld.keep(third);
    expect(shown()).toBe(2);
    withheld.keep(second);
    expect(shown()).toBe(1);
    withheld.publish();
    expect([published, withheld.size, shown()]).toEqual([[3, 2], 0, 3]);
    for (let number = 0; number < MAX_WITHHELD + 2; number++) withheld.keep(block(number));
    expect([published.slice(2), withheld.size]).toEqual([[0, 1], MAX_WITHHELD]);
  });
});

describe('a miner that equivocates', () => {
  const SEALED = (request: number, nonce: string, of = header(5)): AnyEvent => ({
    type: 'sealed',
    request,
    header: { ...of, nonce } as Header,
  });

  function miner() {
    const { engine, asked } = engineOf((event) => {
      if (event.type === 'sealed') return [{ type: 'announce', block: { ...block(5), header: event.header } }];
      return event.type === 'block' ? [{ type: 'unseal', request: 1 }] : [];
    });
    const liar = new Misbehaviour(engine, powLiar(), () => undefined);
    liar.arm('proposal');
    return { liar, asked, step: (event: AnyEvent) => liar.engine.step(null, event, CONTEXT) };
  }

  it('looks for a second block before it tells of the first, and then tells of both', () => {
    const { liar, asked, step } = miner();
    const [search] = step(SEALED(1, '0x1'));
    if (search?.type !== 'seal') return expect.unreachable();
    expect([search.request, search.header.gasLimit, asked.length]).toEqual([1, 29_999_999n, 0]);
    // A new template would end the search.
    expect(step({ type: 'timer', id: 'refresh' })).toEqual([]);
    const told = step(SEALED(1, '0x2', search.header));
    const blocks = told.flatMap((effect) =>
      effect.type === 'announce' ? [[effect.block.header.nonce, effect.block.header.gasLimit]] : [],
    );
    expect(blocks).toEqual([
      ['0x1', 30_000_000n],
      ['0x2', 29_999_999n],
    ]);
    expect([liar.told.proposal, liar.armed.size]).toEqual([1, 0]);
    expect(heights(step(SEALED(2, '0x3')))).toEqual([5]);
  });

  it('gives the search up when somebody else was first, and tries again with the next', () => {
    const { liar, step } = miner();
    step(SEALED(1, '0x1'));
    expect(step({ type: 'block', block: block(5), origin: 'gossip', from: null, certificate: null })).toHaveLength(1);
    expect(step(SEALED(2, '0x2'))[0]?.type).toBe('seal');
    expect(liar.told.proposal).toBe(0);
  });

  it('has no votes; and where nobody may lie, nobody is told to', () => {
    const { liar } = miner();
    expect(() => liar.arm('vote')).toThrowError(expect.objectContaining({ code: 'fault/cannot-lie' }));
    const crash = new Misbehaviour(engineOf(() => []).engine, null, () => undefined);
    expect(() => crash.arm('proposal')).toThrowError(/bears crashes only/);
  });
});

it('a clock that is wrong is wrong in its wall time alone', () => {
  const clock = new OffsetClock({ nowMs: () => 5, wallMs: () => 1_000, setTimer: (delayMs) => delayMs, cancelTimer: () => undefined });
  clock.offsetMs = -250;
  expect([clock.nowMs(), clock.wallMs(), clock.setTimer(7, () => undefined)]).toEqual([5, 750, 7]);
});
