/**
 * Who may vote in an epoch, and with what weight: the list that a finality certificate is counted with. Each block commits to
 * the lists of its epoch and of the one before (`votersRoot`), so a trusted block hash is enough to trust a list.
 */
import { present } from '../../base/assert.ts';
import { fromHex, hashOf } from '../../base/bytes.ts';
import { DecodeError } from '../../base/errors.ts';
import { keccak256 } from '../../base/keccak.ts';
import type { PublicKey } from '../../base/signatures.ts';
import type { Hash } from '../../base/types.ts';
import { encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import { fields, gwei, list, number, publicKey } from './codec.ts';
import { dutiesOf, type EpochDuties } from './committees.ts';
import { rememberedOfTwo } from './memo.ts';
import { MAX_VALIDATORS, type PosSettings } from './settings.ts';
import { epochOf, previousEpoch } from './time.ts';
import type { Epoch, Gwei, StakeState, Validator, ValidatorIndex } from './types.ts';

export interface Voter {
  readonly index: ValidatorIndex;
  readonly publicKey: PublicKey;
  /** Its weight. */
  readonly effectiveBalance: Gwei;
}

export interface Voters {
  readonly epoch: Epoch;
  /** By ascending index. */
  readonly voters: readonly Voter[];
}

/** The two lists that a block commits to: 32 bytes each. */
export interface VoterHashes {
  readonly previous: Hash;
  readonly current: Hash;
}

/** Of the state's epoch, or of the one before. */
export function votersOf(settings: PosSettings, state: StakeState, epoch: Epoch): Voters {
  return listOf(state.validators, dutiesOf(settings, state, epoch));
}

/** What a block's `votersRoot` is made of. It is the same in all states of one epoch of one chain. */
export function voterHashes(settings: PosSettings, state: StakeState): VoterHashes {
  const current = epochOf(settings, state.slot);
  const hashIn = (epoch: Epoch): Hash => hashOfDuties(state.validators, dutiesOf(settings, state, epoch));
  return { previous: hashIn(previousEpoch(current)), current: hashIn(current) };
}

export function votersRoot({ previous, current }: VoterHashes): Hash {
  return hashOf(keccak256(encodeRlp([fromHex(previous), fromHex(current)])));
}

export function hashVoters(voters: Voters): Hash {
  return hashOf(keccak256(encodeRlp(votersFields(voters))));
}

/** For certificates, which carry a list among other things. */
export function votersFields({ epoch, voters }: Voters): RlpValue[] {
  return [epoch, voters.map((voter) => [voter.index, fromHex(voter.publicKey), voter.effectiveBalance])];
}

/** Throws DecodeError. */
export function votersFrom(value: unknown): Voters {
  const [epoch, entries] = fields(value, 'a list of voters', 2);
  const voters = list(entries, 'voters', MAX_VALIDATORS, (entry) => {
    const [index, key, weight] = fields(entry, 'a voter', 3);
    return { index: number(index, 'index'), publicKey: publicKey(key), effectiveBalance: gwei(weight, 'weight') };
  });
  if (voters.some(({ index }, i) => i > 0 && index <= (voters[i - 1]?.index ?? index))) {
    throw new DecodeError('decode/pos-order', 'Voters are not in the order of their indices.');
  }
  return { epoch: number(epoch, 'epoch'), voters };
}

const hashOfDuties = rememberedOfTwo((validators: readonly Validator[], duties: EpochDuties) => hashVoters(listOf(validators, duties)));

function listOf(validators: readonly Validator[], { epoch, active }: EpochDuties): Voters {
  return {
    epoch,
    voters: active.map((index) => {
      const validator = present(validators[index], 'an active validator');
      return { index, publicKey: validator.publicKey, effectiveBalance: validator.effectiveBalance };
    }),
  };
}
