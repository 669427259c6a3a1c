/**
 * What this node's validators do in a slot (consensus-specs phase0/validator.md): propose at its beginning, vote when its block
 * is here or a third is over, add up votes when two thirds are over.
 *
 * The order is always: may it be signed (`protection.ts`, `clock.ts`), note it, persist the record, and only then, with
 * `after`, let it leave. A block of ours is not even stored before its record is, so that no copy of it can be found later.
 */
import { present } from '../../base/assert.ts';
import type { Signer } from '../../base/signatures.ts';
import type { Block } from '../../chain/block.ts';
import { EMPTY_NONCE, hashHeader } from '../../chain/header.ts';
import { receiveBlock } from './blocks.ts';
import { currentSlot, silenceReason } from './clock.ts';
import { encodePayload, encodeSeal } from './codec.ts';
import { bitsOf, committeeOf, dutiesOf, indexedAttestation, isAggregator, proposerOf } from './committees.ts';
import { STAKING_ADDRESS } from './contract.ts';
import { processSlots } from './epochs.ts';
import { checkpointOf } from './forkchoice.ts';
import { persist } from './head.ts';
import { aggregates, bestAggregate } from './pool.ts';
import { mayPropose, mayVote, noteProposal, noteVote } from './protection.ts';
import { understood } from './requests.ts';
import { attestationRoot, proposalRoot, randaoRoot, selectionRoot } from './signing.ts';
import { genesisSeconds, type Turn, trace } from './state.ts';
import { stateAfter, stateInEpoch } from './states.ts';
import { aggregateDueMs, epochOf, timestampOf, voteDueMs } from './time.ts';
import { draftPayload, prevRandao } from './transition.ts';
import type { Attestation, AttestationData, Slot, StakeState, ValidatorIndex } from './types.ts';
import { keepVote, recallVote } from './votes.ts';

export const VOTE_TIMER = 'vote';
export const AGGREGATE_TIMER = 'aggregate';
/** Votes that are sent again after a restart: those of the last slots. */
const MAX_LAST_VOTES = 64;

/** At the beginning of a slot. */
export function beginSlot(turn: Turn): void {
  const { context, rules, state } = turn;
  const at = (dueMs: number) => Math.max(1, dueMs - context.wallMs);
  if (state.signers.size === 0) return;
  turn.effects.push(
    { type: 'setTimer', id: VOTE_TIMER, delayMs: at(voteDueMs(rules.settings, genesisSeconds(turn), state.slot)) },
    { type: 'setTimer', id: AGGREGATE_TIMER, delayMs: at(aggregateDueMs(rules.settings, genesisSeconds(turn), state.slot)) },
  );
  propose(turn);
}

/** Asks for a block if it is one of ours whose turn it is. */
function propose(turn: Turn): void {
  const { state, rules } = turn;
  const { slot } = state;
  state.building = null;
  const before = slot > 0 ? stateAfter(turn, state.head.hash) : undefined;
  if (before === undefined || before.slot >= slot) return;
  const now = processSlots(rules.settings, before, slot);
  const proposer = proposerOf(rules.settings, now, slot);
  const signer = proposer === undefined ? undefined : signerOf(turn, now, proposer);
  if (proposer === undefined || signer === undefined) return;
  const obstacle = silenceReason(turn) ?? signedBefore(turn, signer, slot);
  if (obstacle !== null) return missed(turn, slot, proposer, obstacle);
  const payload = draftPayload(rules, before, now, {
    randaoReveal: signer.sign(randaoRoot(rules.params, epochOf(rules.settings, slot))),
    attestations: aggregates(state.pool),
    offences: state.offences.values(),
    said: understood(turn.context.chain.outputs(state.head.hash, STAKING_ADDRESS) ?? []),
  });
  const request = state.nextRequest++;
  state.building = { request, slot, proposer, signer };
  const fields = {
    timestamp: timestampOf(rules.settings, genesisSeconds(turn), slot),
    beneficiary: state.beneficiary,
    difficulty: 0n,
    mixHash: prevRandao(rules, now),
    nonce: EMPTY_NONCE,
    payload: encodePayload(payload),
  };
  turn.effects.push({ type: 'build', request, parent: state.head.hash, fields });
}

function signedBefore({ state }: Turn, { publicKey }: Signer, slot: Slot): string | null {
  return mayPropose(state.history, publicKey, slot) ? null : 'the key has signed for this slot or a later one';
}

function missed(turn: Turn, slot: Slot, validator: ValidatorIndex, reason: string): void {
  turn.state.counts.missed++;
  trace(turn, 'notSigned', { duty: 'proposal', slot, validator, reason });
}

/** Signs the block that was built, if its slot is still the current one, and keeps it until the record is on disk. */
export function blockBuilt(turn: Turn, request: number, block: Block | null): void {
  const { state, rules } = turn;
  const { building } = state;
  if (building?.request !== request) return;
  state.building = null;
  const { slot, proposer, signer } = building;
  if (block === null) return missed(turn, slot, proposer, 'no block was built');
  if (slot !== currentSlot(turn)) return missed(turn, slot, proposer, 'the slot was over before the block was built');
  const obstacle = silenceReason(turn) ?? signedBefore(turn, signer, slot);
  if (obstacle !== null) return missed(turn, slot, proposer, obstacle);
  const hash = hashHeader(block.header);
  noteProposal(state.history, signer.publicKey, slot);
  const lsn = persist(turn, { type: 'proposal', key: signer.publicKey, slot, block: hash });
  const signature = signer.sign(proposalRoot(rules.params, epochOf(rules.settings, slot), slot, hash));
  state.unsent = [...state.unsent, { lsn, hash, block: { ...block, seal: encodeSeal({ proposer, signature }) } }];
  state.counts.proposed++;
}

