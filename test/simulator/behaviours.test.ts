/** Each misbehaviour does what its name says, as the others see it; and honest nodes bear it (the checkers' business). */
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { type Address, type Hash, ZERO_ADDRESS } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { decodeHeader, encodeHeader, type Header, hashHeader } from '../../src/chain/header.ts';
import { TWIN } from '../../src/simulator/behaviours/common.ts';
import { mutateBlock, mutateHeader, mutatePacket } from '../../src/simulator/behaviours/mutation.ts';
import type { CheckerFactory } from '../../src/simulator/checkers/checker.ts';
import { lightBodyMatches } from '../../src/simulator/light-ledger.ts';
import type { Observation } from '../../src/simulator/observations.ts';
import type { Packet } from '../../src/simulator/packets.ts';
import { FOR_EVER_MS } from '../../src/simulator/schedule.ts';
import { Simulation } from '../../src/simulator/simulation.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import type { TraceEntry } from '../../src/simulator/trace.ts';
import { addressOfAccount, encodeTransfer } from '../../src/simulator/transfers.ts';
import { childOf, GENESIS, OPTIONS, optionsWith } from './support.ts';

const NODES = 4;
const BAD = 0;
const ACCOUNTS = 2;
const addressOf = (place: number): Address => addressOfAccount(ACCOUNTS + place);

interface Sent {
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
  readonly packet: Packet;
}

interface Play {
  readonly simulation: Simulation;
  readonly sent: readonly Sent[];
  readonly seen: readonly (Observation & { readonly atMs: number })[];
  readonly trace: readonly TraceEntry[];
}

/** Five minutes of four miners, one of whom misbehaves. */
function play(behaviour: string | null, { rate = 300, minutes = 5, seed = 'behaviours' } = {}): Play {
  const [sent, seen, trace]: [Sent[], (Observation & { atMs: number })[], TraceEntry[]] = [[], [], []];
  const capture: CheckerFactory = ({ nowMs }) => ({
    name: 'Capture',
    observe: (observation) => seen.push({ ...observation, atMs: nowMs() }),
  });
  const options = optionsWith({
    nodes: NODES,
    faultsMs: minutes * 60_000,
    survivors: [0, 1, 2, 3],
    accounts: ACCOUNTS,
    transfersPerMinute: 30,
    hashRates: [rate, 300, 300, 300],
    engine: { ...OPTIONS.engine, minimumDifficulty: 300 },
  });
  const simulation = new Simulation({
    subject: powSubject,
    seed,
    options,
    schedule: behaviour === null ? [] : [{ fault: 'byzantine', node: BAD, behaviour, atMs: 0, forMs: FOR_EVER_MS }],
    checkers: [capture],
    marks: [],
    sink: (entry) => trace.push(entry),
  });
  const send = simulation.network.send.bind(simulation.network);
  simulation.network.send = (from, to, packet) => {
    sent.push({ atMs: simulation.world.nowMs, from, to, packet });
    send(from, to, packet);
  };
  while (simulation.world.nowMs < options.faultsMs) simulation.step();
  return { simulation, sent, seen, trace };
}

const tested = new Set<string>();
function misbehaving(behaviour: string, options = {}): Play {
  tested.add(behaviour);
  return play(behaviour, options);
}

const by = <Type extends Packet['type']>({ sent }: Play, from: number, type: Type) =>
  sent.flatMap(({ packet, ...rest }) =>
    rest.from === from && packet.type === type ? [{ ...rest, packet: packet as Extract<Packet, { type: Type }> }] : [],
  );
const observed = <Type extends Observation['type']>({ seen }: Play, type: Type) =>
  seen.filter((one): one is Extract<Observation, { type: Type }> & { atMs: number } => one.type === type);
const codes = (list: readonly { readonly error: { readonly code: string } | null }[]) =>
  new Set(list.flatMap(({ error }) => error?.code ?? []));
/** What others found wrong with what came from the bad one. */
const complaints = (one: Play) => [
  ...observed(one, 'refused').filter(({ from, node }) => from === BAD && node !== BAD),
  ...observed(one, 'offence').filter(({ against, node }) => against === BAD && node !== BAD),
];
/** Blocks that the bad one made, as often as it sent each. */
const ownBlocks = (one: Play) => by(one, BAD, 'block').filter(({ packet }) => packet.block.header.beneficiary === addressOf(BAD));
const hashOf = ({ header }: Block): Hash => hashHeader(header);

