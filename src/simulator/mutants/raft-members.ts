/** Bugs of changing members under Raft: who counts, from when on, and when a change may begin. */
import type { Mutant } from './mutant.ts';

const STATE = 'consensus/raft/state.ts';

/** Of five nodes three are members at first; operators add and remove any of them. */
const CHANGING = { engine: 'members-of-raft', options: { faultsMs: 600_000 }, faults: ['crash', 'partition', 'noise'] } as const;

export const RAFT_MEMBERS_MUTANTS: readonly Mutant[] = [
  {
    ...CHANGING,
    name: 'raft/in-force-when-decided',
    story:
      'A new membership is in force when it is decided, and not from the block on that carries it: it is decided by the old one alone.',
    source: "Ongaro's dissertation, section 4.1: a server uses the latest configuration in its log, committed or not",
    file: 'consensus/raft/engine.ts',
    edits: [{ find: 'return state.log.last.council;', replace: 'return (state.log.at(state.commit) ?? state.log.last).council;' }],
    finders: ['CommittedIsDurable', 'ElectedByQuorum'],
    maxSeeds: 20,
  },
  {
    ...CHANGING,
    name: 'raft/joint-by-one-side',
    story: 'Of a joint membership those to come decide alone: those of before elect another leader.',
    source: "Ongaro's dissertation, section 4.3: agreement requires majorities of both configurations",
    file: STATE,
    edits: [{ find: 'outgoing: nodes(voters) };', replace: 'outgoing: [] };' }],
    finders: ['CommittedIsDurable', 'ElectedByQuorum', 'ElectionSafety'],
    maxSeeds: 20,
  },
  {
    ...CHANGING,
    name: 'raft/learners-count',
    story: 'A learner is counted as a voter before it has caught up.',
    source: "Ongaro's dissertation, section 4.2.1: not yet counted towards majorities; etcd-io/raft learners",
    file: STATE,
    edits: [
      { find: 'const { voters, incoming } = council.membership;', replace: 'const { voters, incoming, learners } = council.membership;' },
      { find: '{ incoming: nodes(voters), outgoing: [] }', replace: '{ incoming: nodes([...voters, ...learners]), outgoing: [] }' },
    ],
    finders: ['CommittedIsDurable', 'ElectedByQuorum', 'ElectionSafety'],
    maxSeeds: 50,
  },
  {
    ...CHANGING,
    name: 'raft/changes-before-an-own-block',
    story:
      'A new leader takes the next step of a change before it has decided a block of its own term, and does not know what others have begun.',
    source: 'Ongaro, "bug in single-server membership changes", raft-dev, 2015',
    file: 'consensus/raft/change.ts',
    edits: [{ find: 'return first !== null && state.commit >= first;', replace: 'return state.commit >= 0 || first === null;' }],
    finders: ['ChangesAfterOwnBlock'],
    maxSeeds: 100,
  },
];
