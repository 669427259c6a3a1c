/** The engine of ../TUTORIAL.md: leaders take turns, a majority votes, and two majorities in a row make a block final. */
import { bigToFixed, concatBytes, EMPTY, fromHex, hashOf, toHex } from '../../base/bytes.ts';
import { RuleError, UsageError } from '../../base/errors.ts';
import type { PublicKey } from '../../base/signatures.ts';
import { type Hash, Lsn, type NodeId, ZERO_HASH } from '../../base/types.ts';
import { type Block, decodeBlock, encodeBlock } from '../../chain/block.ts';
import { hashHeader, type SealedHeader } from '../../chain/header.ts';
import { checkHeader } from '../../chain/rules.ts';
import type { Facts, HeaderNode } from '../../chain/tree.ts';
import type { Context, Effect, EngineFactory, Event } from '../../consensus/engine.ts';
import { childrenOf, intake, interruptedChecks, nextChecks } from '../../consensus/intake.ts';
import { Electorate, majority, type Votes } from '../../consensus/votes.ts';

const BLOCK_MS = 1_000;
const EPOCH_MS = 2_000;
const MAX_DOUBLINGS = 2;

/** A block has its epoch in its nonce; that of genesis is 0. */
const epochOf = ({ header }: SealedHeader): number => Number(header.nonce);
const factsOf = (block: SealedHeader): Facts => ({ weight: BigInt(epochOf(block)), carried: 0n });
/** A vote is for a block, and for another one (or none) to be final when a majority votes like that. */
const namedIn = ({ statement }: Votes) => ({ hash: hashOf(statement.slice(0, 32)), final: hashOf(statement.slice(32)) });

interface State {
  epoch: number;
  voted: number; // The epoch of the last block that this node voted for.
  tip: HeaderNode; // The newest block that has a majority,
  proof: Uint8Array; // and the votes of that majority: none for genesis.
  stored: Hash; // The head on disk.
  lsn: Lsn;
  votes: Map<number, Votes>; // The last of each member.
}
type Turn = Context & { readonly state: State; readonly effects: Effect<Votes>[] };