/** By block of the bad one: how long after it knew the block each peer was first given it. */
function delays(one: Play): number[][] {
  const knownMs = new Map(observed(one, 'inserted').flatMap(({ node, hash, atMs }) => (node === BAD ? [[hash, atMs]] : [])));
  const firsts = new Map<Hash, Map<number, number>>();
  for (const { to, atMs, packet } of ownBlocks(one)) {
    const hash = hashOf(packet.block);
    const peers = firsts.get(hash) ?? new Map<number, number>();
    if (!peers.has(to)) peers.set(to, atMs - (knownMs.get(hash) ?? atMs));
    firsts.set(hash, peers);
  }
  return [...firsts.values()].map((peers) => [...peers.values()]);
}

describe('an honest node', () => {
  it('tells everybody of its blocks at once, and nobody complains', () => {
    const one = play(null);
    expect(complaints(one)).toEqual([]);
    expect(ownBlocks(one).length).toBeGreaterThan(20);
    expect(delays(one).every((peers) => peers.every((ms) => ms === 0))).toBe(true);
    const settled = delays(one).slice(5);
    expect(settled.every((peers) => peers.length === NODES - 1)).toBe(true);
  });
});

describe('a node that is', () => {
  it('silent: says nothing, though others talk to it', () => {
    const one = misbehaving('silent');
    expect(one.trace.filter(({ kind, node }) => kind === 'send' && node === BAD)).toEqual([]);
    expect(one.trace.filter(({ kind, node }) => kind === 'receive' && node === BAD).length).toBeGreaterThan(100);
  });

  it('mutating: sends what breaks rules, and other things too', () => {
    const one = misbehaving('mutating');
    const known = new Set(observed(one, 'inserted').map(({ hash }) => hash));
    const blocks = by(one, BAD, 'block').map(({ packet }) => known.has(hashOf(packet.block)));
    expect(new Set(blocks)).toEqual(new Set([true, false]));
    expect(complaints(one).length).toBeGreaterThan(0);
  });

  it('garbage: sends what nobody asked for', () => {
    const one = misbehaving('garbage');
    const useless = by(one, BAD, 'getBlocks').filter(({ packet }) => packet.hashes.length === 1_000);
    expect(useless.length).toBeGreaterThan(0);
    expect(by(one, BAD, 'message').length).toBeGreaterThan(0);
    expect(complaints(one).length).toBeGreaterThan(0);
  });

  it('replaying: says again what was said, by others as well', () => {
    const one = misbehaving('replaying');
    const again = one.sent.filter(({ from, packet, atMs }) => {
      if (from !== BAD || packet.type !== 'status') return false;
      return one.sent.some((earlier) => earlier.packet === packet && earlier.from !== BAD && earlier.atMs < atMs);
    });
    expect(again.length).toBeGreaterThan(0);
  });

  it('boasting: claims a chain that nobody has, and gives none of it', () => {
    const one = misbehaving('boasting');
    const highest = Math.max(...observed(one, 'head').map(({ head }) => head.header.number));
    const weights = observed(one, 'head').map(({ head }) => head.facts.weight);
    const claims = by(one, BAD, 'status').map(({ packet }) => packet.status);
    expect(claims.length).toBeGreaterThan(0);
    expect(Math.min(...claims.map(({ height }) => height))).toBeGreaterThan(highest);
    const claimed = claims.at(-1)?.weight ?? 0n;
    expect(weights.every((weight) => weight < claimed)).toBe(true);
    // What it says of itself at a handshake.
    const greeted = one.simulation.nodes[BAD]?.status()?.weight ?? 0n;
    expect(weights.every((weight) => weight < greeted)).toBe(true);
    expect(by(one, BAD, 'blocks').flatMap(({ packet }) => packet.blocks)).toEqual([]);
  });

  it('swapping: shows good headers with bodies that are not theirs', () => {
    const one = misbehaving('swapping');
    const known = new Set(observed(one, 'inserted').map(({ hash }) => hash));
    const swapped = by(one, BAD, 'block').filter(({ packet }) => known.has(hashOf(packet.block)) && !lightBodyMatches(packet.block));
    expect(swapped.length).toBeGreaterThan(0);
    expect(codes(complaints(one))).toContain('block/transactionsRoot');
    // Nobody takes the block itself for bad.
    expect(codes(observed(one, 'checked'))).toEqual(new Set());
  });

  it('withholding: gives its blocks to some at once, to others late or never', () => {
    const all = delays(misbehaving('withholding'));
    expect(all.flat().some((ms) => ms === 0)).toBe(true);
    expect(all.flat().some((ms) => ms > 5_000)).toBe(true);
    expect(all.some((peers) => peers.length < NODES - 1)).toBe(true);
  });

  it('minting: makes blocks that are valid to itself alone', () => {
    const one = misbehaving('minting');
    const judged = observed(one, 'checked').filter(({ hash }) => {
      const made = observed(one, 'inserted').find((inserted) => inserted.hash === hash)?.block;
      return made?.header.beneficiary === addressOf(BAD);
    });
    expect(codes(judged.filter(({ node }) => node === BAD))).toEqual(new Set());
    expect(codes(judged.filter(({ node }) => node !== BAD))).toEqual(new Set(['block/stateRoot']));
  });

  it('a twin: says two things in one name', () => {
    const one = misbehaving(TWIN);
    const ids = new Map(one.trace.flatMap(({ kind, node, data }) => (kind === 'start' ? [[node, data?.id]] : [])));
    expect(ids.get(0)).toBe(ids.get(1));
    expect(new Set(ids.values()).size).toBe(NODES - 1);
    // Of one height, each of the two copies has made a block, in the same name.
    const made = observed(one, 'built').filter(({ node }) => node <= 1);
    expect(new Set(made.map(({ block }) => block.header.beneficiary)).size).toBe(1);
    for (const place of [0, 1]) {
      const own = made.filter(({ node }) => node === place).map(({ block }) => block.header.number);
      const other = made.filter(({ node }) => node === 1 - place).map(({ block }) => block.header.number);
      expect(own.some((number) => other.includes(number))).toBe(true);
      expect(by(one, place, 'block').length).toBeGreaterThan(0);
    }
  });
});

