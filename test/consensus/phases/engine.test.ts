import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/base/errors.ts';
import { type Json, Lsn } from '../../../src/base/types.ts';
import type { AdminCommand, Context } from '../../../src/consensus/engine.ts';
import { ancestorAt, decodeDescent, encodeDescent, isDescent } from '../../../src/consensus/phases/descent.ts';
import { tagged, untagged } from '../../../src/consensus/phases/messages.ts';
import { innerFacts, outerFacts, phaseOf } from '../../../src/consensus/phases/timeline.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { codeOf, engineOf, FinalChain, inGenesis, phasesOf } from './network.ts';

const RAFT = engineOf('raft', 3, { emptyBlockMs: 1_000 });
const PBFT = engineOf('pbft', 4, { emptyBlockMs: 1_000 });
const TO_PBFT = [{ height: 3, engine: inGenesis(PBFT) }];

function contextOf(chain: FinalChain): Context {
  return { self: placeId(0), nowMs: 0, wallMs: 1_800_000_000_000, random: () => 0.5, chain };
}

/** What a node with this chain does at its start, with these records in its log. */
function started(chain: FinalChain, records: readonly Uint8Array[] = []) {
  const engine = phasesOf(RAFT, TO_PBFT);
  const state = engine.init(contextOf(chain));
  const lsn = Lsn(records.length);
  const effects = engine.step(state, { type: 'start', incarnation: 1, records, lsn }, contextOf(chain));
  return { engine, state, effects };
}

describe('a network with a transition', () => {
  it('names what it began with, and promises the least', () => {
    const engine = phasesOf(RAFT, TO_PBFT);
    expect([engine.name, engine.finality, engine.faults]).toEqual(['raft', 'instant', 'crash']);
  });

  it('has no engine without finality', () => {
    expect(codeOf(() => phasesOf(RAFT, [{ height: 3, engine: { name: 'pow', blockTimeSeconds: 1 } }]))).toBe('phases/engine');
  });

  it('has no engine whose settings make no sense, however far away it is', () => {
    expect(codeOf(() => phasesOf(RAFT, [{ height: 1_000_000, engine: inGenesis(engineOf('pbft', 3)) }]))).toBe('members/too-few');
  });

  it('begins with its first engine', () => {
    const { engine, state } = started(new FinalChain());
    expect(engine.present?.(state)).toEqual({ name: 'raft', finality: 'instant', faults: 'crash' });
    expect(engine.inspect(state)).toMatchObject({ engine: 'raft', phase: 0, next: { engine: 'pbft', above: 3 } });
  });

  it('goes on with the next where the block of that height is final', () => {
    const chain = new FinalChain();
    for (let i = 0; i < 3; i++) chain.add(0);
    const { engine, state } = started(chain);
    expect(engine.present?.(state)?.name).toBe('pbft');
    expect(engine.inspect(state)).toMatchObject({ engine: 'pbft', phase: 1, since: 3, active: 4 });
  });

  it('is refused where the chain went on without it', () => {
    const chain = new FinalChain();
    for (let i = 0; i < 4; i++) chain.add(0);
    expect(codeOf(() => started(chain))).toBe('phases/past');
  });

  it('drops the records of the phase before with the first of the next', () => {
    const chain = new FinalChain();
    for (let i = 0; i < 3; i++) chain.add(0);
    const { engine, state } = started(chain, [Uint8Array.of(0xc0), Uint8Array.of(0xc1, 0x80)]);
    const waited = engine.step(state, { type: 'mempool', pending: 1 }, contextOf(chain));
    const timers = waited.filter(({ type }) => type === 'setTimer');
    for (const timer of timers) expect('id' in timer && String(timer.id).startsWith('1/')).toBe(true);
  });
});

describe('proposals of changes', () => {
  it('can be told apart: who comes, who goes, what differs, and who is for it', () => {
    const engine = phasesOf(PBFT);
    const chain = new FinalChain();
    const state = engine.init(contextOf(chain));
    engine.step(state, { type: 'start', incarnation: 1, records: [], lsn: Lsn(0) }, contextOf(chain));
    const propose = (request: number, name: string, given: AdminCommand['arguments']) =>
      engine
        .step(state, { type: 'admin', request, command: { name, arguments: given } }, contextOf(chain))
        .flatMap((effect) => (effect.type === 'reply' ? [effect.result] : []));
    const five = engineOf('pbft', 5).settings.members as readonly Json[];
    const [added] = propose(1, 'add', { members: five.slice(4) });
    expect(added).toMatchObject({ isApproved: false, approvals: 1, needed: 3 });
    const { changes } = engine.inspect(state) as { readonly changes: readonly { readonly [field: string]: Json }[] };
    expect(changes).toEqual([
      {
        id: (added as { readonly [field: string]: Json }).id,
        engine: 'pbft',
        adds: [placeId(4)],
        removes: [],
        settings: {},
        approvedBy: [placeId(0)],
        isApproved: false,
      },
    ]);
    propose(2, 'transition', { engine: inGenesis(engineOf('raft', 3, { heartbeatMs: 50 })) });
    const both = (engine.inspect(state) as { readonly changes: readonly { readonly [field: string]: Json }[] }).changes;
    expect(new Set(both.map(({ id }) => id)).size).toBe(2);
    // Who approves of another takes back the first.
    expect(both.map(({ approvedBy }) => approvedBy)).toEqual([[], [placeId(0)]]);
    expect(both[1]).toMatchObject({ engine: 'raft', removes: [placeId(3)], settings: { heartbeatMs: 50, emptyBlockMs: null } });
  });
});

