/** View changes, new views and restarts, on four members: section 4.4. */
import { describe, expect, it } from 'vitest';
import { EMPTY } from '../../../src/base/bytes.ts';
import type { Hash } from '../../../src/base/types.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import { NEW_VIEW, VIEW_CHANGE } from '../../../src/consensus/pbft/ballots.ts';
import { changeDigest, newViewDigest, type ViewChange } from '../../../src/consensus/pbft/messages.ts';
import type { CheckedChange } from '../../../src/consensus/pbft/state.ts';
import { timeoutMs } from '../../../src/consensus/pbft/timing.ts';
import { outcomeOf } from '../../../src/consensus/pbft/views.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { childOf, GENESIS } from '../../simulator/support.ts';
import { BALLOTS, certificateOf, type Lost, Member, Network } from './world.ts';

const hashOf = (digit: string) => `0x${digit.repeat(64)}` as Hash;
const noCommits: Lost = (_from, _to, message) => message.type === 'vote' && message.phase === 'commit';

function changeOf(member: number, view: number, said: Omit<ViewChange, 'vote'> = { checkpoint: EMPTY, prepared: EMPTY }): ViewChange {
  const statement = BALLOTS.turnStatement(VIEW_CHANGE, view, changeDigest(said));
  return { ...said, vote: BALLOTS.turns.vote(member, TAG_KEYS.signer(member, 0), statement) };
}

function newViewOf(primary: number, view: number, changes: readonly ViewChange[]) {
  const statement = BALLOTS.turnStatement(NEW_VIEW, view, newViewDigest(BALLOTS, changes));
  return { type: 'newView', newView: { changes, vote: BALLOTS.turns.vote(primary, TAG_KEYS.signer(primary, 0), statement) } } as const;
}

describe('a silent primary', () => {
  it('is left by all when f + 1 have left it, and the next one shows a block at once, if only an empty one', () => {
    const network = new Network();
    const isDead: Lost = (from, to) => from === 0 || to === 0;
    for (const place of [1, 2]) network.at(place).work(Uint8Array.of(place));
    network.timeOut([1, 2], isDead);
    expect(network.members.slice(1).map(({ state }) => state.entered.view)).toEqual([1, 1, 1]);
    expect(network.heights).toEqual([0, 1, 1, 1]);
    expect(network.at(3).traces.find(({ name }) => name === 'viewChange')?.data.reason).toBe('joined');
  });

  it('is looked for only where there is something to do', () => {
    const network = new Network();
    network.block(1);
    // Nothing is left in anybody's pool.
    network.timeOut([1, 2, 3]);
    expect(network.members.map(({ state }) => state.view)).toEqual([0, 0, 0, 0]);
    expect(network.at(1).timers.has('view')).toBe(false);
  });

  it('is given twice the time in each view that fails, up to the cap', () => {
    const member = new Member(1);
    const turn = { state: member.state, rules: { settings: { viewTimeoutMs: 1_000, maxViewTimeoutMs: 4_000 } } } as never;
    const waits = [0, 1, 2, 3, 1_000].map((view) => {
      member.state.view = view;
      return timeoutMs(turn);
    });
    expect(waits).toEqual([1_000, 2_000, 4_000, 4_000, 4_000]);
  });

  it('is not waited for where it is that of the new view', () => {
    const network = new Network();
    const isMute: Lost = (from, to, message) => from === 0 || to === 0 || message.type === 'newView';
    for (const place of [1, 2, 3]) network.at(place).work(Uint8Array.of(place));
    network.timeOut([2, 3], isMute);
    expect(network.at(2).timers.get('view')).toBe(2_000);
    network.timeOut([2, 3]);
    expect(network.members.slice(1).map(({ state }) => state.entered.view)).toEqual([2, 2, 2]);
  });
});

