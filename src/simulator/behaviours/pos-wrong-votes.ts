/**
 * Votes that are wrong in one way each, and right in everything else. Honest nodes must refuse them, hold them against whoever sent
 * them, and lose nothing by it. (consensus-specs phase0/p2p-interface.md lists what gossip has to check.)
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { present } from '../../base/assert.ts';
import type { Hash } from '../../base/types.ts';
import { bitsOf } from '../../consensus/pos/committees.ts';
import { attestationRoot, randaoRoot } from '../../consensus/pos/signing.ts';
import type { PosEffect } from '../../consensus/pos/state.ts';
import { epochOf } from '../../consensus/pos/time.ts';
import type { Attestation, AttestationData, Checkpoint } from '../../consensus/pos/types.ts';
import type { BehaviourFactory } from './behaviour.ts';
import { randomHash } from './mutation.ts';
import { type Ballot, Insider, ownVotes } from './pos-insider.ts';

/** Spoils a vote that could be cast; null where this one cannot be made wrong in this way. */
export type Spoil = (insider: Insider, ballot: Ballot) => Attestation | null;

const CHANCE = 0.5;

/** Signed as it is. */
const signed =
  (change: (data: AttestationData, insider: Insider, ballot: Ballot) => Partial<AttestationData> | null): Spoil =>
  (insider, ballot) => {
    const said = change(ballot.data, insider, ballot);
    return said && insider.vote(ballot, { ...ballot.data, ...said });
  };

/** Says what the ballot does, and is signed with a signature for something else. */
const missigned =
  (message: (ballot: Ballot, insider: Insider) => Uint8Array): Spoil =>
  (insider, ballot) => ({
    ...insider.vote(ballot),
    signature: insider.rules.signatures.aggregate(ballot.voters.map(({ signer }) => signer.sign(message(ballot, insider)))),
  });

/** A block that everybody has and that no branch has as this checkpoint. */
function otherRoot({ epoch, root }: Checkpoint, insider: Insider): Checkpoint | null {
  const parent = insider.tools.chain()?.get(root)?.header.parentHash;
  return parent === undefined || root === insider.tools.chain()?.genesis.hash ? null : { epoch, root: parent };
}

export const WRONG_VOTES: ReadonlyMap<string, Spoil> = new Map<string, Spoil>([
  ['no bits', (insider, ballot) => ({ ...insider.vote(ballot), bits: new Uint8Array(Math.ceil(ballot.committee.length / 8)) })],
  [
    'too many bits',
    (insider, ballot) => ({ ...insider.vote(ballot), bits: new Uint8Array(Math.ceil(ballot.committee.length / 8) + 1).fill(1) }),
  ],
  [
    'bits beyond the committee',
    (insider, ballot) => {
      const vote = insider.vote(ballot);
      const last = vote.bits.length - 1;
      if (ballot.committee.length % 8 === 0) return null;
      return { ...vote, bits: vote.bits.with(last, (vote.bits[last] ?? 0) | 0x80) };
    },
  ],
  [
    'bits of others',
    (insider, ballot) => {
      const all = bitsOf(ballot.committee, new Set(ballot.committee));
      return ballot.voters.length === ballot.committee.length ? null : { ...insider.vote(ballot), bits: all };
    },
  ],
  [
    'bits without a signature',
    (insider, ballot) => {
      const [one, ...others] = ballot.voters;
      if (one === undefined || others.length === 0) return null;
      return { ...insider.vote({ ...ballot, voters: [one] }), bits: insider.vote(ballot).bits };
    },
  ],
  ['a committee that does not exist', signed(({ committee }) => ({ committee: committee + 64 }))],
  ['another epoch than its slot', signed(({ target }) => ({ target: { ...target, epoch: target.epoch + 1 } }))],
  ['a source after its target', signed(({ source, target }) => ({ source: { ...source, epoch: target.epoch + 1 } }))],
  ['another slot', (insider, ballot) => inAnotherSlot(insider, ballot)],
  ['a slot before its head', (insider, ballot) => beforeItsHead(insider, ballot)],
  [
    'another target',
    signed(({ target }, insider) => {
      const other = otherRoot(target, insider);
      return other && { target: other };
    }),
  ],
  [
    'another source',
    signed(({ source }, insider) => {
      const other = otherRoot(source, insider);
      return other && { source: other };
    }),
  ],
  ['an older source', signed(({ source }) => (source.epoch === 0 ? null : { source: { ...source, epoch: source.epoch - 1 } }))],
  ['the domain of another purpose', missigned(({ data }, { rules }) => randaoRoot(rules.params, data.target.epoch))],
  [
    'the domain of another chain',
    missigned(({ data }, { rules }) => attestationRoot({ ...rules.params, chainId: rules.params.chainId + 1 }, data)),
  ],
  [
    'the domain of another genesis',
    missigned(({ data }, { rules, tools }) => attestationRoot({ ...rules.params, genesisHash: randomHash(tools.random) }, data)),
  ],
  ['a message without any domain', missigned(({ data }) => keccak_256(new TextEncoder().encode(data.head)))],
  ["a stranger's signature", (insider, ballot) => byStranger(insider, ballot)],
  [
    'a changed signature',
    (insider, ballot) => {
      const vote = insider.vote(ballot);
      const at = insider.tools.random.below(16);
      return { ...vote, signature: vote.signature.with(at, (vote.signature[at] ?? 0) ^ 1) };
    },
  ],
]);