describe('a miner that is', () => {
  it('selfish: keeps its blocks until others have found one', () => {
    const one = misbehaving('selfish', { rate: 600 });
    expect(delays(one).every((peers) => peers.every((ms) => ms > 0))).toBe(true);
    expect(delays(one).length).toBeGreaterThan(20);
    // With a third and more of the hash power it makes others work in vain.
    expect(observed(one, 'head').filter(({ node, removed }) => node !== BAD && removed.length > 0).length).toBeGreaterThan(10);
    expect(complaints(one)).toEqual([]);
  });

  it('rewriting: undoes what others take for settled', () => {
    const one = misbehaving('rewriting', { rate: 2_400, minutes: 20 });
    const deepest = Math.max(...observed(one, 'head').map(({ node, removed }) => (node === BAD ? 0 : removed.length)));
    expect(deepest).toBeGreaterThan(10);
    expect(complaints(one)).toEqual([]);
  });

  it('in a timewarp: dates its blocks as late or as early as others bear', () => {
    const one = misbehaving('timewarp');
    const aheadSeconds = (place: number) =>
      observed(one, 'built')
        .filter(({ node }) => node === place)
        .map(({ block, atMs }) => block.header.timestamp - GENESIS.block.header.timestamp - atMs / 1_000);
    expect(Math.max(...aheadSeconds(BAD))).toBeGreaterThan(5);
    expect(Math.min(...aheadSeconds(BAD))).toBeLessThan(-5);
    expect(complaints(one)).toEqual([]);
  });

  it('makes invalid blocks: others find out when they execute them', () => {
    const one = misbehaving('invalidBlocks');
    expect(codes(observed(one, 'checked').filter(({ node }) => node !== BAD))).toEqual(new Set(['block/stateRoot']));
  });

  it('flooding: offers a cheap branch, which nobody keeps', () => {
    const one = misbehaving('flooding', { minutes: 8 });
    // Branched off genesis, it pays whom genesis names.
    const cheap = by(one, BAD, 'block').filter(({ packet }) => packet.block.header.beneficiary === ZERO_ADDRESS);
    const hashes = new Set(cheap.map(({ packet }) => hashOf(packet.block)));
    expect(hashes.size).toBeGreaterThan(10);
    expect(observed(one, 'inserted').filter(({ node, hash }) => node !== BAD && hashes.has(hash))).toEqual([]);
    expect(observed(one, 'engine').some(({ name, data }) => name === 'ignored' && data.code === 'pow/low-work')).toBe(true);
  });

  it('orphaning: sends blocks whose parents do not exist', () => {
    const one = misbehaving('orphaning');
    const known = new Set([hashOf(GENESIS.block), ...observed(one, 'inserted').map(({ hash }) => hash)]);
    const orphans = by(one, BAD, 'block').filter(({ packet }) => !known.has(packet.block.header.parentHash));
    expect(orphans.length).toBeGreaterThan(10);
    expect(observed(one, 'engine').some(({ node, name }) => node !== BAD && name === 'orphan')).toBe(true);
  });

  it('unlawful: works for headers that break a rule, each of them', () => {
    const one = misbehaving('unlawfulHeaders', { minutes: 10 });
    const broken = codes(complaints(one));
    expect(broken.size).toBeGreaterThanOrEqual(3);
    const proven = one.sent.filter(
      ({ from, packet }) => from === BAD && packet.type === 'block' && packet.block.header.extraData === '0x00',
    );
    expect(proven.length).toBeGreaterThan(0);
  });

  it('double-spending: has one transfer twice in a block', () => {
    const one = misbehaving('doubleSpending', { minutes: 10 });
    const doubled = by(one, BAD, 'block').filter(
      ({ packet }) => new Set(packet.block.transactions.map(String)).size < packet.block.transactions.length,
    );
    expect(doubled.length).toBeGreaterThan(0);
    expect([...codes(observed(one, 'checked').filter(({ node }) => node !== BAD))]).toContain('transfer/nonce');
  });

  it('equivocating: shows different blocks of one height to different peers', () => {
    const one = misbehaving('equivocating');
    // Afterwards the honest node inside passes on what it hears.
    const firsts = new Map<Hash, { readonly atMs: number; readonly given: Map<number, Hash> }>();
    for (const { to, atMs, packet } of ownBlocks(one)) {
      const first = firsts.get(packet.block.header.parentHash) ?? { atMs, given: new Map<number, Hash>() };
      firsts.set(packet.block.header.parentHash, first);
      if (first.atMs === atMs) first.given.set(to, hashOf(packet.block));
    }
    const double = [...firsts.values()].filter(({ given }) => new Set(given.values()).size === 2);
    expect(double.length).toBeGreaterThan(3);
    for (const { given } of double) expect(given.size).toBeLessThan(NODES);
  });
});

