/**
 * The data of proof-of-stake, with the names of ethereum/consensus-specs (phase0 and altair) where it follows them.
 * Everything here is a value: nothing is changed once it is made.
 */
import type { PublicKey, Signature } from '../../base/signatures.ts';
import type { Address, Hash } from '../../base/types.ts';

/** Slots count from the genesis time; slot 0 is the genesis block's. */
export type Slot = number;
/** `slotsPerEpoch` slots. */
export type Epoch = number;
/** Place in the registry; never given again. */
export type ValidatorIndex = number;
/** 10^9 wei. */
export type Gwei = bigint;

/** Further than any epoch that is reached: not yet, or never. */
export const FAR_FUTURE_EPOCH: Epoch = Number.MAX_SAFE_INTEGER;

export interface Validator {
  readonly publicKey: PublicKey;
  /** Who deposited first, and so whom the stake goes back to. */
  readonly depositor: Address;
  /** Follows the balance with hysteresis, in whole ether: what votes and draws of proposers are weighed with. */
  readonly effectiveBalance: Gwei;
  readonly slashed: boolean;
  readonly activationEpoch: Epoch;
  readonly exitEpoch: Epoch;
  readonly withdrawableEpoch: Epoch;
}

/** An epoch and the hash of the last block at or before its first slot. */
export interface Checkpoint {
  readonly epoch: Epoch;
  readonly root: Hash;
}

/** What a vote says. */
export interface AttestationData {
  readonly slot: Slot;
  /** Which of the slot's committees. */
  readonly committee: number;
  /** LMD-GHOST: the head as the voter saw it. */
  readonly head: Hash;
  /** Casper FFG: the link. */
  readonly source: Checkpoint;
  readonly target: Checkpoint;
}

/** Votes of one committee for the same data, added up. */
export interface Attestation {
  readonly data: AttestationData;
  /** A bit for each member of the committee, in its order, the first in the lowest bit of the first byte; no bits beyond. */
  readonly bits: Uint8Array;
  readonly signature: Signature;
}

/** Readable without the committee: the form in which votes are evidence. Indices ascend, without repetition. */
export interface IndexedAttestation {
  readonly data: AttestationData;
  readonly indices: readonly ValidatorIndex[];
  readonly signature: Signature;
}

/** What a proposer signs: enough to hold two blocks of one slot against it without having either. */
export interface SignedProposal {
  readonly proposer: ValidatorIndex;
  readonly slot: Slot;
  readonly block: Hash;
  readonly signature: Signature;
}

/** Proof that a validator broke a slashing condition (arXiv 1710.09437, section 2, and double proposals). */
export type Offence =
  /** Two blocks for one slot. */
  | { readonly type: 'proposals'; readonly first: SignedProposal; readonly second: SignedProposal }
  /** Two votes with one target epoch, or one whose link surrounds the other's: `first` is the surrounding one. */
  | { readonly type: 'votes'; readonly first: IndexedAttestation; readonly second: IndexedAttestation };

/** What the staking contract said, decoded. The contract has checked form and amounts; rules of consensus are checked here. */
export type Request =
  | {
      /** The first of this key. */
      readonly type: 'deposit';
      readonly publicKey: PublicKey;
      readonly depositor: Address;
      readonly amount: Gwei;
      /** Over the deposit's domain, by the key: its proof of possession. */
      readonly signature: Signature;
    }
  /** To a key that has a deposit, by anybody. */
  | { readonly type: 'topUp'; readonly publicKey: PublicKey; readonly amount: Gwei }
  /** By the depositor. */
  | { readonly type: 'exit'; readonly publicKey: PublicKey; readonly sender: Address }
  | { readonly type: 'withdraw'; readonly publicKey: PublicKey; readonly sender: Address }
  /** The evidence is encoded as in a payload (`codec.ts`), and not looked at yet: anybody can send anything. */
  | { readonly type: 'report'; readonly evidence: Uint8Array; readonly reporter: Address };

/** Stake that a block gives back, as ether, after its transactions. */
export interface Withdrawal {
  readonly validator: ValidatorIndex;
  readonly to: Address;
  readonly amount: Gwei;
}

/** What the nodes agree on in each block, besides Ethereum's: the block's `payload`. */
export interface Payload {
  /** The proposer's signature of the epoch: its commitment is its key. */
  readonly randaoReveal: Signature;
  /** `stateRoot` of the state after the parent: makes a trusted block hash a trusted state. */
  readonly parentState: Hash;
  /** Commits to who votes in this epoch, and in the one before (`certificate.ts`). */
  readonly votersRoot: Hash;
  readonly attestations: readonly Attestation[];
  readonly offences: readonly Offence[];
  /** What the staking contract said in the parent, as far as it has an effect (`requests.ts`). */
  readonly requests: readonly Request[];
  /** What these must be follows from the state. Rewards of reporters are among them, in the name of whom they reported. */
  readonly withdrawals: readonly Withdrawal[];
}

/** Of one validator in one epoch: which parts of its vote were right and in time (altair's participation flags). */
export type Participation = number;
export const TIMELY_SOURCE = 1;
export const TIMELY_TARGET = 2;
export const TIMELY_HEAD = 4;

/**
 * The state after a block (or after empty slots): all that decides who may do what next. A pure function of the chain's
 * headers and payloads; the EVM has no part in it, since what the staking contract says is repeated in the payload.
 */
export interface StakeState {
  readonly slot: Slot;
  /** The last block at or before `slot`. */
  readonly block: Hash;
  readonly validators: readonly Validator[];
  readonly balances: readonly Gwei[];
  /** One for each of the last `RANDAO_EPOCHS` epochs, by epoch modulo that. */
  readonly randaoMixes: readonly Hash[];
  /** Effective balance slashed in each of the last `SLASHING_EPOCHS` epochs, by epoch modulo that. */
  readonly slashings: readonly Gwei[];
  /** Block at each of the last slots (for heads and targets of votes), by slot modulo its length; two epochs at least. */
  readonly blockRoots: readonly Hash[];
  readonly previousParticipation: readonly Participation[];
  readonly currentParticipation: readonly Participation[];
  /** Bit 0: the current epoch is justified; bit 1: the one before; and so on, four bits. */
  readonly justificationBits: number;
  readonly previousJustified: Checkpoint;
  readonly currentJustified: Checkpoint;
  readonly finalized: Checkpoint;
  /** Epochs in which this chain had a block, since the finalized one: only these count for the inactivity leak. */
  readonly epochsSinceFinality: number;
  /** Asked for and not due or not paid yet, oldest first. */
  readonly withdrawals: readonly ValidatorIndex[];
}