export const createEngine: EngineFactory = (params, { beneficiary, signers: [signer] }, signatures) => {
  const { nodes, keys } = params.engine.settings as unknown as { nodes: NodeId[]; keys: PublicKey[] };
  const electorate = new Electorate({ params, signatures, keys, quorum: majority(keys.length), statementBytes: 64 });

  function step(state: State, event: Event<Votes>, context: Context): readonly Effect<Votes>[] {
    const turn: Turn = { ...context, state, effects: [] };
    if (event.type === 'start') start(turn, event.lsn, event.records.at(-1));
    if (event.type === 'timer' && event.id === 'epoch') enter(turn, state.epoch + 1);
    if (event.type === 'timer' && event.id === 'block') build(turn);
    if (event.type === 'built' && event.block !== null) take(turn, event.block, null);
    if (event.type === 'block') take(turn, event.block, event.from);
    if (event.type === 'checked') turn.effects.push(...nextChecks(turn.chain, event.hash));
    if (event.type === 'stored') state.stored = event.head;
    if (event.type === 'message') learn(turn, electorate.count(state.votes, event.message));
    if (event.type === 'admin')
      turn.effects.push({ type: 'reply', request: event.request, result: new UsageError('tutorial/admin', 'No such command.') });
    follow(turn);
    vote(turn);
    return turn.effects;
  }

  /** The last record is the block that this node voted for last. It voted only on what was on disk, so the tip is there. */
  function start(turn: Turn, lsn: Lsn, record: Uint8Array | undefined): void {
    const { state, effects, chain } = turn;
    const block = record === undefined ? { ...chain.genesis, payload: EMPTY } : decodeBlock(record);
    const tip = chain.get(block.header.parentHash) ?? chain.genesis;
    Object.assign(state, { lsn, voted: epochOf(block), tip, proof: block.payload });
    effects.push(...interruptedChecks(chain));
    enter(turn, Math.max(state.voted, epochOf(chain.head)) + 1);
  }

  function enter({ state, effects }: Turn, epoch: number): void {
    const failed = epoch - epochOf(state.tip) - 1;
    state.epoch = epoch;
    effects.push({ type: 'setTimer', id: 'block', delayMs: BLOCK_MS });
    effects.push({ type: 'setTimer', id: 'epoch', delayMs: BLOCK_MS + EPOCH_MS * 2 ** Math.min(failed, MAX_DOUBLINGS) });
  }

  /** The leader builds on the tip, and the payload proves that it may. */
  function build({ state: { epoch, tip, proof: payload }, effects, chain, self, wallMs }: Turn): void {
    if (nodes[epoch % nodes.length] !== self || chain.status(tip.hash) !== 'executed') return;
    const timestamp = Math.max(Math.floor(wallMs / 1_000), tip.header.timestamp);
    const fields = { timestamp, beneficiary, difficulty: 1n, mixHash: ZERO_HASH, nonce: toHex(bigToFixed(BigInt(epoch), 8)), payload };
    effects.push({ type: 'build', request: epoch, parent: tip.hash, fields });
  }

  function take(turn: Turn, block: Block, from: NodeId | null): void {
    const proof = electorate.certificate(block.payload);
    if (block.header.parentHash !== (proof === null ? params.genesisHash : namedIn(proof).hash)) return;
    if (from === null) turn.effects.push({ type: 'announce', block });
    turn.effects.push(...intake(turn.chain, block, from, factsOf(block)));
    learn(turn, proof);
  }

  /** A majority voted for a block. If it is the newest such block, the next epoch begins. */
  function learn(turn: Turn, votes: Votes | null): void {
    if (votes === null) return;
    const { state, effects, chain } = turn;
    const { hash } = namedIn(votes);
    const block = chain.get(hash);
    if (block === undefined) return void effects.push({ type: 'fetch', hash, from: null });
    if (epochOf(block) <= epochOf(state.tip)) return;
    state.tip = block;
    state.proof = electorate.encode(votes);
    if (epochOf(block) >= state.epoch) enter(turn, epochOf(block) + 1);
  }

  /** The tip becomes the head, and what it makes final is final. After a crash it may be older than the head was. */
  function follow({ state: { tip, proof, lsn: after }, effects, chain }: Turn): void {
    if (tip.hash === chain.head.hash || chain.status(tip.hash) !== 'executed' || epochOf(tip) < epochOf(chain.finalized)) return;
    effects.push({ type: 'setHead', hash: tip.hash });
    const final = proof.length > 0 && chain.get(namedIn(electorate.decode(proof)).final);
    if (!final || final.header.number <= chain.finalized.header.number) return;
    effects.push({ type: 'finalize', hash: final.hash, certificate: proof, after });
  }

  /** Votes once in an epoch, and only for a child of the tip: what a majority had as its tip can never be outvoted. */
  function vote(turn: Turn): void {
    const { state, effects, chain, self } = turn;
    const isNew = (child: HeaderNode) => epochOf(child) > state.voted && chain.status(child.hash) === 'executed';
    const [block] = childrenOf(chain, state.tip.hash).flatMap((child) => (isNew(child) && chain.block(child.hash)) || []);
    if (block === undefined || signer === undefined || state.stored !== state.tip.hash) return;
    state.voted = epochOf(block);
    state.lsn = Lsn(state.lsn + 1);
    effects.push({ type: 'persist', lsn: state.lsn, records: [encodeBlock(block)], truncateBelow: state.lsn });
    const final = state.voted === epochOf(state.tip) + 1 ? state.tip.hash : ZERO_HASH;
    const message = electorate.vote(nodes.indexOf(self), signer, concatBytes(fromHex(hashHeader(block.header)), fromHex(final)));
    effects.push({ type: 'send', to: '*', message, after: state.lsn });
    learn(turn, electorate.count(state.votes, message));
  }

  return {
    name: 'tutorial',
    finality: 'gadget',
    faults: 'crash',
    init: ({ chain }) => ({ epoch: 0, voted: 0, tip: chain.genesis, proof: EMPTY, stored: chain.head.hash, lsn: Lsn(0), votes: new Map() }),
    step,
    encode: (votes) => electorate.encode(votes),
    decode: (bytes) => electorate.decodeVote(bytes),
    genesisFacts: () => ({ weight: 0n, carried: 0n }),
    verifyHeader(block, parent) {
      checkHeader(block.header, parent.header, params);
      if (epochOf(block) > epochOf(parent) && block.header.timestamp >= parent.header.timestamp) return factsOf(block);
      throw new RuleError('tutorial/header', `Block ${block.header.number} is older than its parent.`);
    },
    verifySeal: () => undefined,
    verifyCertificate(hash, certificate) {
      const votes = electorate.certificate(certificate);
      if (votes === null || namedIn(votes).final !== hash) throw new RuleError('tutorial/certificate', `No majority made ${hash} final.`);
    },
    randomness: ({ parentHash }) => parentHash,
    rewards: () => [],
    inspect: ({ epoch, voted, tip }) => ({ epoch, voted, tip: tip.hash }),
  };
};
