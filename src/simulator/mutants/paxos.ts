/** Bugs of Multi-Paxos: promises, ballots, what a new leader is shown, and what is on disk before it is said. */
import { placeId } from '../places.ts';
import { membersOf } from '../subjects/member-list.ts';
import { TAG_KEYS } from '../tags.ts';
import { turns } from './conditions.ts';
import type { Mutant } from './mutant.ts';

const ACCEPTOR = 'consensus/paxos/acceptor.ts';
const PROPOSER = 'consensus/paxos/proposer.ts';

/** Small networks whose leaders change often. */
const THREE = { engine: 'paxos', options: { nodes: 3, faultsMs: 300_000 } } as const;
const FIVE = { engine: 'paxos', options: { nodes: 5, faultsMs: 300_000 } } as const;
/** Members lose patience before an answer can have come, and stand again: promises come late. */
const IMPATIENT = {
  engine: 'paxos',
  options: {
    nodes: 5,
    faultsMs: 600_000,
    latencyMs: 150,
    jitterMs: 100,
    diskWriteMs: 5,
    engine: {
      members: membersOf([0, 1, 2, 3, 4].map(placeId), TAG_KEYS),
      election: 'timeout',
      heartbeatMs: 100,
      suspicionMs: 400,
      maxSuspicionMs: 400,
      emptyBlockMs: 500,
    },
  },
} as const;
/** Each member in turn is cut off, for long enough that others lead. */
const CUT_IN_TURN = {
  engine: 'paxos',
  schedule: turns(5, 5_000, 6_500, 600_000),
  options: {
    nodes: 5,
    faultsMs: 600_000,
    survivors: [0, 1, 2, 3, 4],
    latencyMs: 100,
    jitterMs: 150,
    diskWriteMs: 5,
    executionMs: 5,
    transfersPerMinute: 60,
    engine: {
      members: membersOf([0, 1, 2, 3, 4].map(placeId), TAG_KEYS),
      election: 'timeout',
      heartbeatMs: 300,
      suspicionMs: 2_000,
      maxSuspicionMs: 2_000,
      emptyBlockMs: 500,
    },
  },
} as const;
const TROUBLES = ['crash', 'partition', 'noise'] as const;

