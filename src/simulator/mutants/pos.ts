/** Bugs of proof-of-stake's fork choice, of what validators sign, and of what is noticed of others. */
import { ALONE, POS } from './conditions.ts';
import type { Mutant } from './mutant.ts';

const PROTECTION = 'consensus/pos/protection.ts';
const DETECTOR = 'consensus/pos/detector.ts';

const SIGNATURES: readonly Mutant[] = [
  {
    ...ALONE,
    name: 'pos/surround-vote',
    story: 'No target is voted for twice, but one within an earlier vote may be: a clock that was ahead makes a validator slash itself.',
    source: 'EIP-3076, condition 5; Casper FFG (arXiv 1710.09437), second slashing condition; the Medalla testnet (August 2020)',
    file: PROTECTION,
    edits: [{ find: 'source >= last.source && target > last.target', replace: 'target !== last.target' }],
    finders: ['NoHonestSlashable'],
    maxSeeds: 40,
  },
  {
    ...ALONE,
    name: 'pos/second-vote',
    story: 'A validator may vote twice for one target: a clock that is set back makes it do so.',
    source: 'EIP-3076, condition 4; Casper FFG (arXiv 1710.09437), first slashing condition',
    file: PROTECTION,
    edits: [{ find: 'target > last.target', replace: 'target >= last.target' }],
    finders: ['NoHonestSlashable'],
    maxSeeds: 20,
  },
  {
    ...POS,
    name: 'pos/forgets-what-it-signed',
    story: 'After a restart the log is read, and what it says of signatures is not: the signing database was lost.',
    source: 'validators that were slashed after a move to another machine (Staked, February 2021); EIP-3076',
    file: 'consensus/pos/restart.ts',
    edits: [{ find: '    noteRecord(history, record);\n', replace: '' }],
    finders: ['NoHonestSlashable'],
    maxSeeds: 60,
    options: { nodes: 2, faultsMs: 600_000 },
    faults: ['crash', 'clock'],
  },
  {
    ...ALONE,
    name: 'pos/signs-after-a-jump',
    story: 'A clock that jumps is believed at once: validators vote for epochs to come, and then for none until these are there.',
    source: 'the Medalla testnet (August 2020)',
    file: 'consensus/pos/clock.ts',
    edits: [{ find: 'clock.silentUntilMs = context.nowMs + silenceMs(turn);', replace: '' }],
    finders: ['SilentAfterJump'],
    maxSeeds: 20,
  },
];

const OFFENCES: readonly Mutant[] = [
  {
    ...POS,
    name: 'pos/double-votes-unseen',
    story: 'Two votes for one target are taken for the same vote.',
    source: "the specs' is_slashable_attestation_data",
    file: DETECTOR,
    edits: [
      {
        find: 'return a.target.epoch === b.target.epoch && !isSameVote(a, b);',
        replace: 'return a.target.epoch < 0 && !isSameVote(a, b);',
      },
    ],
    finders: ['OffencesFound'],
    maxSeeds: 20,
    adversary: 'doubleVoting',
  },
  {
    ...POS,
    name: 'pos/surround-unseen',
    story: 'Votes within the span of others are noticed by nobody: those who want two histories to be final pay nothing for it.',
    source: 'Casper FFG (arXiv 1710.09437), second slashing condition',
    file: DETECTOR,
    edits: [{ find: 'return isDouble(a, b) || surrounds(a, b) || surrounds(b, a);', replace: 'return isDouble(a, b);' }],
    finders: ['OffencesFound'],
    maxSeeds: 20,
    adversary: 'surroundVoting',
  },
];

const FORK_CHOICE = 'consensus/pos/forkchoice.ts';