describe('a new view', () => {
  it('carries what may have been committed in the one before', () => {
    const network = new Network();
    network.block(1, noCommits);
    const hash = network.at(1).state.prepared?.hash;
    expect(hash).toBeDefined();
    network.timeOut([1, 2, 3], (from, to) => from === 0 || to === 0);
    expect(network.at(3).state.entered.carried).toBe(hash);
    expect(network.at(2).chain.head.hash).toBe(hash);
  });

  it('begins above the highest block that is proven, with the prepared block of the highest view', () => {
    const checkpoint = (height: number) => ({ height, hash: hashOf('c'), certificate: EMPTY });
    const prepared = (height: number, view: number, digit: string) => ({ height, view, hash: hashOf(digit) });
    const changes = [
      { view: 9, checkpoint: checkpoint(7), base: 7, prepared: prepared(8, 2, 'a') },
      { view: 9, checkpoint: checkpoint(6), base: 6, prepared: prepared(7, 8, 'b') },
      { view: 9, checkpoint: checkpoint(7), base: 7, prepared: prepared(8, 5, 'd') },
      { view: 9, checkpoint: null, base: 0, prepared: null },
    ] as unknown as CheckedChange[];
    expect(outcomeOf(changes)).toEqual({ base: 7, carried: hashOf('d') });
    expect(outcomeOf(changes.slice(1, 2))).toEqual({ base: 6, carried: hashOf('b') });
    expect(outcomeOf(changes.slice(3))).toEqual({ base: 0, carried: null });
  });

  it('is refused unless a quorum wants it, and its primary says so', () => {
    const refused = (message: ReturnType<typeof newViewOf>) => {
      const member = new Member(2);
      member.hear(1, message);
      expect(member.state.entered.view).toBe(0);
      return member.offences.map(({ code }) => code);
    };
    const [a, b, c] = [changeOf(0, 1), changeOf(1, 1), changeOf(3, 1)];
    expect(refused(newViewOf(1, 1, [a, b]))).toEqual(['pbft/new-view']);
    expect(refused(newViewOf(1, 1, [a, b, b]))).toEqual(['pbft/new-view']);
    expect(refused(newViewOf(3, 1, [a, b, c]))).toEqual(['pbft/new-view']);
    expect(refused(newViewOf(1, 1, [a, b, changeOf(3, 5)]))).toEqual(['pbft/new-view']);
    expect(refused({ type: 'newView', newView: { ...newViewOf(1, 1, [a, b, c]).newView, changes: [a, c, b] } })).toEqual(['pbft/new-view']);
    const member = new Member(2);
    member.hear(3, newViewOf(1, 1, [a, b, c]));
    expect(member.state.entered.view).toBe(1);
  });

  it('allows no other block than the one that it carries', () => {
    const member = new Member(2);
    const prepared = certificateOf([0, 1, 2], 'prepare', { view: 0, height: 1, hash: hashOf('a') });
    const said = { checkpoint: EMPTY, prepared };
    member.hear(1, newViewOf(1, 1, [changeOf(0, 1, said), changeOf(1, 1), changeOf(3, 1)]));
    const block = childOf(GENESIS.block, 0, { nonce: '0x0000000000000001' });
    const ballot = { view: 1, height: 1, hash: hashHeader(block.header) };
    const vote = BALLOTS.electorate('prepare').vote(1, TAG_KEYS.signer(1, 0), BALLOTS.statement('prepare', ballot));
    member.hear(1, { type: 'preprepare', block, vote });
    expect(member.offences.map(({ code }) => code)).toEqual(['pbft/not-carried']);
  });
});

