/** The four rules of "weigh_justification_and_finalization" as a table, and both ways to justify on a chain. */
import { describe, expect, it } from 'vitest';
import { proposerOf } from '../../../src/consensus/pos/committees.ts';
import {
  type Finality,
  isSupermajority,
  shiftJustification,
  unrealizedCheckpoints,
  weigh,
} from '../../../src/consensus/pos/justification.ts';
import type { Checkpoint, Offence } from '../../../src/consensus/pos/types.ts';
import { StakeChain, someHash } from './stake-chain.ts';

const ENDING = 20;
const at = (epoch: number): Checkpoint => ({ epoch, root: someHash(epoch) });

/** `justified`: epochs back from the ending one that were justified before it ended. */
function before(justified: readonly number[], previousJustified: number, currentJustified: number): Finality {
  return {
    // Before the shift, epoch n back is bit n - 1.
    justificationBits: justified.reduce((bits, back) => bits | (1 << (back - 1)), 0),
    previousJustified: at(ENDING - previousJustified),
    currentJustified: at(ENDING - currentJustified),
    finalized: at(ENDING - 10),
  };
}

interface Row {
  readonly name: string;
  readonly before: Finality;
  /** Whether the votes of the previous, and of the ending epoch have two thirds. */
  readonly previous: boolean;
  readonly current: boolean;
  readonly bits: number;
  readonly justified: number;
  readonly finalized: number;
}

const TABLE: readonly Row[] = [
  {
    name: '234: 1, 2 and 3 back, the newest from 3 back',
    before: before([2, 3], 3, 2),
    previous: true,
    current: false,
    bits: 0b1110,
    justified: 1,
    finalized: 3,
  },
  {
    name: '23: 1 and 2 back, the newest from 2 back',
    before: before([2], 2, 2),
    previous: true,
    current: false,
    bits: 0b0110,
    justified: 1,
    finalized: 2,
  },
  {
    name: '123: 0, 1 and 2 back, the newest from 2 back',
    before: before([2], 4, 2),
    previous: true,
    current: true,
    bits: 0b0111,
    justified: 0,
    finalized: 2,
  },
  {
    name: '12: 0 and 1 back, the newest from 1 back',
    before: before([1], 4, 1),
    previous: false,
    current: true,
    bits: 0b0011,
    justified: 0,
    finalized: 1,
  },
  {
    name: 'not 234 when the epoch in the middle is not justified',
    before: before([3], 3, 3),
    previous: true,
    current: false,
    bits: 0b1010,
    justified: 1,
    finalized: 10,
  },
  {
    name: 'not 23 when the source is older than 2 back',
    before: before([2], 4, 4),
    previous: true,
    current: false,
    bits: 0b0110,
    justified: 1,
    finalized: 10,
  },
  {
    name: 'not 123 when the epoch in the middle is not justified',
    before: before([2], 4, 2),
    previous: false,
    current: true,
    bits: 0b0101,
    justified: 0,
    finalized: 10,
  },
  {
    name: 'not 12 when the source is not 1 back',
    before: before([1], 5, 4),
    previous: false,
    current: true,
    bits: 0b0011,
    justified: 0,
    finalized: 10,
  },
  {
    name: 'nothing when nobody has two thirds',
    before: before([2], 3, 2),
    previous: false,
    current: false,
    bits: 0b0100,
    justified: 2,
    finalized: 10,
  },
  {
    name: 'the newer one when two rules hold',
    before: before([1, 2], 2, 1),
    previous: true,
    current: true,
    bits: 0b0111,
    justified: 0,
    finalized: 1,
  },
];