const CHOICE_OF_HEAD: readonly Mutant[] = [
  {
    ...POS,
    name: 'pos/no-boost',
    story: 'A timely block weighs no more than its votes: whoever keeps votes back can undo it, or keep two branches in balance.',
    source: 'the balancing attack (Neu, Tas, Tse, arXiv 2009.04987) and ex-ante reorganisations (arXiv 2110.10086)',
    file: FORK_CHOICE,
    edits: [{ find: 'PROPOSER_BOOST_PERCENT = 40n', replace: 'PROPOSER_BOOST_PERCENT = 0n' }],
    finders: ['HeadIsGhost'],
    maxSeeds: 20,
  },
  {
    ...POS,
    name: 'pos/boost-for-ever',
    story: 'The boost of a block does not end with its slot.',
    source: 'the seven blocks that half of the nodes undid in May 2022, when only the other half knew the boost',
    file: FORK_CHOICE,
    edits: [
      {
        find: 'store.boosted = store.early?.slot === slot ? store.early.hash : null;',
        replace: 'store.boosted = store.early?.slot === slot ? store.early.hash : store.boosted;',
      },
    ],
    finders: ['HeadIsGhost'],
    maxSeeds: 20,
  },
  {
    ...POS,
    name: 'pos/second-block-boosted',
    story: 'Of two blocks of one proposer the later one is boosted, so that a proposer can take back its own block when it likes.',
    source: "the specs' on_block, since 2023: only the first timely block of a slot",
    file: FORK_CHOICE,
    edits: [{ find: 'store.boosted ??= hash', replace: 'store.boosted = hash' }],
    finders: ['HeadIsGhost'],
    maxSeeds: 20,
    adversary: 'doubleProposing',
  },
  {
    ...POS,
    name: 'pos/vote-counts-at-once',
    story: 'A vote counts in its own slot already: who votes early moves those who are about to.',
    source: "the specs' validate_on_attestation; the attacks of arXiv 2003.03052, section 4.6, on votes that are seen too soon",
    file: 'consensus/pos/votes.ts',
    edits: [
      {
        find: 'if (slot < state.slot) addVote(state.store, vote.indices',
        replace: 'if (slot <= state.slot) addVote(state.store, vote.indices',
      },
    ],
    finders: ['HeadIsGhost'],
    maxSeeds: 40,
  },
  {
    ...POS,
    name: 'pos/equivocators-count',
    story: 'Those who were seen to vote twice go on counting, each of them for one branch here and for another there.',
    source: "the equivocating balancing attack (arXiv 2110.10086); the specs' on_attester_slashing",
    file: FORK_CHOICE,
    edits: [
      {
        find: '    store.equivocating.add(validator);\n    store.latest.delete(validator);\n',
        replace: '    if (validator < 0) store.latest.delete(validator);\n',
      },
    ],
    finders: ['HeadIsGhost'],
    maxSeeds: 20,
    adversary: 'balancing',
  },
  {
    ...POS,
    name: 'pos/bouncing',
    story:
      'What a branch has justified counts once one of its blocks says so: whoever holds that block back makes the others change sides.',
    source: 'the bouncing attack (Nakamura, 2019), and its remedy of 2023, unrealized justification',
    file: FORK_CHOICE,
    edits: [
      {
        find: 'if (epochOf(store, slot) < epochOf(store, store.slot)) updateCheckpoints(store, unrealizedJustified, unrealizedFinalized);',
        replace: '',
      },
    ],
    finders: ['HeadIsGhost'],
    maxSeeds: 20,
  },
  {
    ...POS,
    name: 'pos/pulled-up-too-early',
    story: 'What a block would justify if its epoch were over counts at once.',
    source: "synod's own, found by HeadIsGhost; the specs' compute_pulled_up_tip",
    file: FORK_CHOICE,
    edits: [{ find: 'if (epochOf(store, slot) < epochOf(store, store.slot)) updateCheckpoints', replace: 'updateCheckpoints' }],
    finders: ['HeadIsGhost'],
    maxSeeds: 20,
  },
  {
    ...POS,
    name: 'pos/longest-chain',
    story: 'The block with the highest slot wins and not the one with the most votes.',
    source: "the papers' reason for GHOST (Sompolinsky and Zohar, 2015)",
    file: FORK_CHOICE,
    edits: [
      {
        find: 'return weight === other ? block.hash > rival.hash : weight > other;',
        replace: 'return block.slot === rival.slot ? weight > other : block.slot > rival.slot;',
      },
    ],
    finders: ['HeadIsGhost'],
    maxSeeds: 20,
  },
];

export const POS_MUTANTS: readonly Mutant[] = [...CHOICE_OF_HEAD, ...SIGNATURES, ...OFFENCES];