describe('mutation', () => {
  const random = new Random('mutation');
  const block = childOf(GENESIS.block);
  const sealed = { header: block.header, seal: block.seal };
  const status = { head: hashOf(block), height: 1, weight: 10n, finalizedHeight: 0 };
  const PACKETS: readonly Packet[] = [
    { type: 'block', block },
    { type: 'transaction', bytes: encodeTransfer({ from: 0, to: 1, nonce: 0, amount: 1 }) },
    { type: 'message', bytes: Uint8Array.of(1, 2, 3) },
    { type: 'message', bytes: new Uint8Array(0) },
    { type: 'status', status },
    { type: 'getHeaders', request: 1, locator: [hashOf(block)], limit: 10 },
    { type: 'headers', request: 1, headers: [sealed, sealed] },
    { type: 'getBlocks', request: 1, hashes: [hashOf(block)] },
  ];

  it.each(PACKETS)('changes a packet of type $type, and not the packet that it was given', (packet) => {
    const before = structuredClone(packet);
    for (let i = 0; i < 50; i++) expect(mutatePacket(packet, random)).not.toEqual(before);
    expect(packet).toEqual(before);
  });

  it('changes blocks of a reply sometimes, and nothing in a refusal', () => {
    const proven = { ...block, certificate: Uint8Array.of(1, 2, 3) };
    const blocks: Packet = { type: 'blocks', request: 1, blocks: [proven, proven] };
    const changed = Array.from({ length: 50 }, () => mutatePacket(blocks, random)).map((packet) =>
      packet.type === 'blocks' ? packet.blocks : [],
    );
    expect(new Set(changed.flat().map((one) => one === proven))).toEqual(new Set([true, false]));
    const refused: Packet = { type: 'refused', request: 1 };
    expect(mutatePacket(refused, random)).toEqual(refused);
  });

  it('breaks a header or a body each time, and every field sooner or later', () => {
    const fields = new Set<string>();
    for (let i = 0; i < 300; i++) {
      const header = mutateHeader(block.header, random);
      expect(hashHeader(header)).not.toBe(hashOf(block));
      for (const name of Object.keys(header)) if (header[name as keyof Header] !== block.header[name as keyof Header]) fields.add(name);
      expect(mutateBlock(block, random)).not.toEqual(block);
    }
    expect([...fields].sort()).toEqual(['difficulty', 'gasLimit', 'mixHash', 'number', 'parentHash', 'stateRoot', 'timestamp']);
  });

  it('makes headers that can be sent, of genesis as well', () => {
    const { header } = GENESIS.block;
    for (let i = 0; i < 300; i++) {
      const sent = mutateHeader({ ...header, timestamp: 0 }, random);
      expect(decodeHeader(encodeHeader(sent))).toEqual(sent);
    }
  });
});

it('has every behaviour of proof-of-work in this test', () => expect(tested).toEqual(new Set(powSubject.behaviours.keys())));
