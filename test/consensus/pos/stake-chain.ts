/**
 * A chain of stake for tests of the state transition: keys are tags, blocks have headers without execution. By default every slot
 * has a block and everybody votes for it.
 */
import { present } from '../../../src/base/assert.ts';
import { fromHex, hashOf, toHex } from '../../../src/base/bytes.ts';
import type { PublicKey, Signer } from '../../../src/base/signatures.ts';
import { type Address, type Hash, type Json, ZERO_ADDRESS, ZERO_HASH } from '../../../src/base/types.ts';
import { payloadCommitment } from '../../../src/chain/block.ts';
import { EMPTY_BLOOM, EMPTY_NONCE, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header, hashHeader } from '../../../src/chain/header.ts';
import type { ChainParams, ForkActivation } from '../../../src/chain/params.ts';
import { forkFields } from '../../../src/chain/rules.ts';
import { encodePayload } from '../../../src/consensus/pos/codec.ts';
import { bitsOf, committeeOf, dutiesOf, proposerOf } from '../../../src/consensus/pos/committees.ts';
import { proofMessage } from '../../../src/consensus/pos/contract.ts';
import { processSlots } from '../../../src/consensus/pos/epochs.ts';
import { genesisState } from '../../../src/consensus/pos/genesis.ts';
import { blockRootAt, checkpointOf } from '../../../src/consensus/pos/history.ts';
import type { PosRules } from '../../../src/consensus/pos/rules.ts';
import { parseSettings } from '../../../src/consensus/pos/settings.ts';
import { attestationRoot, proposalRoot, randaoRoot } from '../../../src/consensus/pos/signing.ts';
import { epochOf, timestampOf } from '../../../src/consensus/pos/time.ts';
import { draftPayload, prevRandao, processBlock, type StakeBlock } from '../../../src/consensus/pos/transition.ts';
import type {
  Attestation,
  AttestationData,
  IndexedAttestation,
  Offence,
  Payload,
  Request,
  SignedProposal,
  Slot,
  StakeState,
  ValidatorIndex,
} from '../../../src/consensus/pos/types.ts';
import { type Keys, TAG_KEYS } from '../../../src/simulator/tags.ts';

export const GENESIS_TIME = 1_700_000_000;
export const ETHER = 1_000_000_000n;
const FORKS: readonly ForkActivation[] = [
  { fork: 'london', block: 0 },
  { fork: 'paris', block: 0 },
  { fork: 'shanghai', time: 0 },
  { fork: 'cancun', time: 0 },
  { fork: 'prague', time: 0 },
];

export function signerAt(index: number): Signer {
  return TAG_KEYS.signer(0, index);
}

/** The depositor of the validator with this key. */
export function depositorAt(index: number): Address {
  return toHex(new Uint8Array(20).fill(index + 1)) as Address;
}

export function header(fields: Partial<Header> = {}): Header {
  return {
    parentHash: ZERO_HASH,
    unclesHash: EMPTY_UNCLES_HASH,
    beneficiary: ZERO_ADDRESS,
    stateRoot: EMPTY_TRIE_ROOT,
    transactionsRoot: EMPTY_TRIE_ROOT,
    receiptsRoot: EMPTY_TRIE_ROOT,
    logsBloom: EMPTY_BLOOM,
    difficulty: 0n,
    number: 0,
    gasLimit: 30_000_000n,
    gasUsed: 0n,
    timestamp: GENESIS_TIME,
    extraData: '0x',
    mixHash: ZERO_HASH,
    nonce: EMPTY_NONCE,
    baseFeePerGas: 1_000_000_000n,
    withdrawalsRoot: EMPTY_TRIE_ROOT,
    blobGasUsed: 0n,
    excessBlobGas: 0n,
    parentBeaconBlockRoot: ZERO_HASH,
    requestsHash: ZERO_HASH,
    ...fields,
  };
}

/** What a block is made of, where it is not the usual. */
export interface Extras {
  readonly attestations?: readonly Attestation[];
  readonly offences?: readonly Offence[];
  readonly said?: readonly Request[];
  /** Who votes for the block, of all. */
  readonly votes?: (index: ValidatorIndex) => boolean;
}

/** Another world than that of tags and of a genesis block without accounts. */
export interface World {
  readonly keys?: Keys;
  readonly genesis?: Header;
}

/** A network of `count` validators with 32 ether each, by the settings of a dev network unless others are given. */
export class StakeChain {
  readonly rules: PosRules;
  readonly genesis: Header;
  readonly #signers: ReadonlyMap<PublicKey, Signer>;
  state: StakeState;
  head: Header;
  /** Votes that the next block carries. */
  waiting: Attestation[] = [];

  constructor(count = 8, settings: { readonly [key: string]: Json } = {}, { keys = TAG_KEYS, genesis = header() }: World = {}) {
    const signers = Array.from({ length: count }, (_, i) => keys.signer(0, i));
    this.#signers = new Map(signers.map((signer) => [signer.publicKey, signer]));
    const validators = signers.map(({ publicKey }, i) => ({ publicKey, depositor: depositorAt(i) }));
    const all = { slotSeconds: 1, slotsPerEpoch: 4, validators, ...settings };
    this.genesis = genesis;
    const params: ChainParams = {
      chainId: 1337,
      genesisHash: hashHeader(this.genesis),
      forks: FORKS,
      engine: { name: 'pos', settings: all },
    };
    this.rules = { params, settings: parseSettings(all), signatures: keys.signatures };
    this.state = genesisState(this.rules.settings, this.genesis);
    this.head = this.genesis;
  }

  get epoch(): number {
    return epochOf(this.rules.settings, this.state.slot);
  }

  /** The head's state moved on. */
  at(slot: Slot): StakeState {
    return processSlots(this.rules.settings, this.state, slot);
  }

