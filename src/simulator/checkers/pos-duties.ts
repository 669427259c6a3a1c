/**
 * DutiesExact. Each block that a correct node stores is by the validator whose turn it is, each vote in it is read as that of the committee
 * which the specs draw, and no reveal serves two epochs: all of it computed a second time, from the mixes that the chain has made
 * (consensus-specs phase0 "get_seed", "compute_shuffled_index", "get_beacon_committee", "get_beacon_proposer_index").
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bigToFixed, concatBytes, fromHex, toHex } from '../../base/bytes.ts';
import type { PublicKey } from '../../base/signatures.ts';
import type { Hash } from '../../base/types.ts';
import { decodePayload, decodeSeal } from '../../consensus/pos/codec.ts';
import { processSlots } from '../../consensus/pos/epochs.ts';
import { larger } from '../../consensus/pos/gwei.ts';
import type { Attestation, Epoch, Slot, StakeState, ValidatorIndex } from '../../consensus/pos/types.ts';
import type { CheckerFactory } from './checker.ts';
import { stakeReference } from './pos-reference.ts';

const ROUNDS = 90;
const PROPOSERS = 0;
const VOTERS = 1;
/** Mixes that a state keeps; the seed of an epoch is made of the one two epochs before. */
const MIXES = 8;
const LOOKBACK_EPOCHS = 2;
const MEMBERS = 128;
const MAX_COMMITTEES = 64;

export const dutiesExact: CheckerFactory = (setting) => {
  const { isCorrect, report } = setting;
  const reference = stakeReference(setting);
  const { slotsPerEpoch } = reference.rules.settings;
  const checked = new Set<Hash>();
  /** By key and reveal, the epoch that it was for. */
  const reveals = new Map<string, Epoch>();
  const shuffles = new Map<string, readonly ValidatorIndex[]>();

  function problemOf(hash: Hash): string | null {
    const block = reference.block(hash);
    const before = block && reference.state(block.header.parentHash);
    const after = reference.state(hash);
    if (block === undefined || before === undefined || after === undefined) return null;
    const { proposer } = decodeSeal(block.seal);
    const payload = decodePayload(block.payload);
    const expected = drawProposer(processSlots(reference.rules.settings, before, after.slot), after.slot, slotsPerEpoch);
    if (proposer !== expected) return `validator ${proposer} has proposed it; it was the turn of ${expected}`;
    return (
      revealProblem(after, proposer, payload.randaoReveal) ?? payload.attestations.map(votersProblem).find((each) => each !== null) ?? null
    );
  }

  function revealProblem({ validators, slot }: StakeState, proposer: ValidatorIndex, reveal: Uint8Array): string | null {
    const key: PublicKey | undefined = validators[proposer]?.publicKey;
    const name = `${key} ${toHex(reveal)}`;
    const epoch = Math.floor(slot / slotsPerEpoch);
    const other = reveals.get(name) ?? epoch;
    reveals.set(name, other);
    return other === epoch ? null : `the reveal of validator ${proposer} is the one of epoch ${other}`;
  }

  function votersProblem(vote: Attestation): string | null {
    const { data, bits } = vote;
    const state = reference.stateAt(data.target);
    const read = reference.cast(vote);
    if (state === undefined || read === null) return null;
    const order = voters(state, data.target.epoch);
    const perSlot = Math.max(1, Math.min(MAX_COMMITTEES, Math.floor(order.length / slotsPerEpoch / MEMBERS)));
    const place = (data.slot % slotsPerEpoch) * perSlot + data.committee;
    const from = (at: number) => Math.floor((order.length * at) / (perSlot * slotsPerEpoch));
    const members = order.slice(from(place), from(place + 1)).filter((_, i) => (((bits[i >> 3] ?? 0) >> (i & 7)) & 1) === 1);
    const expected = members.sort((a, b) => a - b).join();
    return read.indices.join() === expected
      ? null
      : `a vote of slot ${data.slot} counts as that of ${read.indices.join()}; it is that of ${expected}`;
  }

  function voters(state: StakeState, epoch: Epoch): readonly ValidatorIndex[] {
    const active = activeIn(state, epoch);
    const seed = seedOf(state, epoch, VOTERS);
    const name = `${toHex(seed)} ${active.join()}`;
    const known = shuffles.get(name) ?? shuffled(active, seed);
    shuffles.set(name, known);
    return known;
  }

  return {
    name: 'DutiesExact',
    sees: ['inserted'],
    observe(observation) {
      if (observation.type !== 'inserted' || !isCorrect(observation.node) || checked.has(observation.hash)) return;
      const { node, hash, block } = observation;
      checked.add(hash);
      reference.learn(hash, block);
      const problem = problemOf(hash);
      if (problem !== null) report({ node, message: `Stored block ${block.header.number} (${hash}): ${problem}.` });
    },
  };
};

/** "get_beacon_proposer_index", with draws of all and the largest balance as the measure (README of the engine). */
export function drawProposer(state: StakeState, slot: Slot, slotsPerEpoch: number): ValidatorIndex | undefined {
  const epoch = Math.floor(slot / slotsPerEpoch);
  const active = activeIn(state, epoch);
  const stake = (index: ValidatorIndex) => state.validators[index]?.effectiveBalance ?? 0n;
  const largest = active.reduce((most, index) => larger(stake(index), most), 0n);
  const seed = sha256(concatBytes(seedOf(state, epoch, PROPOSERS), uint(slot, 8)));
  for (let draw = 0; active.length > 0; draw++) {
    const random = sha256(concatBytes(seed, uint(draw, 8)));
    const view = new DataView(random.buffer, random.byteOffset);
    const candidate = active[Number(view.getBigUint64(0) % BigInt(active.length))] ?? 0;
    if (stake(candidate) * 2n ** 64n >= largest * view.getBigUint64(8)) return candidate;
  }
  return undefined;
}

function activeIn({ validators }: StakeState, epoch: Epoch): ValidatorIndex[] {
  return validators.flatMap(({ activationEpoch, exitEpoch }, index) => (activationEpoch <= epoch && epoch < exitEpoch ? index : []));
}

function seedOf({ randaoMixes }: StakeState, epoch: Epoch, purpose: number): Uint8Array {
  const mix = randaoMixes[(epoch + MIXES - LOOKBACK_EPOCHS) % MIXES] ?? '0x';
  return sha256(concatBytes(uint(purpose, 4), uint(epoch, 8), fromHex(mix)));
}

/** "compute_shuffled_index" of each place; the hashes of a round are few, and made once. */
function shuffled(list: readonly ValidatorIndex[], seed: Uint8Array): ValidatorIndex[] {
  const { length } = list;
  const rounds = Array.from({ length: ROUNDS }, (_, round) => {
    const pivot = Number(
      new DataView(sha256(concatBytes(seed, uint(round, 1))).buffer).getBigUint64(0, true) % BigInt(Math.max(1, length)),
    );
    const coins = Array.from({ length: Math.ceil(length / 256) }, (_, part) => sha256(concatBytes(seed, uint(round, 1), uint(part, 4))));
    return { pivot, coins };
  });
  return list.map((_, start) => {
    let at = start;
    for (const { pivot, coins } of rounds) {
      const flip = (pivot + length - at) % length;
      const position = Math.max(at, flip);
      const byte = coins[Math.floor(position / 256)]?.[Math.floor((position % 256) / 8)] ?? 0;
      if ((byte >> (position % 8)) % 2 === 1) at = flip;
    }
    return list[at] ?? 0;
  });
}

function uint(value: number, bytes: number): Uint8Array {
  return bigToFixed(BigInt(value), bytes).reverse();
}
