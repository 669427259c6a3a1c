/** Votes that add up to certificates: what counts, what does not, and that bytes have one meaning. */
import { describe, expect, it } from 'vitest';
import { present } from '../../src/base/assert.ts';
import { DecodeError } from '../../src/base/errors.ts';
import { SIGNATURE_BYTES } from '../../src/base/signatures.ts';
import { type Hash, ZERO_HASH } from '../../src/base/types.ts';
import { Electorate, MAX_MEMBERS, majority, type Votes } from '../../src/consensus/votes.ts';
import { TAG_KEYS } from '../../src/simulator/tags.ts';

const MEMBERS = 4;
const keys = Array.from({ length: MEMBERS }, (_, member) => TAG_KEYS.signer(member, 0).publicKey);
const OTHER_HASH = `0x${'11'.repeat(32)}` as Hash;
const YES = Uint8Array.of(1, 2);
const NO = Uint8Array.of(3, 4);

function electorateOf(genesisHash: Hash = ZERO_HASH, name = 'test'): Electorate {
  const params = { genesisHash, engine: { name, settings: {} } };
  return new Electorate({ params, signatures: TAG_KEYS.signatures, keys, quorum: majority(MEMBERS), statementBytes: 2 });
}

const electorate = electorateOf();
const voteOf = (member: number, statement = YES, by = electorate) => by.vote(member, TAG_KEYS.signer(member, 0), statement);

function certificateOf(members: readonly number[]): Votes {
  const votes = new Map<number, Votes>();
  const certificates = members.map((member) => electorate.count(votes, voteOf(member)));
  return present(certificates.at(-1), 'a certificate');
}

describe('majority', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [7, 4],
  ])('of %i is %i', (members, expected) => {
    expect(majority(members)).toBe(expected);
  });
});

describe('counting', () => {
  it('gives a certificate with the vote that makes a quorum, whatever their order', () => {
    const votes = new Map<number, Votes>();
    expect(electorate.count(votes, voteOf(3))).toBeNull();
    expect(electorate.count(votes, voteOf(0))).toBeNull();
    const certificate = electorate.count(votes, voteOf(2));
    expect(certificate).toMatchObject({ members: [0, 2, 3], statement: YES });
    expect(electorate.certificate(electorate.encode(present(certificate, 'it')))).toEqual(certificate);
  });

  it('counts a member once, and its last vote alone', () => {
    const votes = new Map<number, Votes>();
    for (const member of [0, 0, 0, 1]) expect(electorate.count(votes, voteOf(member))).toBeNull();
    expect(electorate.count(votes, voteOf(1, NO))).toBeNull();
    expect(electorate.count(votes, voteOf(2))).toBeNull();
    expect(votes.size).toBe(3);
    expect(electorate.count(votes, voteOf(3))).toMatchObject({ members: [0, 2, 3] });
  });
});

describe('a certificate', () => {
  it('is refused with too few members, another statement, another signature or members who did not sign', () => {
    const good = certificateOf([0, 1, 2]);
    const bad: Votes[] = [
      voteOf(0),
      { ...good, statement: NO },
      { ...good, signature: good.signature.with(0, (good.signature[0] ?? 0) ^ 1) },
      { ...good, members: [0, 1, 3] },
      { ...good, members: [0, 1, 2, 3] },
      { ...good, members: [0, 1, 200] },
    ];
    expect(electorate.certificate(electorate.encode(good))).toEqual(good);
    for (const votes of bad) expect(electorate.certificate(electorate.encode(votes))).toBeNull();
  });

  it('means nothing in another network, nor for another engine', () => {
    const bytes = electorate.encode(certificateOf([0, 1, 2]));
    expect(electorateOf(OTHER_HASH).certificate(bytes)).toBeNull();
    expect(electorateOf(ZERO_HASH, 'another').certificate(bytes)).toBeNull();
  });

  it('is none of these bytes', () => {
    for (const bytes of [new Uint8Array(0), Uint8Array.of(255), new Uint8Array(200)]) expect(electorate.certificate(bytes)).toBeNull();
  });
});

describe('bytes', () => {
  it('say what was encoded', () => {
    const votes = certificateOf([1, 2, 3]);
    expect(electorate.decode(electorate.encode(votes))).toEqual(votes);
    expect(electorate.decodeVote(electorate.encode(voteOf(2)))).toEqual(voteOf(2));
  });

  it('are refused when they are too long or too short, or name nobody, or somebody twice, or out of order', () => {
    const bytes = electorate.encode(certificateOf([0, 1, 2]));
    const withMembers = (...members: number[]) => Uint8Array.of(members.length, ...members, ...bytes.subarray(4));
    const refused = [
      new Uint8Array(0),
      bytes.subarray(0, -1),
      Uint8Array.of(...bytes, 0),
      withMembers(),
      withMembers(0, 0, 1),
      withMembers(1, 0, 2),
      Uint8Array.of(MAX_MEMBERS),
    ];
    for (const wrong of refused) expect(() => electorate.decode(wrong)).toThrow(DecodeError);
  });

  it('are no vote without the signature of the one member', () => {
    const { statement, members } = voteOf(1);
    const unsigned = electorate.encode({ statement, members, signature: new Uint8Array(SIGNATURE_BYTES) });
    expect(() => electorate.decodeVote(unsigned)).toThrowError(expect.objectContaining({ code: 'votes/unsigned' }));
    expect(() => electorate.decodeVote(electorate.encode(certificateOf([0, 1, 2])))).toThrow(DecodeError);
    expect(() => electorate.decodeVote(electorate.encode({ ...voteOf(1), members: [77] }))).toThrow(DecodeError);
  });
});

it('takes no more members than a byte can name', () => {
  const many = Array.from({ length: MAX_MEMBERS + 1 }, () => keys[0] ?? '0x');
  const params = { genesisHash: ZERO_HASH, engine: { name: 'test', settings: {} } };
  expect(() => new Electorate({ params, signatures: TAG_KEYS.signatures, keys: many, quorum: 1, statementBytes: 2 })).toThrowError(
    expect.objectContaining({ code: 'internal/assertion' }),
  );
});