describe('consensus/pos justification', () => {
  it.each(TABLE)('rule $name', (row) => {
    const after = weigh(row.before, ENDING, row.previous ? at(ENDING - 1) : null, row.current ? at(ENDING) : null);
    expect(after).toEqual({
      justificationBits: row.bits,
      previousJustified: row.before.currentJustified,
      currentJustified: at(ENDING - row.justified),
      finalized: at(ENDING - row.finalized),
    });
  });

  it('takes exactly two thirds for enough', () => {
    expect([isSupermajority(2n, 3n), isSupermajority(199n, 300n), isSupermajority(200n, 300n), isSupermajority(0n, 1n)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it('shifts in nothing at the end of empty epochs', () => {
    const state = { justificationBits: 0b1111, previousJustified: at(1), currentJustified: at(2), finalized: at(0) };
    const bits = [0, 1, 2, 3, 4, 1_000].map((epochs) => shiftJustification(state, epochs).justificationBits);
    expect(bits).toEqual([0b1111, 0b1110, 0b1100, 0b1000, 0, 0]);
    expect(shiftJustification(state, 0).previousJustified).toEqual(at(1));
    expect(shiftJustification(state, 1).previousJustified).toEqual(at(2));
  });

  it('justifies the first epoch and finalizes it with the second: genesis is a checkpoint like others', () => {
    const chain = new StakeChain();
    chain.run(8);
    expect([chain.state.currentJustified.epoch, chain.state.finalized.epoch]).toEqual([1, 0]);
    chain.run(12);
    expect([chain.state.currentJustified.epoch, chain.state.finalized.epoch]).toEqual([2, 1]);
  });

  it('knows before the epoch is over what it will justify', () => {
    const chain = new StakeChain();
    chain.run(15);
    const { justified, finalized } = unrealizedCheckpoints(chain.rules.settings, chain.state);
    expect([justified.epoch, finalized.epoch]).toEqual([3, 2]);
    const next = chain.at(16);
    expect([next.currentJustified, next.finalized]).toEqual([justified, finalized]);
    expect(chain.state.currentJustified.epoch).toBe(2);
  });

  it.each([
    { rule: '23', lateFrom: 12, justified: 3, finalized: 2 },
    { rule: '234', lateFrom: 8, justified: 3, finalized: 1 },
  ])('justifies epochs whose votes come too late for their own, by rule $rule', ({ lateFrom, justified, finalized }) => {
    const chain = new StakeChain();
    chain.run(lateFrom);
    // Votes of the second half of each epoch arrive only when it is over.
    for (let slot = lateFrom + 1; slot <= 20; slot++) {
      const late = chain.waiting;
      const isHeldBack = slot % 4 >= 2;
      chain.extend(slot, isHeldBack ? { attestations: [] } : {});
      if (isHeldBack) chain.waiting = [...late, ...chain.waiting];
    }
    expect([chain.state.currentJustified.epoch, chain.state.finalized.epoch]).toEqual([justified, finalized]);
  });

  it('needs two thirds of the stake, not of the validators', () => {
    const run = (stakes: readonly number[]): number => {
      const chain = new StakeChain(stakes.length);
      const validators = chain.rules.settings.validators.map((each, i) => ({
        publicKey: each.publicKey,
        depositor: each.depositor,
        stakeEther: stakes[i] ?? 32,
      }));
      const weighted = new StakeChain(stakes.length, { validators });
      weighted.run(16, { votes: (index) => index !== 0 });
      return weighted.state.currentJustified.epoch;
    };
    // 128 of 192 vote. Those of an epoch's last slot are counted at the end of the next one.
    expect(run([64, 32, 32, 32, 32])).toBe(2);
    expect(run([128, 32, 32, 32, 32])).toBe(0);
  });

  describe('when some of just two thirds are slashed', () => {
    const SIX = (index: number) => index < 6;
    /** Evidence against one of the six, in a block that somebody else proposes. */
    function slashOne(chain: StakeChain, slot: number): void {
      const now = chain.at(slot);
      const proposer = proposerOf(chain.rules.settings, now, slot);
      const guilty = [0, 1, 2, 3, 4, 5].find((index) => index !== proposer) ?? 0;
      const offence: Offence = {
        type: 'proposals',
        first: chain.proposal(guilty, 1, someHash(1)),
        second: chain.proposal(guilty, 1, someHash(2)),
      };
      chain.extend(slot, { offences: [offence], votes: SIX });
      expect(chain.state.validators[guilty]?.slashed).toBe(true);
    }

    /** Slots of who was slashed stay empty. */
    function vacancies(chain: StakeChain): number {
      let empty = 0;
      for (let slot = chain.state.slot + 1; ; slot++, empty++) {
        const now = chain.at(slot);
        if (now.validators[proposerOf(chain.rules.settings, now, slot) ?? 0]?.slashed === false) return empty;
      }
    }

    it('keeps what a block has justified: its descendants would have nothing that they could be the head with', () => {
      const chain = new StakeChain();
      chain.run(12, { votes: SIX });
      const justified = () => unrealizedCheckpoints(chain.rules.settings, chain.state).justified.epoch;
      expect([chain.epoch, justified()]).toEqual([3, 2]);
      slashOne(chain, 13);
      expect(justified()).toBe(2);
      expect(chain.at(16).currentJustified.epoch).toBe(2);
    });

    it('counts no vote that comes after that', () => {
      const chain = new StakeChain();
      chain.run(8, { votes: SIX });
      // The first votes of epoch 2 come in the block that has the evidence, after it.
      slashOne(chain, 9);
      while (chain.state.slot < 16) chain.extend(chain.state.slot + 1 + vacancies(chain), { votes: SIX });
      expect(chain.state.currentJustified.epoch).toBe(1);
    });
  });
});
