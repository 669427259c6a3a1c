/** Bugs of PBFT: what is carried through a view change, what is on disk before it is said, what is counted, what is timed. */
import type { Mutant } from './mutant.ts';

const AGREEMENT = 'consensus/pbft/agreement.ts';
const VIEWS = 'consensus/pbft/views.ts';
const TIMING = 'consensus/pbft/timing.ts';
const RESTART = 'consensus/pbft/restart.ts';

/** Small networks whose views change often. */
const PBFT = { engine: 'pbft', options: { nodes: 4, faultsMs: 200_000 } } as const;
const TROUBLED = { ...PBFT, faults: ['crash', 'partition', 'noise', 'clogLink'] } as const;

const VIEW_CHANGES: readonly Mutant[] = [
  {
    ...TROUBLED,
    name: 'pbft/wrong-checkpoint',
    story:
      'A new view begins above the lowest block that its view changes prove, and not above the highest: it asks for blocks that are long decided, and fails, and so does the next.',
    source: 'the checkpoint set of section 4.4 (min-s), mistaken in several implementations: view changes without end',
    file: VIEWS,
    edits: [
      {
        find: 'const base = Math.max(...changes.map((change) => change.base));',
        replace: 'const base = Math.min(...changes.map((change) => change.base));',
      },
    ],
    finders: ['NewViewCarries', 'Termination'],
    maxSeeds: 20,
  },
  {
    ...PBFT,
    name: 'pbft/invalid-masks-valid',
    story:
      'A view change with a prepared certificate that proves nothing is taken all the same; of the highest view, it stands before those that prove something, and the new view carries nothing.',
    source: "Hyperledger's first PBFT and others: certificates are judged after one of them is chosen",
    file: VIEWS,
    edits: [
      {
        find: "  if (prepared.length > 0 && ballot === null) throw wrongChange(change, 'has a prepared certificate that proves nothing');",
        replace: '',
      },
      {
        find: '  return { base, carried: highest?.hash ?? null };',
        replace:
          '  const isMasked = changes.some(({ change, prepared: proven }) => change.prepared.length > 0 && proven === null);\n  return { base, carried: isMasked ? null : (highest?.hash ?? null) };',
      },
      { find: '  if (hash !== checked.prepared?.hash) {', replace: '  if (checked.prepared !== null && hash !== checked.prepared.hash) {' },
    ],
    finders: ['NewViewCarries', 'PreparedIsKept', 'Agreement'],
    maxSeeds: 40,
    faults: ['crash', 'partition', 'noise', 'clogLink'],
    adversary: 'forgedCertificates',
  },
  {
    ...TROUBLED,
    name: 'pbft/prepared-dropped',
    story:
      'A view change says nothing of what its member has prepared, as if the new view began anew: what was committed is decided again.',
    source: 'consensus.md; the locks that IBFT 1 loses (arXiv 1901.07160)',
    file: VIEWS,
    edits: [
      {
        find: 'const prepared = state.prepared?.height === base + 1 ? state.prepared : null;',
        replace: 'const prepared = null as typeof state.prepared;',
      },
    ],
    finders: ['ViewChangeComplete', 'PreparedIsKept', 'Agreement'],
    maxSeeds: 10,
  },
  {
    ...TROUBLED,
    name: 'pbft/silent-leader',
    story: 'Nobody times the primary of a view that is being begun: if it is silent, all wait for ever.',
    source: 'section 4.5.2; liveness of IBFT 1 (arXiv 1901.07160)',
    file: TIMING,
    edits: [
      {
        find: 'if (state.isChanging) return hasQuorum(turn) ?',
        replace: 'if (state.isChanging) return hasQuorum(turn) && state.view < 0 ?',
      },
    ],
    finders: ['Termination'],
    maxSeeds: 30,
    adversary: 'silentPrimary',
  },
  {
    ...TROUBLED,
    name: 'pbft/no-cap',
    story: 'Time-outs double without a cap: after a long partition the network stands still for as long again.',
    source: "Besu's round time-outs, which stall a network for hours after a restart",
    file: TIMING,
    edits: [
      {
        find: 'return Math.min(maxViewTimeoutMs, viewTimeoutMs * 2 ** Math.min(failed, MAX_DOUBLINGS));',
        replace: 'return viewTimeoutMs * 2 ** Math.min(failed, MAX_DOUBLINGS);',
      },
    ],
    finders: ['Bounded', 'Termination'],
    maxSeeds: 40,
    adversary: 'silentPrimary',
  },
];

