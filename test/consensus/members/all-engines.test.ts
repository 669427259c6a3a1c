/** What all permissioned engines refuse alike, each by its own settings: a membership that makes no sense, and proofs of another chain. */
import { describe, expect, it } from 'vitest';
import type { Hash, Json } from '../../../src/base/types.ts';
import type { ChainParams } from '../../../src/chain/params.ts';
import type { AnyEngine, Certificate } from '../../../src/consensus/engine.ts';
import { Council, type Decision } from '../../../src/consensus/members/council.ts';
import { type Faults, type Member, Membership } from '../../../src/consensus/members/membership.ts';
import { createEngine } from '../../../src/consensus/registry.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { membersOf } from '../../../src/simulator/subjects/member-list.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { GENESIS } from '../../simulator/support.ts';
import { blockOf, hashOfBlock, MemoryChain } from './world.ts';

const OTHER_CHAIN = `0x${'ab'.repeat(32)}` as Hash;
const ENGINES: readonly (readonly [name: string, faults: Faults])[] = [
  ['raft', 'crash'],
  ['paxos', 'crash'],
  ['zab', 'crash'],
  ['chandra-toueg', 'crash'],
  ['pbft', 'byzantine'],
];
const listOf = (count: number) =>
  membersOf(
    Array.from({ length: count }, (_, place) => placeId(place)),
    TAG_KEYS,
  ) as readonly Json[];

function made(name: string, members: readonly Json[], genesisHash = GENESIS.params.genesisHash): AnyEngine {
  const node = { beneficiary: GENESIS.block.header.beneficiary, produce: false, signers: [] };
  const params = { ...GENESIS.params, genesisHash, engine: { name, settings: { members } } };
  return createEngine(params as ChainParams, node, TAG_KEYS.signatures);
}

/** As the last of a quorum completes it: under PBFT commits of view 0, under the others attestations. */
function certificateFor(name: string, faults: Faults, members: readonly Json[], genesisHash: Hash, decision: Decision): Certificate {
  const params = { ...GENESIS.params, genesisHash, engine: { name, settings: { members } } } as ChainParams;
  const membership = new Membership(members as unknown as readonly Member[], faults);
  const council = new Council(params, membership, TAG_KEYS.signatures, []);
  const statement = council.statement(decision);
  const votes = members.map((_, place) => council.electorate.vote(place, TAG_KEYS.signer(place, 0), statement));
  const signature = TAG_KEYS.signatures.aggregate(votes.map((vote) => vote.signature));
  return council.electorate.encode({ members: members.map((_, place) => place), signature, statement });
}

describe.each(ENGINES)('a network of %s', (name, faults) => {
  const fewest = faults === 'crash' ? 3 : 4;
  const member = (place: number): Json => listOf(place + 1)[place] ?? null;

  it.each<[string, readonly Json[], string]>([
    ['too few members', listOf(fewest - 1), 'members/too-few'],
    [
      'a node twice',
      [
        ...listOf(fewest),
        ...listOf(fewest + 1)
          .slice(-1)
          .map((last) => ({ ...(last as object), node: placeId(0) })),
        member(9),
      ],
      'members/duplicate',
    ],
    ['a key twice', [...listOf(fewest), { ...(member(0) as object), node: placeId(8) }, member(9)], 'members/duplicate'],
    ...(faults === 'crash' ? [['an even number of them', listOf(4), 'members/even'] as [string, readonly Json[], string]] : []),
  ])('cannot be made with %s', (_what, members, code) => {
    expect(() => made(name, members)).toThrow(expect.objectContaining({ code }));
  });

  it('takes the proof of its members for its own chain, and not for another', () => {
    const members = listOf(fewest);
    const block = blockOf(GENESIS.block, 0, { nodes: Array.from({ length: fewest }, (_, place) => placeId(place)) });
    const chain = new MemoryChain();
    chain.insert(block);
    const check = (certificate: Certificate) => made(name, members).verifyCertificate(hashOfBlock(block), certificate, chain);
    const proof = (genesisHash: Hash) => certificateFor(name, faults, members, genesisHash, { height: 1, hash: hashOfBlock(block) });
    expect(() => check(proof(GENESIS.params.genesisHash))).not.toThrow();
    expect(() => check(proof(OTHER_CHAIN))).toThrow(expect.objectContaining({ code: 'members/certificate' }));
  });
});
