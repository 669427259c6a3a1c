/**
 * What blocks do to stake, held against second thoughts.
 *
 * StakeConservation: stake comes from deposits and rewards and goes by penalties and withdrawals. In a block nobody's balance grows but by
 * deposits, the proposer's by no more than its part of the votes that are new to the chain and of what the slashed lose; at the end of
 * an epoch nobody's by more than a perfect vote is worth; and what is paid out is one balance, to its depositor, once, after the wait.
 * Requests: an executed block repeats what the staking contract said in its parent, nothing else; and of first deposits every good one, and
 * none whose key nobody has proved to own.
 */
import { toHex } from '../../base/bytes.ts';
import type { Hash } from '../../base/types.ts';
import { encodeRlp } from '../../chain/rlp.ts';
import { decodePayload, decodeSeal, requestFields } from '../../consensus/pos/codec.ts';
import { proofMessage, requestsOf, STAKING_ADDRESS } from '../../consensus/pos/contract.ts';
import { processSlots } from '../../consensus/pos/epochs.ts';
import { convictedBy } from '../../consensus/pos/offences.ts';
import { epochOf } from '../../consensus/pos/time.ts';
import type { Attestation, Epoch, Gwei, Payload, Request, StakeState, Validator, ValidatorIndex } from '../../consensus/pos/types.ts';
import { type CheckerFactory, nameOf } from './checker.ts';
import { type StakeReference, stakeReference } from './pos-reference.ts';

const ETHER = 1_000_000_000n;
/** Parts of a base reward, of 64: a vote that is right in everything, and the proposer's seventh of that. */
const PERFECT_VOTE = 54n;
const PARTS = 64n;
const PROPOSERS_PART = 7n;
const REWARD_FACTOR = 64n;
const REWARD_SECONDS = 384n;
const WHISTLEBLOWERS_PART = 512n;
/** Of rounding, for each reward. */
const ROUNDING = 4n;