describe('marks of phases', () => {
  it('are no part of what the first phase writes', () => {
    const bytes = Uint8Array.of(0xc1, 0x80);
    expect(tagged(0, bytes)).toBe(bytes);
    expect(untagged(bytes)).toEqual({ phase: 0, body: bytes });
    expect(untagged(tagged(7, bytes))).toEqual({ phase: 7, body: bytes });
  });

  it.each([[[0xff]], [[0xff, 0, 0, 0]], [[0xff, 0, 0, 0, 0, 1]]])('are refused as %j', (bytes) => {
    expect(() => untagged(Uint8Array.from(bytes))).toThrow(DecodeError);
  });

  it('are in the weight of a block, above what its engine says', () => {
    const facts = { weight: 12n, carried: -3n };
    const outer = outerFacts(5, facts);
    expect(phaseOf({ facts: outer })).toBe(5);
    expect(innerFacts(5, outer)).toEqual(facts);
    expect(outerFacts(6, { weight: 0n, carried: 0n }).weight).toBeGreaterThan(outer.weight);
  });
});

describe('messages', () => {
  it('of phases that are others here, or unknown, are not read', () => {
    const engine = phasesOf(RAFT, TO_PBFT);
    for (const phase of [1, 2]) {
      const bytes = tagged(phase, Uint8Array.of(1, 2, 3, 4, 5));
      const message = engine.decode(bytes);
      expect(message).toEqual({ type: 'unread', phase, bytes });
      expect(engine.encode(message)).toEqual(bytes);
    }
  });

  it('of the phase that has begun since are lost, and do no harm', () => {
    const chain = new FinalChain();
    for (let i = 0; i < 3; i++) chain.add(0);
    const { engine, state } = started(chain);
    const event = { type: 'message', from: placeId(1), message: { type: 'unread', phase: 1, bytes: Uint8Array.of(1) } } as const;
    expect(engine.step(state, event, contextOf(chain))).toEqual([{ type: 'ignore' }]);
  });

  it.each([[[]], [[0xfe]], [[0xfe, 0xc0]], [[0xfe, 0xc3, 9, 1, 1]], [[0xfe, 0xc3, 2, 1, 1]]])('are refused as %j', (bytes) => {
    expect(() => phasesOf(RAFT).decode(Uint8Array.from(bytes))).toThrow(DecodeError);
  });

  it('about phases come back as they were', () => {
    const engine = phasesOf(RAFT);
    const anchor = new FinalChain().genesis.hash;
    const messages = [
      { type: 'ended', phase: 3, anchor, certificate: Uint8Array.of(1, 2) },
      { type: 'approval', phase: 0, engine: PBFT, vote: Uint8Array.of(9) },
      { type: 'isOver', phase: 2 },
    ] as const;
    for (const message of messages) expect(engine.decode(engine.encode(message))).toEqual(message);
  });
});

describe('a certificate by a descendant', () => {
  const chain = new FinalChain();
  const [first, , third] = [chain.add(0), chain.add(0), chain.add(1)];

  it('names the descendant', () => {
    const bytes = encodeDescent(third.hash, Uint8Array.of(4));
    expect(isDescent(bytes)).toBe(true);
    expect(decodeDescent(bytes)).toEqual({ descendant: third.hash, certificate: Uint8Array.of(4) });
    expect(() => decodeDescent(Uint8Array.of(0xff, 0xc0))).toThrow(DecodeError);
  });

  it('proves an ancestor of it, and nothing else', () => {
    expect(ancestorAt(chain, third, 1)).toBe(first);
    expect(ancestorAt(chain, first, 2)).toBeUndefined();
    const engine = phasesOf(RAFT, [{ height: 2, engine: inGenesis(PBFT) }]);
    engine.init(contextOf(chain));
    const wrong = encodeDescent(first.hash, Uint8Array.of(4));
    expect(codeOf(() => engine.verifyCertificate(third.hash, wrong, chain))).toBe('phases/certificate');
    const nested = encodeDescent(third.hash, encodeDescent(third.hash, Uint8Array.of(4)));
    expect(codeOf(() => engine.verifyCertificate(first.hash, nested, chain))).toBe('phases/certificate');
    expect(codeOf(() => engine.verifyCertificate(placeHash, Uint8Array.of(4), chain))).toBe('phases/unknown-block');
  });
});

const placeHash = `0x${'12'.repeat(32)}` as FinalChain['genesis']['hash'];
