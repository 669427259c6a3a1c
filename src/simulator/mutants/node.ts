/** Bugs around the engines: driver, sync, and the ledger and its storage as the light tier has them. */
import { POW, REJOINING, SHORT, SIGNING } from './conditions.ts';
import type { Mutant } from './mutant.ts';

const LEDGER: readonly Mutant[] = [
  {
    ...POW,
    name: 'ledger/double-spend',
    story: 'One block may hold the same transfer twice, and the money moves twice.',
    source: 'CVE-2018-17144: Bitcoin Core 0.14 to 0.16.2 did not look for duplicate inputs inside one block',
    file: 'simulator/transfers.ts',
    edits: [{ find: 'if (nonce !== expected) throw', replace: 'if (nonce > expected) throw' }],
    finders: ['Validity'],
    maxSeeds: 20,
    adversary: 'doubleSpending',
  },
  {
    ...POW,
    name: 'ledger/state-not-undone',
    story: "A block of another branch is executed on the head's state: what the reorganisation should have undone is still there.",
    source: "the atomicity of reorganisations (Bitcoin Core's DisconnectBlock and its undo data)",
    file: 'simulator/light-ledger.ts',
    edits: [
      {
        find: 'const parent = block && view.state(block.header.parentHash);',
        replace: 'const parent = block && view.state(view.head.hash);',
      },
    ],
    finders: ['Validity'],
    maxSeeds: 20,
  },
  {
    ...POW,
    name: 'ledger/half-reorganisation',
    story: 'A reorganisation replaces the tip in the index of the canonical chain and leaves the old branch below it.',
    source: 'indexes that are written in more than one step; reliability rule b',
    file: 'simulator/light-chain.ts',
    edits: [
      {
        find: 'for (const added of change.added) this.#canonical[added.header.number] = added.hash;',
        replace: 'this.#canonical[node.header.number] = hash;',
      },
    ],
    finders: ['ReorgAtomicity'],
    maxSeeds: 20,
  },
  {
    ...SHORT,
    name: 'ledger/acknowledged-too-soon',
    story: 'A new head is said to be on the disk before it is; a power cut takes it back.',
    source: 'sync: false, and fsync that does not reach the disk (reliability.md)',
    file: 'simulator/light-chain.ts',
    edits: [
      { find: '      () => done(change),', replace: '      () => undefined,' },
      { find: '    return change;\n', replace: '    done(change);\n    return change;\n' },
    ],
    finders: ['Durability', 'WorkMonotone'],
    maxSeeds: 80,
    faults: ['crash', 'slowDisk'],
  },
];

const DRIVER_AND_SYNC: readonly Mutant[] = [
  {
    ...SIGNING,
    name: 'driver/sends-before-durable',
    story:
      'A vote leaves when its record is written and not when it is durable: after a crash it is forgotten, and cast again, differently.',
    source: "the persist-before-send rule; Raft's unpersisted term and vote, Paxos' ballots reused after a restart",
    file: 'node/driver.ts',
    edits: [
      { find: 'if (after === undefined || after <= this.#durable) {', replace: 'if (after === undefined || after <= this.#appended) {' },
    ],
    finders: ['Contract'],
    maxSeeds: 10,
  },
  {
    ...SIGNING,
    name: 'storage/log-not-synced',
    story: 'A record of the consensus log counts as durable before the disk has it; a power cut takes it back.',
    source: 'etcd without fsync; validators that lost their signing databases',
    file: 'simulator/virtual-log.ts',
    edits: [
      {
        find: '      file.write(apply, () => {\n        onDurable(lsn);\n        done();\n      });\n',
        replace: '      file.write(apply, () => undefined);\n      onDurable(lsn);\n      done();\n',
      },
    ],
    finders: ['Durability'],
    maxSeeds: 40,
    options: { ...SIGNING.options, diskWriteMs: 200 },
    faults: ['crash', 'slowDisk'],
  },
  {
    ...SHORT,
    name: 'driver/stale-timer',
    story: 'A timer that was set again fires for its old setting as well.',
    source: 'the driver contract; the doubled election timers of many a Raft',
    file: 'node/timers.ts',
    edits: [
      { find: '      if (this.#handles.get(id) !== handle) return;\n', replace: '' },
      {
        find: 'if (replaced !== undefined) this.#clock.cancelTimer(replaced);\n    else assert(',
        replace: 'if (replaced === undefined) assert(',
      },
    ],
    finders: ['Contract'],
    maxSeeds: 10,
  },
  {
    ...SHORT,
    name: 'sync/body-unchecked',
    story: 'Sync takes any body for the one that it asked for.',
    source: 'CVE-2012-2459, by another way',
    file: 'sync/bodies.ts',
    edits: [{ find: 'if (!turn.context.bodyMatches(block)) throw wrongBody(hash);', replace: '' }],
    finders: ['Validity'],
    maxSeeds: 40,
    faults: ['partition', 'crash'],
    adversary: 'swapping',
  },
  {
    ...REJOINING,
    name: 'sync/false-weight',
    story: 'A peer that went over to a branch that we have ourselves is blamed for the claim that it made before.',
    source: "synod's own, found by the simulator (test/simulator/scenarios/sync-false-weight.json)",
    file: 'sync/session.ts',
    edits: [
      { find: 'if (claim > shown && claim > ours && !session.interrupted) {', replace: 'if (claim > shown && !session.interrupted) {' },
    ],
    finders: ['NoHonestBlamed'],
    maxSeeds: 100,
  },
  {
    ...REJOINING,
    name: 'sync/branch-change-is-bad',
    story: 'A peer that reorganises between two requests is taken for a liar.',
    source: "header sync that bans for headers that do not connect (Bitcoin Core's MAX_UNCONNECTING_HEADERS)",
    file: 'sync/headers.ts',
    edits: [{ find: "while we followed this one.', {}, { blame: false });", replace: "while we followed this one.');" }],
    finders: ['NoHonestBlamed'],
    maxSeeds: 60,
  },
];

export const NODE_MUTANTS: readonly Mutant[] = [...LEDGER, ...DRIVER_AND_SYNC];