  /** The block that the slot's proposer would make on the head, and what it was judged by. */
  draft(slot: Slot, extras: Extras = {}, change: (payload: Payload) => Payload = (payload) => payload): StakeBlock {
    const { settings, params } = this.rules;
    const now = this.at(slot);
    const proposer = present(proposerOf(settings, now, slot), 'a proposer');
    const signer = this.signerOf(now, proposer);
    const payload = change(
      draftPayload(this.rules, this.state, now, {
        randaoReveal: signer.sign(randaoRoot(params, epochOf(settings, slot))),
        attestations: extras.attestations ?? this.waiting,
        offences: extras.offences ?? [],
        said: extras.said ?? [],
      }),
    );
    return this.seal(slot, payload, {});
  }

  /** The same with other fields of the header, signed by whom it must be. */
  seal(slot: Slot, payload: Payload, fields: Partial<Header>): StakeBlock {
    const { settings, params } = this.rules;
    const now = this.at(slot);
    const timestamp = timestampOf(settings, GENESIS_TIME, slot);
    const number = this.head.number + 1;
    const made = header({
      parentHash: hashHeader(this.head),
      number,
      timestamp,
      mixHash: prevRandao(this.rules, now),
      extraData: payloadCommitment(encodePayload(payload)),
      ...forkFields(number, timestamp, this.head, params),
      ...fields,
    });
    const proposer = present(proposerOf(settings, now, slot), 'a proposer');
    const signature = this.signerOf(now, proposer).sign(proposalRoot(params, epochOf(settings, slot), slot, hashHeader(made)));
    return { slot, header: made, payload, seal: { proposer, signature } };
  }

  apply(block: StakeBlock, verify = true): StakeState {
    return processBlock(this.rules, this.state, block, { verify });
  }

  /** Extends the chain by a block and lets everybody, or those named, vote for it. */
  extend(slot: Slot = this.state.slot + 1, extras: Extras = {}): StakeBlock {
    const block = this.draft(slot, extras);
    this.state = this.apply(block);
    this.head = block.header;
    const { votes = () => true } = extras;
    this.waiting = this.votesFor(this.state, slot, votes);
    return block;
  }

  /** No block in this slot; who votes does so for the head. */
  skip(slot: Slot, votes: (index: ValidatorIndex) => boolean): void {
    this.waiting = [...this.waiting, ...this.votesFor(this.at(slot), slot, votes)];
  }

  /** A block in every slot until this one. */
  run(to: Slot, extras: Extras = {}): void {
    while (this.state.slot < to) this.extend(this.state.slot + 1, extras);
  }

  /** The first slot of an epoch after the current one. */
  slotOfEpoch(ahead: number): Slot {
    return (this.epoch + ahead) * this.rules.settings.slotsPerEpoch;
  }

  /** The votes of a slot's committees, as those see it who have this state, which is of that slot. */
  votesFor(
    state: StakeState,
    slot: Slot,
    votes: (index: ValidatorIndex) => boolean,
    changes: Partial<AttestationData> = {},
  ): Attestation[] {
    const { settings } = this.rules;
    const epoch = epochOf(settings, slot);
    const duties = dutiesOf(settings, state, epoch);
    const found: Attestation[] = [];
    for (let committee = 0; committee < duties.committeesPerSlot; committee++) {
      const data: AttestationData = {
        slot,
        committee,
        head: blockRootAt(state, slot),
        source: epoch === epochOf(settings, state.slot) ? state.currentJustified : state.previousJustified,
        target: checkpointOf(settings, state, epoch),
        ...changes,
      };
      const members = committeeOf(settings, duties, slot, committee);
      const voters = members.filter(votes);
      if (voters.length > 0) found.push(this.vote(state, data, members, voters));
    }
    return found;
  }

  vote(state: StakeState, data: AttestationData, members: readonly ValidatorIndex[], voters: readonly ValidatorIndex[]): Attestation {
    const signature = this.signVote(state, data, voters);
    return { data, bits: bitsOf(members, new Set(voters)), signature };
  }

  indexed(data: AttestationData, indices: readonly ValidatorIndex[]): IndexedAttestation {
    return { data, indices, signature: this.signVote(this.state, data, indices) };
  }

  proposal(proposer: ValidatorIndex, slot: Slot, block: Hash): SignedProposal {
    const message = proposalRoot(this.rules.params, epochOf(this.rules.settings, slot), slot, block);
    return { proposer, slot, block, signature: this.signerOf(this.state, proposer).sign(message) };
  }

  deposit(key: number, ether: number, depositor = depositorAt(key)): Request {
    const { publicKey, sign } = signerAt(key);
    const signature = sign(proofMessage(this.rules.params.chainId, depositor, publicKey));
    return { type: 'deposit', publicKey, depositor, amount: BigInt(ether) * ETHER, signature };
  }

  /** Of those who came later, tags: they are numbered in their last bytes (`simulator/tags.ts`). */
  signerOf(state: StakeState, index: ValidatorIndex): Signer {
    const { publicKey } = present(state.validators[index], 'a validator');
    const key = fromHex(publicKey);
    return this.#signers.get(publicKey) ?? signerAt((key.at(-2) ?? 0) * 256 + (key.at(-1) ?? 0));
  }

  private signVote(state: StakeState, data: AttestationData, voters: readonly ValidatorIndex[]): Uint8Array {
    const message = attestationRoot(this.rules.params, data);
    return this.rules.signatures.aggregate(voters.map((index) => this.signerOf(state, index).sign(message)));
  }
}

/** A hash that is none of a block. */
export function someHash(byte: number): Hash {
  return hashOf(new Uint8Array(32).fill(byte));
}

/** The error code that something throws; undefined when it does not. */
export function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