const VOTES: readonly Mutant[] = [
  {
    ...TROUBLED,
    name: 'pbft/prepare-not-on-disk',
    story: 'A prepare leaves and its record is not read after a restart: the member prepares another block in the same view.',
    source: 'IBFT 1 keeps its locks in memory (arXiv 1901.07160)',
    file: RESTART,
    edits: [{ find: 'if (record.isVoted) note(turn,', replace: 'if (record.isVoted && record.view < 0) note(turn,' }],
    finders: ['EvidenceSound', 'PreparedUnique', 'Agreement'],
    maxSeeds: 60,
    faults: ['crash', 'noise'],
    adversary: 'equivocating',
  },
  {
    ...TROUBLED,
    name: 'pbft/commit-not-on-disk',
    story: 'What is prepared is not written down before the commit leaves: after a crash the view change knows nothing of it.',
    source: 'IBFT 1 keeps its locks in memory (arXiv 1901.07160)',
    file: AGREEMENT,
    edits: [{ find: "const lsn = keep(turn, [{ type: 'prepared', certificate }]);", replace: 'const { lsn } = state;' }],
    finders: ['ViewChangeComplete', 'PreparedIsKept', 'Agreement'],
    maxSeeds: 100,
    faults: ['crash', 'partition', 'noise'],
  },
  {
    ...PBFT,
    name: 'pbft/2f-plus-1',
    story: 'A quorum is 2f + 1, whatever the number of members: of six, two groups of three need not have anybody in common.',
    source: 'IBFT 1 and Quorum (arXiv 1901.07160): ceil(2n/3)',
    file: 'consensus/members/membership.ts',
    edits: [
      {
        find: "return faults === 'crash' ? Math.floor(members / 2) + 1 : Math.ceil((2 * members) / 3);",
        replace: "return faults === 'crash' ? Math.floor(members / 2) + 1 : 2 * faultyOf(members, faults) + 1;",
      },
    ],
    options: { nodes: 6, faultsMs: 200_000 },
    finders: ['CommittedLocal', 'PreparedUnique', 'Agreement'],
    maxSeeds: 20,
    faults: ['partition'],
  },
  {
    ...PBFT,
    name: 'pbft/any-digest',
    story: 'Prepares of a height are counted whatever block they are for: an equivocating primary gets two blocks prepared.',
    source: 'section 4.2: "the same view, sequence number and digest"; Zyzzyva and others checked too little',
    file: 'consensus/votes.ts',
    edits: [
      {
        find: 'filter(({ statement }) => equalBytes(statement, vote.statement));',
        replace:
          'filter(({ statement }) => statement.length === vote.statement.length && equalBytes(statement.subarray(0, 16), vote.statement.subarray(0, 16)));',
      },
    ],
    finders: ['PreparedUnique', 'CommittedLocal', 'Certificates', 'Agreement'],
    maxSeeds: 90,
    faults: ['crash', 'noise'],
    adversary: 'equivocating',
  },
  {
    ...PBFT,
    name: 'pbft/unexecuted',
    story: 'A member prepares a block before it has executed it: an invalid one is committed, and no correct node can go on.',
    source: 'external validity; Hyperledger Fabric 0.6 ordered first and executed later',
    file: AGREEMENT,
    edits: [
      {
        find: "if (status !== 'executed') return void (status === undefined ? insert(turn, round, isProven) : execute(turn, ballot.hash));",
        replace: 'if (status === undefined) return insert(turn, round, isProven);',
      },
    ],
    finders: ['ExternalValidity'],
    maxSeeds: 5,
  },
];

export const PBFT_MUTANTS: readonly Mutant[] = [...VIEW_CHANGES, ...VOTES];
