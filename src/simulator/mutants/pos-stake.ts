/** Bugs of proof-of-stake's state transition: what votes justify, what they earn, who enters and leaves. */
import { POS, STAKING, TWINS } from './conditions.ts';
import type { Mutant } from './mutant.ts';

const JUSTIFICATION = 'consensus/pos/justification.ts';
const REGISTRY = 'consensus/pos/registry.ts';
const REQUESTS = 'consensus/pos/requests.ts';

const FINALITY: readonly Mutant[] = [
  {
    ...POS,
    name: 'pos/half-justifies',
    story: 'Half of the stake is taken for two thirds: both sides of a partition may justify.',
    source: 'Casper FFG (arXiv 1710.09437), section 2: a supermajority is two thirds',
    file: JUSTIFICATION,
    edits: [{ find: 'return part * 3n >= whole * 2n;', replace: 'return part * 2n >= whole;' }],
    finders: ['FinalizationRules'],
    maxSeeds: 20,
  },
  {
    ...POS,
    name: 'pos/counted-by-heads',
    story: 'Votes are counted by validators and not by stake, so that whoever splits a stake into small ones decides.',
    source: "the specs' get_attesting_balance; one man, one vote is for whom a key costs nothing",
    file: JUSTIFICATION,
    edits: [{ find: 'votes += validator.effectiveBalance;', replace: 'votes += duties.activeBalance / BigInt(duties.active.length);' }],
    finders: ['FinalizationRules'],
    maxSeeds: 20,
  },
  {
    ...POS,
    name: 'pos/finality-with-a-gap',
    story: 'A link over two epochs finalizes its source although the epoch in between was never justified.',
    source: "the specs' weigh_justification_and_finalization, second rule; Gasper (arXiv 2003.03052), definition 4.9",
    file: JUSTIFICATION,
    edits: [{ find: 'areJustified(0b0110)', replace: 'areJustified(0b0100)' }],
    finders: ['FinalizationRules'],
    maxSeeds: 20,
  },
  {
    ...TWINS,
    name: 'pos/slashed-still-count',
    story: 'Those who were slashed go on voting, and their votes count towards two thirds.',
    source: "the specs' get_unslashed_participating_indices",
    file: 'consensus/pos/attestations.ts',
    edits: [{ find: 'if (slashed) continue;', replace: '' }],
    finders: ['FinalizationRules'],
    maxSeeds: 20,
  },
];

const STAKE: readonly Mutant[] = [
  {
    ...STAKING,
    name: 'pos/withdrawal-before-unbonding',
    story: 'Stake is paid out when its validator has left, and not after the wait: by then there is nothing left to slash.',
    source: "the specs' MIN_VALIDATOR_WITHDRAWABILITY_DELAY; the long-range attack",
    file: REGISTRY,
    edits: [{ find: 'validatorAt(state, index).withdrawableEpoch <= epoch', replace: 'validatorAt(state, index).exitEpoch <= epoch' }],
    finders: ['StakeConservation'],
    maxSeeds: 20,
  },
  {
    ...STAKING,
    name: 'pos/deposit-twice',
    story: 'A first deposit is credited twice.',
    source: "the specs' apply_deposit, which sets the balance once",
    file: REGISTRY,
    edits: [{ find: 'balances: [...state.balances, amount],', replace: 'balances: [...state.balances, 2n * amount],' }],
    finders: ['StakeConservation'],
    maxSeeds: 20,
  },
  {
    ...STAKING,
    name: 'pos/deposit-proof-unchecked',
    story: "A key is taken without proof that its owner has the secret: a rogue key cancels others' out of a sum of signatures.",
    source: 'Ristenpart and Yilek, "The Power of Proofs-of-Possession" (2007); the specs\' apply_deposit',
    file: REQUESTS,
    edits: [{ find: 'if (!signatures.verify({ publicKeys: [publicKey], message, signature })) {', replace: 'if (message.length === 0) {' }],
    finders: ['Requests'],
    maxSeeds: 20,
  },
  {
    ...POS,
    name: 'pos/vote-paid-again',
    story: 'A proposer is paid for votes that were in the chain before it.',
    source: "the specs' process_attestation: flags that are set already bring nothing",
    file: 'consensus/pos/attestations.ts',
    edits: [{ find: '(flags & ~known & flag) !== 0', replace: '(flags & flag) !== 0' }],
    finders: ['StakeConservation'],
    maxSeeds: 20,
  },
];

export const POS_STAKE_MUTANTS: readonly Mutant[] = [...FINALITY, ...STAKE];
