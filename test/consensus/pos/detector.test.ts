import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PublicKey } from '../../../src/base/signatures.ts';
import type { Hash } from '../../../src/base/types.ts';
import {
  DETECTION_EPOCHS,
  type Detector,
  forgetBefore,
  isDouble,
  isSlashable,
  newDetector,
  seeProposal as seenProposal,
  seeVote as seenVote,
  surrounds,
} from '../../../src/consensus/pos/detector.ts';
import type { AttestationData, IndexedAttestation, SignedProposal } from '../../../src/consensus/pos/types.ts';

const root = (n: number): Hash => `0x${n.toString(16).padStart(64, '0')}` as Hash;
const data = (source: number, target: number, head = 1): AttestationData => ({
  slot: target * 4,
  committee: 0,
  head: root(head),
  source: { epoch: source, root: root(source) },
  target: { epoch: target, root: root(target) },
});
const vote = (indices: number[], source: number, target: number, head = 1): IndexedAttestation => ({
  data: data(source, target, head),
  indices,
  signature: new Uint8Array(96),
});
const proposal = (proposer: number, slot: number, block: number): SignedProposal => ({
  proposer,
  slot,
  block: root(block),
  signature: new Uint8Array(96),
});

const keyOf = (index: number): PublicKey => `0x${(0xa0 + index).toString(16)}`;
const VALIDATORS = Array.from({ length: 8 }, (_, index) => ({ publicKey: keyOf(index) }));
const seeVote = (detector: Detector, given: IndexedAttestation, validators = VALIDATORS) => seenVote(detector, given, validators);
const seeProposal = (detector: Detector, given: SignedProposal, key = keyOf(given.proposer)) => seenProposal(detector, given, key);

describe('slashing conditions', () => {
  // Every pair of links with epochs up to 3, judged by the two sentences of the paper.
  it('are those of the paper, for every pair of links', () => {
    const links = [0, 1, 2, 3].flatMap((source) =>
      [0, 1, 2, 3].filter((target) => target >= source).map((target) => [source, target] as const),
    );
    for (const [s1, t1] of links) {
      for (const [s2, t2] of links) {
        const [a, b] = [data(s1, t1, 1), data(s2, t2, 2)];
        expect(isDouble(a, b)).toBe(t1 === t2);
        expect(surrounds(a, b)).toBe(s1 < s2 && t2 < t1);
        expect(isSlashable(a, b)).toBe(t1 === t2 || (s1 < s2 && t2 < t1) || (s2 < s1 && t1 < t2));
      }
    }
  });

  it('do not hold the same vote against anybody, aggregated differently', () => {
    const detector = newDetector();
    expect(seeVote(detector, vote([1], 0, 1))).toEqual([]);
    expect(seeVote(detector, vote([1, 2, 3], 0, 1))).toEqual([]);
    expect(isSlashable(data(0, 1), data(0, 1))).toBe(false);
  });
});

describe('votes', () => {
  it('give one piece of evidence for all whom it convicts, the surrounding vote first', () => {
    const detector = newDetector();
    const [inner, outer] = [vote([1, 2, 3], 2, 3), vote([2, 3, 4], 1, 4)];
    expect(seeVote(detector, inner)).toEqual([]);
    expect(seeVote(detector, outer)).toEqual([{ type: 'votes', first: outer, second: inner }]);
    const other = newDetector();
    seeVote(other, outer);
    expect(seeVote(other, inner)).toEqual([{ type: 'votes', first: outer, second: inner }]);
  });

  it('give a piece for each of several earlier votes', () => {
    const detector = newDetector();
    const [a, b, c] = [vote([1], 0, 2, 1), vote([2], 0, 2, 2), vote([1, 2, 3], 0, 2, 3)];
    seeVote(detector, a);
    seeVote(detector, b);
    expect(seeVote(detector, c)).toHaveLength(2);
    expect([...detector.caught]).toEqual([keyOf(1), keyOf(2)]);
  });

  it('convict a validator once', () => {
    const detector = newDetector();
    seeVote(detector, vote([1], 0, 1, 1));
    expect(seeVote(detector, vote([1], 0, 1, 2))).toHaveLength(1);
    expect(seeVote(detector, vote([1], 0, 1, 3))).toEqual([]);
  });
});

describe('proposals', () => {
  it('convict whoever signs two blocks for a slot', () => {
    const detector = newDetector();
    const [a, b] = [proposal(1, 5, 10), proposal(1, 5, 11)];
    expect(seeProposal(detector, a)).toBeNull();
    expect(seeProposal(detector, a)).toBeNull();
    expect(seeProposal(detector, proposal(2, 5, 12))).toBeNull();
    expect(seeProposal(detector, proposal(1, 6, 12))).toBeNull();
    expect(seeProposal(detector, b)).toEqual({ type: 'proposals', first: a, second: b });
    expect(seeProposal(detector, proposal(1, 5, 13))).toBeNull();
  });
});

describe('memory', () => {
  it('is forgotten after the window, and bounded by it', () => {
    const detector = newDetector();
    for (let epoch = 1; epoch <= 300; epoch++) {
      seeVote(detector, vote([0, 1, 2], epoch - 1, epoch));
      seeProposal(detector, proposal(0, 4 * epoch, epoch));
      forgetBefore(detector, epoch, 4);
    }
    expect(detector.votes.size).toBe(3);
    for (const byEpoch of detector.votes.values()) expect(byEpoch.size).toBe(DETECTION_EPOCHS + 1);
    expect(detector.proposals.size).toBe(DETECTION_EPOCHS + 1);
  });

  it('finds whatever is slashable within it, in any order', () => {
    const link = fc.tuple(fc.nat(5), fc.nat(5)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    fc.assert(
      fc.property(fc.array(link, { maxLength: 8 }), (links) => {
        const detector = newDetector();
        const votes = links.map(([source, target], i) => vote([7], source, target, i));
        const found = votes.flatMap((each) => seeVote(detector, each));
        const exists = votes.some((a, i) => votes.some((b, j) => i < j && isSlashable(a.data, b.data)));
        expect(found.length > 0).toBe(exists);
      }),
    );
  });
});

describe('a place that is not final', () => {
  const another = VALIDATORS.map((validator, index) => (index === 7 ? { publicKey: keyOf(9) } : validator));

  it('may be of two validators on two branches, and neither is convicted by what the other signed', () => {
    const detector = newDetector();
    expect(seeVote(detector, vote([7], 0, 1, 1))).toEqual([]);
    expect(seeVote(detector, vote([7], 0, 1, 2), another)).toEqual([]);
    expect(seeProposal(detector, proposal(7, 5, 1))).toBeNull();
    expect(seeProposal(detector, proposal(7, 5, 2), keyOf(9))).toBeNull();
    expect(detector.caught.size).toBe(0);
    expect(seeVote(detector, vote([7], 0, 1, 3))).toHaveLength(1);
  });

  it('may be one of two of the same validator: evidence names one place', () => {
    const detector = newDetector();
    const moved = [...VALIDATORS.slice(0, 6), VALIDATORS[7] ?? { publicKey: '0x' }];
    expect(seeVote(detector, vote([7], 0, 1, 1))).toEqual([]);
    expect(seeVote(detector, vote([6], 0, 1, 2), moved)).toEqual([]);
    expect(seeProposal(detector, proposal(7, 5, 1))).toBeNull();
    expect(seeProposal(detector, proposal(6, 5, 2), keyOf(7))).toBeNull();
  });
});
