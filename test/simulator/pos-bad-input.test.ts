/**
 * Bad input to proof-of-stake: each kind is refused by its own code and held against whoever sent it, and by nobody against anybody else
 * (the checker NoHonestBlamed); nothing is lost by it (all other checkers, and what is owed at the end).
 */
import { describe, expect, it } from 'vitest';
import { WRONG_BLOCKS, wrongBlocks } from '../../src/simulator/behaviours/pos-wrong-blocks.ts';
import { accusing, FALSE_EVIDENCE } from '../../src/simulator/behaviours/pos-wrong-evidence.ts';
import { WRONG_VOTES, wrongVotes } from '../../src/simulator/behaviours/pos-wrong-votes.ts';
import { byzantine, play } from './pos-play.ts';

const BAD = 3;

const VOTES: Readonly<Record<string, string>> = {
  'no bits': 'pos/attestation-bits',
  'too many bits': 'pos/attestation-bits',
  'bits beyond the committee': 'pos/attestation-bits',
  'bits of others': 'pos/attestation-signature',
  'bits without a signature': 'pos/attestation-signature',
  'a committee that does not exist': 'pos/attestation-committee',
  'another epoch than its slot': 'pos/attestation-epoch',
  'a source after its target': 'pos/attestation-epoch',
  'another slot': 'pos/attestation-signature',
  'a slot before its head': 'pos/attestation-target',
  'another target': 'pos/attestation-target',
  'another source': 'pos/attestation-source',
  'an older source': 'pos/attestation-source',
  'the domain of another purpose': 'pos/attestation-signature',
  'the domain of another chain': 'pos/attestation-signature',
  'the domain of another genesis': 'pos/attestation-signature',
  'a message without any domain': 'pos/attestation-signature',
  "a stranger's signature": 'pos/attestation-signature',
  'a changed signature': 'pos/attestation-signature',
};

describe('a vote with', () => {
  it.each(Object.entries(VOTES))('%s is refused: %s', (kind, code) => {
    const spoil = WRONG_VOTES.get(kind) ?? expect.unreachable(`there is no vote with ${kind}`);
    const played = play({ schedule: [byzantine('wrong', BAD)], behaviours: { wrong: wrongVotes([spoil]) }, epochs: 8 });
    expect(played.unexpected).toEqual([]);
    expect(played.codes('refusedVote')).toContain(code);
    expect(played.heldAgainst(BAD)).toContain(code);
  });

  it('all of them have been named', () => expect([...WRONG_VOTES.keys()]).toEqual(Object.keys(VOTES)));
});

const EVIDENCE: Readonly<Record<string, string>> = {
  'one vote twice': 'pos/offence-votes',
  'two votes that do not contradict': 'pos/offence-votes',
  'a vote that another is said to have cast': 'pos/offence-signature',
  'a voter twice': 'pos/offence-indices',
  'one proposal twice': 'pos/offence-same',
  'proposals of two slots': 'pos/offence-slots',
  'a proposal that another is said to have made': 'pos/offence-signature',
};

describe('evidence that is false,', () => {
  it.each(Object.entries(EVIDENCE))('%s, is refused: %s', (kind, code) => {
    const accuse = FALSE_EVIDENCE.get(kind) ?? expect.unreachable(`there is no evidence of ${kind}`);
    const played = play({ schedule: [byzantine('accusing', BAD)], behaviours: { accusing: accusing([accuse]) }, epochs: 8 });
    expect(played.unexpected).toEqual([]);
    expect(played.codes('refusedEvidence')).toEqual(new Set([code]));
    expect(played.heldAgainst(BAD)).toEqual(new Set([code]));
    expect(played.traces('offence')).toEqual([]);
  });

  it('all of it has been named', () => expect([...FALSE_EVIDENCE.keys()]).toEqual(Object.keys(EVIDENCE)));
});

const BLOCKS: Readonly<Record<string, string>> = {
  'a signature of another block': 'pos/signature',
  'out of turn': 'pos/proposer',
  'a difficulty': 'pos/difficulty',
  'a nonce': 'pos/nonce',
  'another RANDAO mix': 'pos/mix',
  'the slot of its parent': 'pos/slot',
  'another state': 'block/stateRoot',
  'another state of stake': 'pos/state-root',
  'other voters': 'pos/voters',
  "a reveal that is nobody's": 'pos/randao',
  'a payment that nobody is owed': 'pos/withdrawals',
  'a request that nobody made': 'block/requests',
  'a vote that nobody cast': 'pos/attestation-signature',
  'a vote of its own slot': 'pos/attestation-slot',
  'a payload with more behind it': 'decode/rlp',
};

describe('a block with', () => {
  it.each(Object.entries(BLOCKS))('%s is refused: %s', (kind, code) => {
    const spoil = WRONG_BLOCKS.get(kind) ?? expect.unreachable(`there is no block with ${kind}`);
    const played = play({ schedule: [byzantine('wrong', BAD)], behaviours: { wrong: wrongBlocks([spoil]) }, epochs: 12 });
    expect(played.unexpected).toEqual([]);
    expect(played.heldAgainst(BAD)).toContain(code);
  });

  it('all of them have been named', () => expect([...WRONG_BLOCKS.keys()]).toEqual(Object.keys(BLOCKS)));
});