/** The log has come so far: blocks of ours may be kept and leave. */
export function sendBlocks(turn: Turn, lsn: number): void {
  const { state } = turn;
  const ready = state.unsent.filter((unsent) => unsent.lsn <= lsn);
  state.unsent = state.unsent.filter((unsent) => unsent.lsn > lsn);
  for (const { block, hash } of ready) {
    trace(turn, 'proposed', { hash, number: block.header.number, slot: state.slot });
    receiveBlock(turn, block, 'local', null);
    // Finality may have left its parent behind while it was built.
    if (turn.fresh.has(hash)) turn.effects.push({ type: 'announce', block });
  }
}

/** As soon as the slot's block is the head. */
export function voteForNewHead(turn: Turn): void {
  const { state } = turn;
  if (state.signers.size > 0 && state.votedSlot < state.slot && state.store.blocks.get(state.head.hash)?.slot === state.slot) vote(turn);
}

/** When a third of the slot is over: for whatever is the head then. */
export function voteWhenDue(turn: Turn): void {
  const { state, context, rules } = turn;
  if (state.signers.size > 0 && context.wallMs >= voteDueMs(rules.settings, genesisSeconds(turn), state.slot)) vote(turn);
}

/** Once a slot: one vote for each committee in which validators of ours are. */
function vote(turn: Turn): void {
  const { state, rules } = turn;
  const { slot } = state;
  if (state.votedSlot >= slot || currentSlot(turn) !== slot || slot === 0) return;
  state.votedSlot = slot;
  const epoch = epochOf(rules.settings, slot);
  const root = checkpointOf(state.store, state.head.hash, epoch);
  const judge = root === undefined ? undefined : stateInEpoch(turn, root, epoch);
  if (root === undefined || judge === undefined) return;
  const obstacle = silenceReason(turn);
  if (obstacle !== null) return trace(turn, 'notSigned', { duty: 'vote', slot, reason: obstacle });
  const duties = dutiesOf(rules.settings, judge, epoch);
  for (let committee = 0; committee < duties.committeesPerSlot; committee++) {
    const data = { slot, committee, head: state.head.hash, source: judge.currentJustified, target: { epoch, root } };
    castVote(turn, judge, data, committeeOf(rules.settings, duties, slot, committee));
  }
}

function castVote(turn: Turn, judge: StakeState, data: AttestationData, committee: readonly ValidatorIndex[]): void {
  const { state, rules } = turn;
  const voters = committee.flatMap((index) => {
    const signer = signerOf(turn, judge, index);
    return signer !== undefined && mayVote(state.history, signer.publicKey, data.source.epoch, data.target.epoch)
      ? [{ index, signer }]
      : [];
  });
  if (voters.length === 0) return;
  const message = attestationRoot(rules.params, data);
  const attestation: Attestation = {
    data,
    bits: bitsOf(committee, new Set(voters.map(({ index }) => index))),
    signature: rules.signatures.aggregate(voters.map(({ signer }) => signer.sign(message))),
  };
  const keys = voters.map(({ signer }) => signer.publicKey);
  for (const key of keys) noteVote(state.history, key, data.source.epoch, data.target.epoch);
  const lsn = persist(turn, { type: 'vote', keys, vote: attestation });
  state.lastVotes = [...state.lastVotes, attestation].slice(-MAX_LAST_VOTES);
  state.counts.voted += voters.length;
  turn.effects.push({ type: 'send', to: '*', message: { type: 'vote', vote: attestation }, after: lsn });
  keepVote(turn, attestation, indexedAttestation(rules.settings, judge, attestation), judge);
}

/** Sends the sum of what has come for the data that we voted for, where the draw says so. Our own vote is in it, so it waits for the log. */
export function aggregate(turn: Turn): void {
  const { state, rules } = turn;
  const { slot } = state;
  if (currentSlot(turn) !== slot || silenceReason(turn) !== null) return;
  const message = selectionRoot(rules.params, epochOf(rules.settings, slot), slot);
  for (const { data } of state.lastVotes.filter((own) => own.data.slot === slot)) {
    const judge = stateInEpoch(turn, data.target.root, data.target.epoch);
    const best = bestAggregate(state.pool, data);
    if (judge === undefined || best === undefined) continue;
    const committee = committeeOf(rules.settings, dutiesOf(rules.settings, judge, data.target.epoch), slot, data.committee);
    const isOurs = committee.some((index) => {
      const signer = signerOf(turn, judge, index);
      return signer !== undefined && isAggregator(committee.length, signer.sign(message));
    });
    if (isOurs) turn.effects.push({ type: 'send', to: '*', message: { type: 'vote', vote: best }, after: state.appended });
  }
}

/** After a restart: what was signed for the current epoch counts here again. */
export function recallLastVotes(turn: Turn): void {
  for (const attestation of lastVotes(turn)) recallVote(turn, attestation);
}

/** And is sent again, as it was; in the next slots too, since at a start nobody listens yet. */
export function sendLastVotes(turn: Turn): void {
  for (const vote of lastVotes(turn)) {
    turn.effects.push({ type: 'send', to: '*', message: { type: 'vote', vote }, after: turn.state.appended });
  }
}

function lastVotes({ state, rules }: Turn): readonly Attestation[] {
  const oldest: Slot = state.slot - rules.settings.slotsPerEpoch;
  return state.lastVotes.filter(({ data }) => data.slot >= oldest);
}

function signerOf({ state }: Turn, { validators }: StakeState, index: ValidatorIndex): Signer | undefined {
  const validator = present(validators[index], `validator ${index}`);
  return validator.slashed ? undefined : state.signers.get(validator.publicKey);
}
