/** Bugs of proof-of-stake's state transition: what votes justify, what they earn, who enters and leaves. */
import { POS, STAKING } from './conditions.ts';
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
    finders: ['FinalizationRules', 'HeadIsGhost'],
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
    ...POS,
    name: 'pos/slashed-still-count',
    story: 'Those who were slashed go on voting, and their votes count towards two thirds.',
    source: "the specs' get_unslashed_participating_indices",
    file: 'consensus/pos/attestations.ts',
    edits: [{ find: 'if (slashed) continue;', replace: '' }],
    finders: ['FinalizationRules'],
    maxSeeds: 20,
    adversary: 'doubleVoting',
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

const VALIDATORS: readonly Mutant[] = [
  {
    ...STAKING,
    name: 'pos/set-changes-too-soon',
    story: 'Who enters or leaves does so in the next epoch, whose committees have been drawn without it.',
    source: "the specs' compute_activation_exit_epoch; Cosmos Hub v17.1, where one validator left while another entered",
    file: REGISTRY,
    edits: [{ find: 'return epoch + 1 + SET_LOOKAHEAD_EPOCHS;', replace: 'return epoch + 1;' }],
    finders: ['RegistryRules'],
    maxSeeds: 20,
  },
  {
    ...POS,
    name: 'pos/slashed-again',
    story: 'Evidence may be used again: whoever has been slashed pays with every block.',
    source: "the specs' is_slashable_validator",
    file: 'consensus/pos/offences.ts',
    edits: [{ find: 'return !validator.slashed && validator', replace: 'return validator' }],
    finders: ['RegistryRules'],
    maxSeeds: 20,
    adversary: 'doubleVoting',
  },
  {
    ...POS,
    name: 'pos/leak-never-begins',
    story: 'Without finality everything goes on as usual: those who are away keep their stake, and the rest never become two thirds.',
    source: "Gasper (arXiv 2003.03052), section 8.3; the specs' inactivity leak",
    file: 'consensus/pos/rewards.ts',
    edits: [
      {
        find: 'return state.epochsSinceFinality > settings.leakAfterEpochs;',
        replace: 'return state.epochsSinceFinality < 0 && settings.leakAfterEpochs < 0;',
      },
    ],
    finders: ['Leak'],
    maxSeeds: 20,
  },
  {
    ...POS,
    name: 'pos/leak-never-ends',
    story: 'Epochs without finality are counted for ever: the leak goes on when things become final again.',
    source: "the specs' get_finality_delay",
    file: 'consensus/pos/epochs.ts',
    edits: [
      {
        find: 'return { ...state, ...finality, epochsSinceFinality };',
        replace: 'return { ...state, ...finality, epochsSinceFinality: state.epochsSinceFinality + epochsSinceFinality };',
      },
    ],
    finders: ['Leak'],
    maxSeeds: 20,
  },
];

const DUTIES: readonly Mutant[] = [
  {
    ...POS,
    name: 'pos/few-rounds',
    story: 'The shuffle has 10 rounds, so that near places stay near: committees can be guessed, and other clients draw others.',
    source: 'Hoang, Morris, Rogaway, "An Enciphering Scheme Based on a Card Shuffle" (2012); SHUFFLE_ROUND_COUNT',
    file: 'consensus/pos/shuffle.ts',
    edits: [{ find: 'SHUFFLE_ROUNDS = 90', replace: 'SHUFFLE_ROUNDS = 10' }],
    finders: ['DutiesExact'],
    maxSeeds: 10,
  },
  {
    ...POS,
    name: 'pos/no-look-ahead',
    story: 'The seed of an epoch is made when the epoch begins: the last proposer before it chooses between two sets of duties.',
    source: "the specs' MIN_SEED_LOOKAHEAD",
    file: 'consensus/pos/settings.ts',
    edits: [{ find: 'SEED_LOOKAHEAD_EPOCHS = 1', replace: 'SEED_LOOKAHEAD_EPOCHS = 0' }],
    finders: ['DutiesExact'],
    maxSeeds: 10,
  },
  {
    ...POS,
    name: 'pos/turns-by-heads',
    story: 'Everybody proposes as often as everybody else, whatever the stake.',
    source: "the specs' compute_proposer_index",
    file: 'consensus/pos/committees.ts',
    edits: [
      {
        find: 'if (balanceOf(candidate) << 64n >= largest * chance) return candidate;',
        replace: 'if (largest >= chance >> 64n) return candidate;',
      },
    ],
    finders: ['DutiesExact'],
    maxSeeds: 10,
  },
  {
    ...POS,
    name: 'pos/one-reveal-for-all',
    story: 'A reveal names no epoch, so that a proposer has one for ever: after its first block nothing that it adds is new to anybody.',
    source: "the specs' get_epoch_signature; signing domains",
    file: 'consensus/pos/signing.ts',
    edits: [{ find: "return signingRoot(chain, 'randao', epoch, []);", replace: "return signingRoot(chain, 'randao', 0 * epoch, []);" }],
    finders: ['DutiesExact'],
    maxSeeds: 10,
  },
];

export const POS_STAKE_MUTANTS: readonly Mutant[] = [...FINALITY, ...STAKE, ...VALIDATORS, ...DUTIES];
