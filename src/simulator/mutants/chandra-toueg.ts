/** Bugs of Chandra-Toueg: which estimate is proposed, what is on disk before it is said, who is waited for, and reads. */
import type { Mutant } from './mutant.ts';

const COORDINATOR = 'consensus/chandra-toueg/coordinator.ts';
const ROUNDS = 'consensus/chandra-toueg/rounds.ts';
const NOTES = 'consensus/chandra-toueg/notes.ts';

/** Small networks in which coordinators change often. */
const SMALL = { engine: 'chandra-toueg', options: { nodes: 3, faultsMs: 300_000 } } as const;
const FIVE = { engine: 'chandra-toueg', options: { nodes: 5, faultsMs: 300_000 } } as const;

export const CHANDRA_TOUEG_MUTANTS: readonly Mutant[] = [
  {
    ...FIVE,
    name: 'chandra-toueg/lowest-timestamp',
    story: 'Of the estimates that members have adopted the oldest is proposed: a decided value is replaced by one that was given up.',
    source: 'Chandra and Toueg, JACM 43(2) 1996, figure 6, phase 2: t is the largest timestamp',
    file: COORDINATOR,
    edits: [
      {
        find: 'if (entry[1].timestamp > best[1].timestamp) best = entry;',
        replace: 'if (entry[1].timestamp > 0 && (best[1].timestamp === 0 || entry[1].timestamp < best[1].timestamp)) best = entry;',
      },
    ],
    finders: ['LockedValue', 'UniformAgreement', 'Agreement'],
    maxSeeds: 200,
    faults: ['crash', 'partition', 'cutLink', 'noise'],
  },
  {
    ...SMALL,
    name: 'chandra-toueg/own-value-first',
    story: 'A coordinator proposes its own block, whatever the others have adopted.',
    source: 'Chandra and Toueg, JACM 43(2) 1996, section 6.2: the value is locked once a majority has acknowledged it',
    file: COORDINATOR,
    edits: [
      {
        find: '  if (best.timestamp > 0) return wholeValue(turn, height, best, from);\n',
        replace: '  if (best.timestamp > round) return wholeValue(turn, height, best, from);\n',
      },
    ],
    finders: ['LockedValue', 'UniformAgreement', 'Agreement'],
    maxSeeds: 50,
    faults: ['crash', 'partition', 'noise'],
  },
  {
    ...SMALL,
    name: 'chandra-toueg/acknowledges-too-early',
    story: 'A member acknowledges a proposal before its estimate is on disk: after a crash it has never heard of it.',
    source: 'Aguilera, Chen and Toueg, DISC 1998: what is in stable storage before a message leaves',
    file: ROUNDS,
    edits: [
      {
        find: "  tell(turn, from, { type: 'ack', height, round }, note);\n}",
        replace: "  send(turn, from, { type: 'ack', height, round });\n}",
      },
    ],
    finders: ['AdoptedBeforeSaid', 'DecidedByMajority'],
    maxSeeds: 10,
    faults: ['crash', 'slowDisk'],
  },
  {
    ...SMALL,
    name: 'chandra-toueg/round-not-on-disk',
    story: 'A round is entered and not written down: after a crash the member acknowledges an earlier one that it has given up.',
    source: 'Aguilera, Chen and Toueg, DISC 1998: the round is part of what is in stable storage',
    file: NOTES,
    edits: [{ find: "  write(turn, note, [{ type: 'round', height: note.height, round }]);\n", replace: '' }],
    finders: ['PromisesKept', 'LockedValue', 'UniformAgreement'],
    maxSeeds: 100,
    faults: ['crash', 'partition', 'noise'],
  },
  {
    ...SMALL,
    name: 'chandra-toueg/forgets-its-estimate',
    story: 'After a crash a member has the round that it had reached, and no estimate: a value that a majority had adopted is lost.',
    source: 'Aguilera, Chen and Toueg, DISC 1998: estimate and timestamp are part of what is in stable storage',
    file: NOTES,
    edits: [{ find: '  note.timestamp = record.timestamp;\n', replace: '' }],
    finders: ['LockedValue', 'OneValuePerRound', 'UniformAgreement'],
    maxSeeds: 100,
    faults: ['crash', 'partition', 'noise'],
  },
  {
    ...SMALL,
    name: 'chandra-toueg/fewer-than-a-majority',
    story: 'A coordinator decides with one acknowledgement too few: two parts of a network decide differently.',
    source: 'Chandra and Toueg, JACM 43(2) 1996, section 6.2: a majority, since any two have a member in common',
    file: COORDINATOR,
    edits: [{ find: 'count < council.membership.quorum', replace: 'count < council.membership.quorum - 1' }],
    finders: ['DecidedByMajority', 'UniformAgreement'],
    maxSeeds: 10,
    faults: ['crash', 'partition'],
  },
  {
    ...SMALL,
    name: 'chandra-toueg/waits-for-a-suspect',
    story: 'A member goes on waiting for a coordinator that it suspects: with that one dead nothing is decided any more.',
    source: 'Chandra and Toueg, JACM 43(2) 1996, figure 6, phase 3: until a proposal has come, or the coordinator is suspected',
    file: ROUNDS,
    edits: [
      {
        find: 'if (!isSuspected && nowMs < attempt.deadlineMs) return;',
        replace: 'if (isSuspected || nowMs >= attempt.deadlineMs) return;',
      },
    ],
    finders: ['Termination'],
    maxSeeds: 50,
    faults: ['crash'],
  },
  {
    ...SMALL,
    name: 'chandra-toueg/never-suspects',
    story: 'Silence makes nobody suspected.',
    source: 'Chandra and Toueg, JACM 43(2) 1996, section 2: strong completeness',
    file: 'consensus/chandra-toueg/step.ts',
    edits: [{ find: 'if (suspected.has(node)) continue;', replace: 'if (!suspected.has(node)) continue;' }],
    finders: ['StrongCompleteness'],
    maxSeeds: 10,
    faults: ['crash', 'partition'],
  },
  {
    ...SMALL,
    name: 'chandra-toueg/decision-not-relayed',
    story: 'Who hears of a decision keeps it: if the coordinator dies while it tells the others, some never hear of it.',
    source: 'Chandra and Toueg, JACM 43(2) 1996, figure 2: reliable broadcast, all processes send m to all',
    file: 'consensus/chandra-toueg/deciding.ts',
    edits: [{ find: '  if (isAnswer) return;\n', replace: '  if (isAnswer || from !== null) return;\n' }],
    finders: ['ReliableBroadcast'],
    maxSeeds: 10,
    faults: ['crash'],
  },
  {
    ...SMALL,
    name: 'chandra-toueg/reads-without-asking',
    story: 'A member answers a linearizable read from its own chain, without asking a majority: one that is cut off shows the past.',
    source: 'the lost reads of many systems in the Jepsen analyses; Ongaro, dissertation, section 6.4',
    file: 'consensus/chandra-toueg/reads.ts',
    edits: [
      {
        find: "ask: (read) => toOthers<ChandraTouegMessage>(turn, { type: 'query', read }),",
        replace: 'ask: (read) => heardOf(turn.state.reads, read, turn.self, 0, 1),',
      },
    ],
    finders: ['Linearizability'],
    maxSeeds: 100,
    options: { nodes: 3, faultsMs: 300_000, transfersPerMinute: 120 },
    faults: ['partition', 'noise'],
  },
];
