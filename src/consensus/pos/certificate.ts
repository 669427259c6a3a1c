/**
 * The proof that a block is final, for those who were not there (Casper FFG, arXiv 1710.09437, section 2; with one checkpoint in
 * between, "k = 2" of Gasper, arXiv 2003.03052, definition 4.9): two thirds of an epoch's voters made a link from the final
 * checkpoint to the next one, or to the one after that if two thirds justified the one in between as well.
 *
 * A certificate is a list of one or two links. Each carries the voters of its target epoch and a witness: a block of that epoch or the
 * next, whose payload commits to them. Whoever has the headers can check it without any state.
 */
import { present } from '../../base/assert.ts';
import { fromHex } from '../../base/bytes.ts';
import { RuleError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import { type Block, payloadCommitment } from '../../chain/block.ts';
import { bytesField, encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import type { HeaderNode, HeaderView } from '../../chain/tree.ts';
import type { Certificate } from '../engine.ts';
import { decode, decodePayload, fields, hash as hashField, indexedFields, indexedFrom, list } from './codec.ts';
import { indexedAttestation } from './committees.ts';
import { checkpointOf } from './forkchoice.ts';
import { isSupermajority } from './justification.ts';
import { type PosRules, slotOf } from './rules.ts';
import { attestationRoot } from './signing.ts';
import { blockOf, type Turn } from './state.ts';
import { stateAfter, stateInEpoch } from './states.ts';
import { epochOf, firstSlot } from './time.ts';
import type { Checkpoint, Epoch, IndexedAttestation, ValidatorIndex } from './types.ts';
import { hashVoters, type VoterHashes, type Voters, voterHashes, votersFields, votersFrom, votersOf, votersRoot } from './voters.ts';

interface Link {
  readonly votes: readonly IndexedAttestation[];
  readonly voters: Voters;
  /** What the witness commits to; one of the two is the hash of `voters`. */
  readonly hashes: VoterHashes;
  readonly witness: Hash;
  readonly payload: Uint8Array;
}

const MAX_LINKS = 2;
const MAX_LINK_VOTES = 4_096;
const MAX_CERTIFICATE_BYTES = 32 * 1024 * 1024;
/** From a witness down to the final block there are four epochs at most. */
const MAX_SPAN_EPOCHS = 5;
/** The later of two links ends two epochs after the final checkpoint, and its votes may be carried for another one. */
const MAX_CARRIED_EPOCHS = 3;

/**
 * Of a checkpoint that the head's branch makes final, from the votes in its blocks: on one branch all votes for an epoch have the same
 * target and the same source. Null in the rare case that two thirds were reached only because weights have changed since.
 */
export function certificateOf(turn: Turn, final: Checkpoint): Certificate | null {
  const branch = branchAbove(turn, final);
  const next = linkOf(turn, branch, final.epoch + 1);
  if (next === null) return null;
  if (startsAt(next, final)) return encodeCertificate([next]);
  const outer = linkOf(turn, branch, final.epoch + 2);
  return outer !== null && startsAt(outer, final) ? encodeCertificate([outer, next]) : null;
}

/**
 * Throws RuleError `pos/certificate` (DecodeError for what is none) unless it proves that the block is final. `headers` has the
 * block and its descendants as far as the certificate names them.
 */
export function verifyCertificate(rules: PosRules, hash: Hash, certificate: Certificate, headers: HeaderView): void {
  const [outer, inner] = decodeCertificate(certificate);
  const block = headers.get(hash);
  if (outer === undefined || block === undefined) return refuse(`${hash} is not known`);
  const { source, target } = checkLink(rules, outer, headers);
  if (source.root !== hash || slotOf(block) > firstSlot(rules.settings, source.epoch))
    refuse(`its link begins at ${source.root} and not at ${hash}`);
  checkDescent(rules, headers, target.root, hash);
  if (target.epoch === source.epoch + 1) return;
  if (target.epoch !== source.epoch + 2 || inner === undefined)
    refuse(`a link from epoch ${source.epoch} to ${target.epoch} makes nothing final`);
  const between = checkLink(rules, present(inner, 'the inner link'), headers);
  if (between.target.epoch !== source.epoch + 1) refuse(`the epoch ${source.epoch + 1} in between is not justified`);
  checkDescent(rules, headers, target.root, between.target.root);
  checkDescent(rules, headers, between.target.root, hash);
}

/** Two thirds of the voters to whom the chain committed made this link. Answers it. */
function checkLink(rules: PosRules, { votes, voters, hashes, witness, payload }: Link, headers: HeaderView) {
  const link = present(votes[0], 'a vote').data;
  const { source, target } = link;
  if (votes.some(({ data }) => !isAt(data.source, source) || !isAt(data.target, target))) refuse('its votes are for different links');
  checkVoters(
    rules,
    voters,
    target.epoch,
    hashes,
    present(headers.get(witness) ?? refuse(`its witness ${witness} is not known`), 'the witness'),
    payload,
  );
  checkDescent(rules, headers, witness, target.root);
  const byIndex = new Map(voters.voters.map((voter) => [voter.index, voter]));
  const signed = votes.map(({ data, indices, signature }) => ({
    publicKeys: indices.map((index) => (byIndex.get(index) ?? refuse(`validator ${index} is no voter of epoch ${target.epoch}`)).publicKey),
    message: attestationRoot(rules.params, data),
    signature,
  }));
  const weightOf = (index: ValidatorIndex) => byIndex.get(index)?.effectiveBalance ?? 0n;
  const voted = [...new Set(votes.flatMap(({ indices }) => indices))].reduce((sum, index) => sum + weightOf(index), 0n);
  const whole = voters.voters.reduce((sum, { effectiveBalance }) => sum + effectiveBalance, 0n);
  if (!isSupermajority(voted, whole)) refuse(`${voted} of ${whole} gwei made the link; two thirds must`);
  if (!rules.signatures.verifyAll(signed)) refuse('a signature is wrong');
  return { source, target };
}

function checkVoters(rules: PosRules, voters: Voters, epoch: Epoch, hashes: VoterHashes, witness: HeaderNode, payload: Uint8Array): void {
  if (witness.header.extraData !== payloadCommitment(payload)) refuse('the payload is not that of its witness');
  if (decodePayload(payload).votersRoot !== votersRoot(hashes)) refuse('the witness commits to other voters');
  const at = epochOf(rules.settings, slotOf(witness));
  const committed = at === epoch ? hashes.current : at === epoch + 1 ? hashes.previous : refuse('its witness is of another epoch');
  if (voters.epoch !== epoch || hashVoters(voters) !== committed) refuse(`its voters are not those of epoch ${epoch}`);
}

function checkDescent({ settings }: PosRules, headers: HeaderView, from: Hash, to: Hash): void {
  let node = headers.get(from);
  for (let i = 0; i <= MAX_SPAN_EPOCHS * settings.slotsPerEpoch && node !== undefined; i++) {
    if (node.hash === to) return;
    node = headers.get(node.header.parentHash);
  }
  refuse(`${from} does not descend from ${to}`);
}

/** A block of the head's branch. */
interface BranchBlock {
  readonly hash: Hash;
  readonly epoch: Epoch;
  readonly block: Block;
}

/** The blocks that may carry what makes a checkpoint final, oldest first. */
function branchAbove(turn: Turn, { epoch: since }: Checkpoint): BranchBlock[] {
  const { store, head } = turn.state;
  const found: BranchBlock[] = [];
  for (let at = store.blocks.get(head.hash); at !== undefined; at = store.blocks.get(at.parent)) {
    const epoch = epochOf(turn.rules.settings, at.slot);
    if (epoch <= since) break;
    const block = epoch <= since + MAX_CARRIED_EPOCHS ? blockOf(turn, at.hash) : undefined;
    if (block !== undefined) found.push({ hash: at.hash, epoch, block });
  }
  return found.reverse();
}

/** What this branch's votes for an epoch say, if they are enough. */
function linkOf(turn: Turn, branch: readonly BranchBlock[], epoch: Epoch): Link | null {
  const { settings } = turn.rules;
  const { state } = turn;
  const root = checkpointOf(state.store, state.head.hash, epoch);
  const judge = root && stateInEpoch(turn, root, epoch);
  const witness = branch.find((each) => each.epoch === epoch || each.epoch === epoch + 1);
  const after = witness && stateAfter(turn, witness.hash);
  if (judge === undefined || witness === undefined || after === undefined) return null;
  const voters = votersOf(settings, judge, epoch);
  const carried = branch.flatMap(({ block }) => decodePayload(block.payload).attestations);
  const wanted = carried.filter(({ data }) => data.target.epoch === epoch).map((vote) => indexedAttestation(settings, judge, vote));
  const votes = withoutRepetition(wanted);
  if (votes.length > MAX_LINK_VOTES || !isLink(voters, votes)) return null;
  return { votes, voters, hashes: voterHashes(settings, after), witness: witness.hash, payload: witness.block.payload };
}

function startsAt({ votes: [first] }: Link, checkpoint: Checkpoint): boolean {
  return first !== undefined && isAt(first.data.source, checkpoint);
}

function isLink({ voters }: Voters, votes: readonly IndexedAttestation[]): boolean {
  const voted = new Set(votes.flatMap(({ indices }) => indices));
  const weight = (list: Voters['voters']) => list.reduce((sum, { effectiveBalance }) => sum + effectiveBalance, 0n);
  return isSupermajority(weight(voters.filter(({ index }) => voted.has(index))), weight(voters));
}

/** Votes that bring somebody new. */
function withoutRepetition(votes: readonly IndexedAttestation[]): IndexedAttestation[] {
  const seen = new Set<ValidatorIndex>();
  return votes.filter(({ indices }) => {
    const isNew = indices.some((index) => !seen.has(index));
    for (const index of indices) seen.add(index);
    return isNew;
  });
}

function isAt(a: Checkpoint, b: Checkpoint): boolean {
  return a.epoch === b.epoch && a.root === b.root;
}

function encodeCertificate(links: readonly Link[]): Certificate {
  return encodeRlp(
    links.map(
      ({ votes, voters, hashes, witness, payload }): RlpValue => [
        votes.map(indexedFields),
        votersFields(voters),
        fromHex(hashes.previous),
        fromHex(hashes.current),
        fromHex(witness),
        payload,
      ],
    ),
  );
}

function decodeCertificate(certificate: Certificate): Link[] {
  return list(decode(certificate, 'a certificate', MAX_CERTIFICATE_BYTES), 'a certificate', MAX_LINKS, (value) => {
    const [votes, voters, previous, current, witness, payload] = fields(value, 'a link', 6);
    const link = {
      votes: list(votes, 'votes', MAX_LINK_VOTES, indexedFrom),
      voters: votersFrom(voters),
      hashes: { previous: hashField(previous, 'voters'), current: hashField(current, 'voters') },
      witness: hashField(witness, 'witness'),
      payload: bytesField(payload, 'payload'),
    };
    if (link.votes.length === 0) refuse('a link has no votes');
    return link;
  });
}

function refuse(why: string): never {
  throw new RuleError('pos/certificate', `The certificate proves nothing: ${why}.`);
}