describe('a view change', () => {
  const refused = (change: ViewChange) => {
    const member = new Member(2);
    member.hear(3, { type: 'viewChange', change, block: null });
    expect(member.state.changes.size).toBe(0);
    return member.offences.map(({ code }) => code);
  };
  const ballot = { view: 0, height: 1, hash: hashOf('a') };

  it('that proves less than it says is refused as a whole', () => {
    expect(refused(changeOf(3, 1, { checkpoint: Uint8Array.of(1, 2, 3), prepared: EMPTY }))).toEqual(['members/certificate']);
    expect(refused(changeOf(3, 1, { checkpoint: EMPTY, prepared: Uint8Array.of(1, 2, 3) }))).toEqual(['pbft/view-change']);
    expect(refused(changeOf(3, 1, { checkpoint: EMPTY, prepared: certificateOf([0, 1], 'prepare', ballot) }))).toEqual([
      'pbft/view-change',
    ]);
    const high = certificateOf([0, 1, 2], 'prepare', { ...ballot, height: 2 });
    expect(refused(changeOf(3, 1, { checkpoint: EMPTY, prepared: high }))).toEqual(['pbft/view-change']);
    const late = certificateOf([0, 1, 2], 'prepare', { ...ballot, view: 1 });
    expect(refused(changeOf(3, 1, { checkpoint: EMPTY, prepared: late }))).toEqual(['pbft/view-change']);
    expect(refused({ ...changeOf(3, 1), checkpoint: certificateOf([0, 1, 2], 'commit', ballot) })).toEqual(['pbft/view-change']);
    const good = certificateOf([0, 1, 2], 'prepare', ballot);
    // Without the block that is prepared nobody could propose it.
    expect(refused(changeOf(3, 1, { checkpoint: EMPTY, prepared: good }))).toEqual(['pbft/view-change']);
  });

  it('of one member moves nobody, however many it sends', () => {
    const member = new Member(2);
    for (let view = 1; view < 100; view++) member.hear(3, { type: 'viewChange', change: changeOf(3, view), block: null });
    expect(member.state).toMatchObject({ view: 0, isChanging: false });
    expect(member.state.changes.size).toBe(1);
  });
});

describe('a restart', () => {
  it('remembers what was prepared, and says the same again', () => {
    const network = new Network();
    network.block(1, noCommits);
    const hash = network.at(1).state.prepared?.hash;
    for (const place of [0, 1, 2, 3]) network.restart(place);
    for (const { state } of network.members) expect(state.prepared?.hash).toBe(hash);
    network.deliver();
    for (const member of network.members) member.fire('tick');
    network.deliver();
    expect(network.heights).toEqual([1, 1, 1, 1]);
    expect(network.at(0).chain.head.hash).toBe(hash);
  });

  it('shows the block with its view change, also when the log was cut in between', () => {
    const network = new Network();
    network.block(1);
    network.block(2, noCommits);
    const member = network.at(3);
    const prepared = member.state.prepared;
    member.fire('view');
    expect(member.state).toMatchObject({ isChanging: true, prepared: { height: 2 } });
    // The others go on, and this member hears of it, and cuts its log at the checkpoint.
    const certificate = certificateOf([0, 1, 2], 'commit', { view: 0, height: 2, hash: prepared?.hash ?? hashOf('0') });
    member.hear(0, { type: 'certificate', certificate });
    expect(member.state.stable).toBe(2);
    const again = member.restart();
    expect(again.state.changes.get(3)?.block?.header.number).toBe(2);
  });

  it('goes on in the view that had begun, with what it must begin with', () => {
    const network = new Network();
    network.block(1, noCommits);
    const hash = network.at(1).state.prepared?.hash;
    network.timeOut([1, 2, 3], (_from, _to, message) => message.type === 'preprepare' || message.type === 'vote');
    network.restart(3);
    expect(network.at(3).state.entered).toMatchObject({ view: 1, base: 0, carried: hash });
  });

  it('signs nothing else after it has lost what was not on disk, and nothing twice that was', () => {
    const network = new Network();
    network.block(1);
    const [before] = network.members;
    network.restart(0);
    expect(network.at(0).state.signed.prepare).toEqual(before?.state.signed.prepare);
    network.block(2);
    network.block(3);
    network.restart(0);
    expect(network.at(0).state).toMatchObject({ stable: 2, view: 0 });
    expect(network.at(0).state.committed?.height).toBe(3);
    // The log was cut at the checkpoint.
    expect(network.at(0).records.length).toBeLessThan(8);
  });
});