export const PAXOS_MUTANTS: readonly Mutant[] = [
  {
    ...IMPATIENT,
    name: 'paxos/stale-promise',
    story: 'A promise is counted whatever ballot it is for: a late one of an older ballot stands for acceptors that have promised nothing.',
    source: 'Paxos Made Moderately Complex, figure 6: a scout looks at the ballot of every p1b',
    file: PROPOSER,
    edits: [
      { find: "role.role !== 'candidate' || message.ballot !== role.ballot", replace: "role.role !== 'candidate' || message.ballot === 0" },
    ],
    finders: ['SafeAt', 'SlotAgreement', 'ParentChosen', 'Agreement'],
    maxSeeds: 100,
    faults: [...TROUBLES],
  },
  {
    ...THREE,
    name: 'paxos/ballot-reuse',
    story: 'The own promise of a new ballot is not written down: after a crash the same ballot is used again, for other values.',
    source: 'Paxos Made Simple, section 2.5: a proposer remembers the highest number that it has used',
    file: PROPOSER,
    edits: [{ find: '  promise(turn, ballot);', replace: '  state.promised = ballot;\n  state.seen = ballot;' }],
    finders: ['BallotUniqueness', 'AnswersAreDurable', 'OneValuePerBallot'],
    maxSeeds: 50,
    faults: [...TROUBLES],
  },
  {
    ...THREE,
    name: 'paxos/promise-not-on-disk',
    story: 'A promise is given and not written down: after a crash its acceptor accepts under an older ballot.',
    source: 'Paxos Made Simple, section 2.5',
    file: ACCEPTOR,
    edits: [{ find: '  raise(turn, ballot);\n  persistPromise(turn);', replace: '  raise(turn, ballot);' }],
    finders: ['AnswersAreDurable', 'PromiseKept', 'BallotUniqueness'],
    maxSeeds: 20,
    faults: [...TROUBLES],
  },
  {
    ...THREE,
    name: 'paxos/accept-not-on-disk',
    story: 'An acceptor says that it has accepted before its disk has the block: a crash takes what was decided.',
    source: 'Paxos Made Simple, section 2.5: stable storage before the response is sent',
    file: 'consensus/paxos/persist.ts',
    edits: [
      {
        find: "effects.push({ type: 'send', to, message, after: state.lsn });",
        replace: "effects.push({ type: 'send', to, message, after: state.promiseLsn });",
      },
    ],
    finders: ['AnswersAreDurable', 'SlotAgreement', 'GapFreeExecution'],
    maxSeeds: 20,
    faults: ['crash', 'slowDisk', 'noise'],
  },
  {
    ...FIVE,
    name: 'paxos/promise-omits-open-slots',
    story: 'A promise leaves out the slots right above what is decided: a new leader puts something else where something was chosen.',
    source: 'Multi-Paxos implementations that answer phase 1 from the commit index on, and are off by one',
    file: ACCEPTOR,
    edits: [
      { find: 'log.entries.filter(({ height }) => height > known)', replace: 'log.entries.filter(({ height }) => height > known + 1)' },
    ],
    finders: ['SafeAt', 'SlotAgreement', 'ParentChosen', 'Agreement'],
    maxSeeds: 50,
    faults: [...TROUBLES],
  },
  {
    ...THREE,
    name: 'paxos/accept-does-not-raise-the-promise',
    story: 'An acceptor that accepts under a ballot it has not promised goes on to accept under older ones.',
    source:
      'Paxos Made Moderately Complex, figure 4: to accept a pvalue is to adopt its ballot; forgotten where promise and ballot are two variables',
    file: ACCEPTOR,
    edits: [
      {
        find: '  promise(turn, ballot);\n  state.leader = from;',
        replace: '  (state as { led?: number }).led = ballot;\n  state.leader = from;',
      },
      {
        find: 'const height = state.log.acceptedUpTo(state.promised);',
        replace: 'const led = (state as { led?: number }).led ?? state.promised;\n  const height = state.log.acceptedUpTo(led);',
      },
      { find: "{ type: 'accepted', ballot: state.promised, height", replace: "{ type: 'accepted', ballot: led, height" },
    ],
    finders: ['PromiseKept', 'SafeAt', 'SlotAgreement', 'Agreement'],
    maxSeeds: 50,
    faults: [...TROUBLES],
  },
  {
    engine: 'paxos',
    name: 'paxos/reads-without-asking',
    story: 'A member answers a linearizable read from its own chain, without asking who leads: one that is cut off shows the past.',
    source: 'Paxos Made Moderately Complex, section 4.5; the stale reads of many systems in the Jepsen analyses',
    file: 'consensus/paxos/reads.ts',
    edits: [{ find: 'ask: (read) => ask(turn, read) }', replace: 'ask: (read) => heardOf(turn.state.reads, read, turn.self, 0, 1) }' }],
    finders: ['Linearizability'],
    maxSeeds: 100,
    options: { nodes: 3, faultsMs: 300_000, transfersPerMinute: 120 },
    faults: ['partition', 'noise'],
  },
  {
    ...CUT_IN_TURN,
    name: 'paxos/takes-the-lowest-ballot',
    story: 'Of what phase 1 shows for a slot the value of the lowest ballot is taken: one that was chosen since is replaced.',
    source: 'Paxos Made Simple, section 2.2, P2c: the highest-numbered proposal',
    file: 'consensus/paxos/takeover.ts',
    edits: [{ find: 'value.ballot > best.ballot ? value : best', replace: 'value.ballot < best.ballot ? value : best' }],
    finders: ['SafeAt', 'SlotAgreement', 'ParentChosen', 'Agreement'],
    maxSeeds: 20,
  },
  {
    ...CUT_IN_TURN,
    name: 'paxos/no-gap-fill',
    story: 'A leader whom phase 1 has shown a slot that nothing leads to any more waits for somebody to fill it, and nobody does.',
    source: 'Paxos Made Simple, section 3: the no-op in slots that the new leader knows nothing of',
    file: 'consensus/paxos/propose.ts',
    edits: [
      {
        find: '  if (state.transfer !== null && !leadership.hasGap) return;',
        replace: '  if (state.transfer !== null || leadership.hasGap) return;',
      },
    ],
    finders: ['Termination'],
    maxSeeds: 200,
    schedule: turns(5, 5_000, 6_500, 60_000),
    options: { ...CUT_IN_TURN.options, faultsMs: 60_000 },
  },
];
