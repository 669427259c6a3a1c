/**
 * What the votes of 256 validators cost one node of a network with slots of one second: all steps of the engine, with real BLS
 * signatures, by the time that the threads of this process had processors (BLS has threads of its own for many signatures at
 * once). Executing transactions and the network's own work come on top.
 * Alone: `node test/benchmarks/votes.ts`.
 */
import { present } from '../../src/base/assert.ts';
import { committeeOf, dutiesOf } from '../../src/consensus/pos/committees.ts';
import { blockRootAt, checkpointOf } from '../../src/consensus/pos/history.ts';
import { epochOf } from '../../src/consensus/pos/time.ts';
import type { Attestation, AttestationData, Slot, ValidatorIndex } from '../../src/consensus/pos/types.ts';
import { BLS_KEYS } from '../../src/simulator/real/keys.ts';
import { StakeChain } from '../consensus/pos/stake-chain.ts';
import { blockOf, World } from '../consensus/pos/world.ts';
import { type BenchRow, median, printRows, ratioOf } from './row.ts';

const VALIDATORS = 256;
const SLOTS_PER_EPOCH = 4;
const SLOT_MS = 1_000;
/** Until the caches are full and something is final. */
const WARM_UP_SLOTS = 3 * SLOTS_PER_EPOCH;
const MEASURED_SLOTS = 6 * SLOTS_PER_EPOCH;
const REPEATED = 200;
/** More than this would leave a busy machine too little. */
const WANTED_SHARE = 0.25;
const US_PER_MS = 1_000;
const BLOCK_MS = 50;

export async function benchVotes(): Promise<BenchRow[]> {
  const single = measureSlots(1);
  const fours = measureSlots(4);
  const { verify, verifyMany, sign } = measureSignatures();
  const perSlot = VALIDATORS / SLOTS_PER_EPOCH;
  return [
    slotRow(`a slot, ${perSlot} votes one by one`, median(single)),
    slotRow('the slowest of them', Math.max(...single), `of ${MEASURED_SLOTS}, with ends of epochs and finality`),
    slotRow(`a slot, votes of 4 validators each`, median(fours)),
    { name: 'to verify a signature', value: verify, unit: 'ms' },
    { name: 'the same, 64 at once', value: verifyMany, unit: 'ms', ratio: ratioOf(verifyMany, verify, 'one') },
    { name: 'to sign', value: sign, unit: 'ms' },
  ];
}

function slotRow(name: string, ms: number, note?: string): BenchRow {
  const share = `${((100 * ms) / SLOT_MS).toFixed(1)}% of a slot of 1 s`;
  return { name, value: ms, unit: 'ms', ratio: share, note: note ?? `wanted: at most ${100 * WANTED_SHARE}%` };
}

/** The milliseconds of each slot, when every message is of so many validators. */
function measureSlots(validatorsPerVote: number): number[] {
  const settings = { slotsPerEpoch: SLOTS_PER_EPOCH, slotSeconds: SLOT_MS / 1_000 };
  const stake = new StakeChain(VALIDATORS, settings, { keys: BLS_KEYS });
  const world = new World(stake);
  const meter = meterOf(world);
  const costs: number[] = [];
  for (let slot = 1; slot <= WARM_UP_SLOTS + MEASURED_SLOTS; slot++) {
    const block = blockOf(stake.extend(slot));
    const votes = votesOf(stake, slot, validatorsPerVote).map((vote) => world.engine.encode({ type: 'vote', vote }));
    meter.spentMs = 0;
    world.advanceTo(slot, BLOCK_MS);
    world.receive(block);
    for (const bytes of votes) receiveVote(world, bytes, meter);
    // What the committee's aggregators send: all that is known by now.
    for (const vote of stake.waiting) world.vote(vote);
    world.advanceTo(slot, SLOT_MS - 1);
    if (slot > WARM_UP_SLOTS) costs.push(meter.spentMs);
  }
  if (world.chain.finalized.header.number === 0 || world.offences().length > 0) throw new Error('The network did not work as it should');
  return costs;
}

interface Meter {
  spentMs: number;
}

/** Counts the time of every step of the engine. */
function meterOf({ engine }: World): Meter {
  const meter = { spentMs: 0 };
  const { step } = engine;
  const timed: typeof step = (...given) => onProcessor(meter, () => step(...given));
  Object.assign(engine, { step: timed });
  return meter;
}

/** As the driver does it: what comes is decoded first. */
function receiveVote(world: World, bytes: Uint8Array, meter: Meter): void {
  const message = onProcessor(meter, () => world.engine.decode(bytes));
  if (message.type === 'vote') world.vote(message.vote);
}

function onProcessor<T>(meter: Meter, work: () => T): T {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  meter.spentMs += (user + system) / US_PER_MS;
  return result;
}

/** Of the slot's committees, split into messages. */
function votesOf(stake: StakeChain, slot: Slot, validatorsPerVote: number): Attestation[] {
  const { state, rules } = stake;
  const epoch = epochOf(rules.settings, slot);
  const duties = dutiesOf(rules.settings, state, epoch);
  return Array.from({ length: duties.committeesPerSlot }, (_, committee) => {
    const target = checkpointOf(rules.settings, state, epoch);
    const data: AttestationData = { slot, committee, head: blockRootAt(state, slot), source: state.currentJustified, target };
    const members = committeeOf(rules.settings, duties, slot, committee);
    return chunks(members, validatorsPerVote).map((voters) => stake.vote(state, data, members, voters));
  }).flat();
}

function chunks(members: readonly ValidatorIndex[], size: number): (readonly ValidatorIndex[])[] {
  return Array.from({ length: Math.ceil(members.length / size) }, (_, i) => members.slice(i * size, (i + 1) * size));
}

/** Milliseconds each, with keys that are decoded already. */
function measureSignatures(): { verify: number; verifyMany: number; sign: number } {
  const { signatures } = BLS_KEYS;
  const signers = Array.from({ length: 64 }, (_, i) => BLS_KEYS.signer(0, i));
  const signed = signers.map(({ publicKey, sign }, i) => {
    const message = new Uint8Array(32).fill(i);
    return { publicKeys: [publicKey], message, signature: sign(message) };
  });
  const each = (count: number, work: () => void): number => {
    const meter = { spentMs: 0 };
    onProcessor(meter, work);
    return meter.spentMs / count;
  };
  const verifyAll = () => {
    if (!signatures.verifyAll(signed)) throw new Error('A good signature was refused');
  };
  verifyAll();
  const rounds = Math.ceil(REPEATED / signed.length);
  return {
    verify: each(rounds * signed.length, () => {
      for (let i = 0; i < rounds; i++) for (const one of signed) signatures.verify(one);
    }),
    verifyMany: each(rounds * signed.length, () => {
      for (let i = 0; i < rounds; i++) verifyAll();
    }),
    sign: each(REPEATED, () => {
      const { sign } = present(signers[0], 'a signer');
      for (let i = 0; i < REPEATED; i++) sign(new Uint8Array(32).fill(i));
    }),
  };
}

if (import.meta.main) printRows('Votes of 256 validators', await benchVotes());