export const stakeConservation: CheckerFactory = (setting) => {
  const { isCorrect, report } = setting;
  const reference = stakeReference(setting);
  const checked = new Set<Hash>();
  const votes = new NewVotes(reference);

  function problemOf(hash: Hash): string | null {
    const block = reference.block(hash);
    const before = block && reference.state(block.header.parentHash);
    const after = reference.state(hash);
    if (block === undefined || before === undefined || after === undefined) return null;
    const moved = processSlots(reference.rules.settings, before, after.slot);
    const voted = before === moved ? () => 0n : perfectVotes(reference, before);
    return growthProblem(before, moved, voted) ?? blockProblem(hash, decodePayload(block.payload), moved, after);
  }

  function blockProblem(hash: Hash, payload: Payload, before: StakeState, after: StakeState): string | null {
    const base = perfectVotes(reference, before);
    const earned = votes.of(hash).reduce((sum, index) => sum + base(index) / PROPOSERS_PART + ROUNDING, 0n);
    const guilty = payload.offences.flatMap(convictedBy).map((index) => before.validators[index]?.effectiveBalance ?? 0n);
    const told = guilty.reduce((sum, stake) => sum + stake / WHISTLEBLOWERS_PART, 0n);
    const reported = payload.requests.some(({ type }) => type === 'report') ? totalOf(before) / WHISTLEBLOWERS_PART : 0n;
    const proposer = decodeSeal(reference.block(hash)?.seal ?? new Uint8Array(0)).proposer;
    const given = depositsOf(payload);
    const gainOf = (index: ValidatorIndex) =>
      (given.get(after.validators[index]?.publicKey ?? '0x') ?? 0n) + (index === proposer ? earned + told + reported : 0n);
    return growthProblem(before, after, gainOf) ?? withdrawalProblem(payload, before, after, epochOf(reference.rules.settings, after.slot));
  }

  return {
    name: 'StakeConservation',
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

/** By block, whose votes it is the first of its chain to carry. */
class NewVotes {
  readonly #reference: StakeReference;
  /** Of the votes of a chain for its last two epochs. */
  readonly #carried = new Map<Hash, ReadonlySet<string>>();

  constructor(reference: StakeReference) {
    this.#reference = reference;
  }

  /** Each as often as it brings a vote. */
  of(hash: Hash): ValidatorIndex[] {
    const block = this.#reference.block(hash);
    if (block === undefined) return [];
    const known = this.#carried.get(block.header.parentHash) ?? new Set();
    const { slotsPerEpoch } = this.#reference.rules.settings;
    const oldest = this.#reference.slotOf(block) - 3 * slotsPerEpoch;
    const carried = new Set([...known].filter((name) => Number.parseInt(name, 10) >= oldest));
    const found: ValidatorIndex[] = [];
    for (const vote of decodePayload(block.payload).attestations) {
      for (const index of this.#reference.cast(vote)?.indices ?? []) {
        const name = nameOfVote(vote, index);
        if (carried.has(name)) continue;
        carried.add(name);
        found.push(index);
      }
    }
    this.#carried.set(hash, carried);
    return found;
  }
}

function nameOfVote({ data }: Attestation, index: ValidatorIndex): string {
  return `${data.slot} ${data.head} ${data.target.root} ${index}`;
}

/** Null, or who has more than it had and could gain. */
export function growthProblem({ balances }: StakeState, after: StakeState, gainOf: (index: ValidatorIndex) => Gwei): string | null {
  for (const [index, balance] of after.balances.entries()) {
    const had = balances[index] ?? 0n;
    if (balance <= had) continue;
    const gain = gainOf(index);
    if (balance > had + gain) return `validator ${index} has ${balance} gwei after it, had ${had}, and could gain ${gain} at most`;
  }
  return null;
}

/** What a vote that is right in everything is worth, by validator: "get_base_reward", once more. */
function perfectVotes({ rules: { settings } }: StakeReference, { validators, slot }: StakeState): (index: ValidatorIndex) => Gwei {
  const epoch = epochOf(settings, slot);
  const isVoter = ({ activationEpoch, exitEpoch }: Validator) => activationEpoch <= epoch + 1 && epoch - 1 < exitEpoch;
  // The least of the totals that neighbouring epochs may have gives the greatest reward.
  const steady = validators.filter(({ activationEpoch, exitEpoch }) => activationEpoch <= epoch - 1 && epoch + 1 < exitEpoch);
  const total = (steady.length > 0 ? steady : validators.filter(isVoter)).reduce((sum, { effectiveBalance }) => sum + effectiveBalance, 0n);
  const seconds = BigInt(settings.slotSeconds * settings.slotsPerEpoch);
  const perEther = (ETHER * REWARD_FACTOR * seconds) / (REWARD_SECONDS * rootOf(total > ETHER ? total : ETHER)) + 1n;
  return (index) => (((validators[index]?.effectiveBalance ?? 0n) / ETHER) * perEther * PERFECT_VOTE) / PARTS + ROUNDING;
}

/** Not above the square root. */
function rootOf(value: bigint): bigint {
  return BigInt(Math.floor(Math.sqrt(Number(value)))) - 1n;
}

function totalOf({ validators }: StakeState): Gwei {
  return validators.reduce((sum, { effectiveBalance }) => sum + effectiveBalance, 0n);
}

function depositsOf({ requests }: Payload): ReadonlyMap<string, Gwei> {
  const given = new Map<string, Gwei>();
  for (const request of requests) {
    if (request.type !== 'deposit' && request.type !== 'topUp') continue;
    given.set(request.publicKey, (given.get(request.publicKey) ?? 0n) + request.amount);
  }
  return given;
}

/** Null, or what is wrong with what a block pays out between these two states. */
export function withdrawalProblem(payload: Payload, before: StakeState, after: StakeState, epoch: Epoch): string | null {
  const given = depositsOf(payload);
  const asked = payload.requests.flatMap((request) => (request.type === 'withdraw' ? request.publicKey : []));
  const reporters = new Set(payload.requests.flatMap((request) => (request.type === 'report' ? request.reporter : [])));
  for (const { validator, to, amount } of payload.withdrawals) {
    const of = after.validators[validator];
    if (of === undefined) return `it pays for validator ${validator}, who does not exist`;
    const isStake = before.withdrawals.includes(validator) || asked.includes(of.publicKey);
    if (!isStake && !reporters.has(to)) return `it pays ${amount} gwei for validator ${validator}, and nobody asked for that`;
    if (!isStake) continue;
    if (to !== of.depositor) return `it pays the stake of validator ${validator} to ${to}; its depositor is ${of.depositor}`;
    if (epoch < of.withdrawableEpoch)
      return `it pays the stake of validator ${validator} in epoch ${epoch}, not due before ${of.withdrawableEpoch}`;
    const had = (before.balances[validator] ?? 0n) + (given.get(of.publicKey) ?? 0n);
    if (amount > had) return `it pays ${amount} gwei of the ${had} that validator ${validator} had`;
    if (after.balances[validator] !== 0n) return `it leaves ${after.balances[validator]} gwei to validator ${validator}, who is paid`;
  }
  return null;
}

export const requests: CheckerFactory = (setting) => {
  const { isCorrect, chainOf, params, signatures, report } = setting;
  const reference = stakeReference(setting);
  const isGood = ({ publicKey, depositor, signature }: Extract<Request, { type: 'deposit' }>) =>
    signatures.verify({ publicKeys: [publicKey], message: proofMessage(params.chainId, depositor, publicKey), signature });
  return {
    name: 'Requests',
    sees: ['inserted', 'checked'],
    observe(observation) {
      if (observation.type === 'inserted' && isCorrect(observation.node)) reference.learn(observation.hash, observation.block);
      if (observation.type !== 'checked' || observation.error !== null || !isCorrect(observation.node)) return;
      const { node, hash } = observation;
      const chain = chainOf(node);
      const block = chain?.get(hash);
      const payload = chain?.block(hash)?.payload;
      if (chain === null || block === undefined || payload === undefined) return;
      const said = requestsOf(chain.outputs(block.header.parentHash, STAKING_ADDRESS) ?? []);
      const repeated = decodePayload(payload).requests;
      const names = said.map(nameOfRequest);
      let at = 0;
      for (const request of repeated) {
        at = names.indexOf(nameOfRequest(request), at) + 1;
        if (at === 0)
          return report({ node, message: `Executed ${nameOf(block)} with a request (${request.type}) that nobody made in its parent.` });
      }
      const before = reference.state(block.header.parentHash);
      if (before === undefined) return;
      const keys = new Set(before.validators.map(({ publicKey }) => publicKey));
      const rogue = firstDeposits(repeated, keys).find((each) => !isGood(each));
      if (rogue !== undefined)
        return report({
          node,
          message: `Executed ${nameOf(block)} with a first deposit whose proof of possession is none: ${rogue.publicKey}.`,
        });
      const left = said.find((each) => each.type === 'deposit' && !keys.has(each.publicKey) && isGood(each));
      if (left === undefined || repeated.some((each) => nameOfRequest(each) === nameOfRequest(left))) return;
      report({ node, message: `Executed ${nameOf(block)}, which leaves out a deposit that was made in its parent.` });
    },
  };
};

/** Whoever deposits for a key that has a deposit by then, also in the same block, adds to its stake, and proves nothing. */
function firstDeposits(repeated: readonly Request[], keys: ReadonlySet<string>) {
  const known = new Set(keys);
  return repeated.flatMap((request) => {
    if (request.type !== 'deposit' || known.has(request.publicKey)) return [];
    known.add(request.publicKey);
    return request;
  });
}

function nameOfRequest(request: Request): string {
  return toHex(encodeRlp(requestFields(request)));
}