/** For an older head, so that the slot could be right: it has another committee. */
function inAnotherSlot(insider: Insider, { data: { slot, head } }: Ballot): Attestation | null {
  const { settings } = insider.rules;
  const parent = insider.turn?.state.store.blocks.get(head)?.parent;
  const [ballot] = parent === undefined ? [] : insider.ballots(slot, parent);
  if (ballot === undefined || epochOf(settings, slot - 1) !== epochOf(settings, slot)) return null;
  return insider.vote(ballot, { ...ballot.data, slot: slot - 1 });
}

function beforeItsHead(insider: Insider, { data }: Ballot): Attestation | null {
  const block = insider.turn?.state.store.blocks.get(data.head);
  const { settings } = insider.rules;
  if (block === undefined || block.slot === 0 || epochOf(settings, block.slot - 1) !== data.target.epoch) return null;
  // Its own committee is the one of that slot.
  const [earlier] = insider.ballots(block.slot - 1, data.head);
  return earlier === undefined ? null : insider.vote(earlier);
}

/** Of a key that nobody has deposited, for a place in the committee that is another's. */
function byStranger(insider: Insider, { data, committee, judge }: Ballot): Attestation | null {
  const known = new Set(judge.validators.map(({ publicKey }) => publicKey));
  const stranger = insider.tools.signers.find(({ publicKey }) => !known.has(publicKey));
  if (stranger === undefined) return null;
  const place = present(committee[0], 'a member of the committee');
  return { data, bits: bitsOf(committee, new Set([place])), signature: stranger.sign(attestationRoot(insider.rules.params, data)) };
}

/** Says these wrong things instead of what the engine inside votes. Without a committee it is silent. */
export function wrongVotes(kinds: readonly Spoil[], chance = 1): BehaviourFactory {
  return (tools) => {
    const insider = new Insider(tools);
    const change = (effects: readonly PosEffect[]): readonly PosEffect[] => {
      const { own, rest } = ownVotes(insider, effects);
      if (own.length === 0 || !tools.random.chance(chance)) return effects;
      const told = new Set<Hash>();
      for (const { data } of own) {
        if (told.has(data.head)) continue;
        told.add(data.head);
        for (const ballot of insider.ballots(data.slot, data.head)) {
          const wrong = tools.random.pick(kinds)(insider, ballot);
          if (wrong !== null) insider.tell({ type: 'vote', vote: wrong });
        }
      }
      return rest;
    };
    return { engine: (honest) => insider.around(honest, change) };
  };
}

export const anyWrongVotes: BehaviourFactory = wrongVotes([...WRONG_VOTES.values()], CHANCE);
