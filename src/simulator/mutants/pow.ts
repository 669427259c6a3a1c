/** Bugs of proof-of-work's rules and fork choice, most of them made by others before us. */
import type { Mutant } from './mutant.ts';

const POW = { engine: 'pow' } as const;
/** For bugs of nodes that come together again, and find that some went over to the branch of others. */
const REJOINING = {
  engine: 'pow',
  options: { nodes: 7, faultsMs: 900_000, engine: { blockTimeSeconds: 2, minimumDifficulty: 50, blockRewardWei: 5 } },
  faults: ['partition', 'noise', 'crash'],
} as const;
/** For bugs that only time shows: less of it, so that a seed takes a fraction of a second. */
const SHORT = {
  engine: 'pow',
  options: { nodes: 4, faultsMs: 600_000, engine: { blockTimeSeconds: 5, minimumDifficulty: 50, blockRewardWei: 5 } },
} as const;
const ASERT = 'consensus/pow/asert.ts';
const RULES = 'consensus/pow/rules.ts';
const FORK_CHOICE = 'consensus/pow/forkchoice.ts';
const ARRIVALS = 'consensus/pow/arrivals.ts';

const DIFFICULTY: readonly Mutant[] = [
  {
    ...POW,
    name: 'pow/interval-off-by-one',
    story: 'The timetable counts the blocks and not the intervals between them, so every block is expected one block time early.',
    source: "Bitcoin's first retarget code, which measures 2015 intervals for 2016 blocks",
    file: ASERT,
    edits: [{ find: '(heightDelta + 1n)', replace: 'heightDelta' }],
    finders: ['BitsExact'],
    maxSeeds: 10,
  },
  {
    ...POW,
    name: 'pow/asert-sign',
    story: 'A chain that is late gets a higher difficulty instead of a lower one, and comes to a halt.',
    source: 'aserti3-2d; the emergency adjustment of Bitcoin Cash in 2017 shows what oscillation of this kind does',
    file: ASERT,
    edits: [{ find: 'timeDelta - blockTimeSeconds * (heightDelta + 1n)', replace: 'blockTimeSeconds * (heightDelta + 1n) - timeDelta' }],
    finders: ['BitsExact'],
    maxSeeds: 10,
  },
  {
    ...POW,
    name: 'pow/asert-rounding',
    story: 'The exponent is rounded down instead of towards zero: nodes in another language disagree about a block that comes early.',
    source: 'aserti3-2d, which demands truncation; its vectors were published because of mistakes like this',
    file: ASERT,
    edits: [
      {
        find: '(late * RADIX) / halfLifeSeconds',
        replace: '(late * RADIX - (((late * RADIX) % halfLifeSeconds) + halfLifeSeconds) % halfLifeSeconds) / halfLifeSeconds',
      },
    ],
    finders: ['BitsExact'],
    maxSeeds: 10,
  },
  {
    ...POW,
    name: 'pow/pause-storm',
    story:
      'What a pause left out of the timetable is forgotten: after a night the network owes thousands of blocks and pays them back in a storm.',
    source: "Bitcoin's testnet3, whose easy block resets the difficulty (BIP94)",
    file: RULES,
    edits: [{ find: 'BigInt(parent.header.timestamp) - parent.facts.carried', replace: 'BigInt(parent.header.timestamp)' }],
    finders: ['BitsExact'],
    maxSeeds: 20,
    options: { engine: { blockTimeSeconds: 2, pauseAfterSeconds: 40, minimumDifficulty: 50, blockRewardWei: 5 } },
    faults: ['hashRate', 'crash'],
  },
  {
    ...POW,
    name: 'pow/relative-anchor',
    story: 'The schedule counts from the parent and not from one fixed block, so that errors of rounding and times add up.',
    source: "aserti3-2d compared with relative ASERT; testnet's storms of easy blocks (BIP94)",
    file: RULES,
    edits: [{ find: 'anchorTarget: targetOf(genesis.difficulty)', replace: 'anchorTarget: targetOf(parent.header.difficulty)' }],
    finders: ['BitsExact'],
    maxSeeds: 10,
  },
  {
    ...POW,
    name: 'pow/negative-target',
    story:
      'A target whose top bit is set is written as if that bit were no sign, and read without it: half of all targets lose most of their value.',
    source: "Bitcoin's compact form with its sign bit (SetCompact's fNegative)",
    file: 'consensus/pow/compact.ts',
    edits: [
      { find: 'if ((mantissa & SIGN_BIT) !== 0) {', replace: 'if (mantissa < 0) {' },
      { find: "if ((bits & SIGN_BIT) !== 0) return refuse('negative');", replace: '' },
    ],
    finders: ['BitsExact', 'WorkExact'],
    maxSeeds: 20,
    faults: ['hashRate'],
  },
];

const TIMES_AND_PROOFS: readonly Mutant[] = [
  {
    ...POW,
    name: 'pow/timewarp',
    story: 'A block may be as old as its miner likes: the chain is set back in time, and the schedule takes it for late.',
    source: 'the timewarp attack (Geist Geld, 2011; BIP54); BIP113 for the median of times',
    file: RULES,
    edits: [{ find: 'if (header.timestamp <= times.median) refuse', replace: 'if (header.timestamp < 0) refuse' }],
    finders: ['TimeBounds'],
    maxSeeds: 20,
    adversary: 'unlawfulHeaders',
  },
  {
    ...POW,
    name: 'pow/median-of-fewer',
    story: 'The median is taken one place too low, so that a miner can go back in time a little with each block.',
    source: "Bitcoin Core's GetMedianTimePast, by one place",
    file: RULES,
    edits: [{ find: 'times[Math.floor(times.length / 2)]', replace: 'times[Math.floor((times.length - 1) / 4)]' }],
    finders: ['TimeBounds'],
    maxSeeds: 10,
    adversary: 'timewarp',
  },
  {
    ...POW,
    name: 'pow/no-future-limit',
    story: 'A block from the far future is taken at once, whatever the clock says, and makes the blocks after it easy.',
    source: "Bitcoin's two hours (ContextualCheckBlockHeader); Verge's and other coins' timestamp exploits of 2018",
    file: RULES,
    edits: [{ find: 'if (header.timestamp <= latest) return;', replace: 'if (header.timestamp <= MAX_TIME_SECONDS) return;' }],
    finders: ['TimeBounds'],
    maxSeeds: 10,
    adversary: 'unlawfulHeaders',
  },
  {
    ...POW,
    name: 'pow/early-is-bad',
    story: 'A block that is only early counts against whoever brings it: nodes with slow clocks ban the honest ones.',
    source: "the Medalla testnet's clocks (August 2020); Bitcoin Core's BLOCK_TIME_FUTURE, which must not be remembered",
    file: RULES,
    edits: [{ find: '{ blame: false },', replace: '{ blame: true },' }],
    finders: ['NoHonestBlamed'],
    maxSeeds: 40,
  },
  {
    ...POW,
    name: 'pow/proof-unchecked',
    story: 'Headers are held against every rule but the one that costs something: anybody can make blocks for nothing.',
    source: 'the Bitcoin paper, section 4',
    file: RULES,
    edits: [{ find: '  rules.checkProof(header);\n', replace: '' }],
    finders: ['Proven'],
    maxSeeds: 40,
    adversary: 'mutating',
  },
  {
    ...POW,
    name: 'pow/malleable-block',
    story: 'A field outside of the hash may hold anything, so one block has many encodings, and whoever relays it can change it.',
    source: "transaction malleability (BIP62, BIP141), and the 64-byte transactions of Bitcoin's merkle tree",
    file: RULES,
    edits: [{ find: 'if (seal.length !== 0) refuse', replace: 'if (seal.length > 1_024) refuse' }],
    finders: ['OneEncoding'],
    maxSeeds: 20,
    adversary: 'mutating',
  },
  {
    ...POW,
    name: 'pow/work-twice',
    story: "A block's work is added to twice that of its parent, so that the longer of two branches wins whatever it cost.",
    source: "Bitcoin Core's GetBlockProof and nChainWork",
    file: RULES,
    edits: [{ find: 'weight: parent.facts.weight +', replace: 'weight: 2n * parent.facts.weight +' }],
    finders: ['WorkExact'],
    maxSeeds: 10,
  },
];

const CHOICE_OF_HEAD: readonly Mutant[] = [
  {
    ...SHORT,
    name: 'pow/longest-chain',
    story: 'The chain with the most blocks wins, and not the one with the most work: a few easy blocks undo many hard ones.',
    source: 'Bitcoin before version 0.3.3 (July 2010)',
    file: FORK_CHOICE,
    edits: [
      {
        find: 'if (node.facts.weight <= state.head.facts.weight) return;',
        replace: 'if (node.header.number <= state.head.header.number) return;',
      },
      { find: '[a.node.facts.weight, b.node.facts.weight]', replace: '[a.node.header.number, b.node.header.number]' },
      {
        find: 'if (node.facts.weight > state.head.facts.weight) moveHead',
        replace: 'if (node.header.number > state.head.header.number) moveHead',
      },
      { find: 'if (candidate.node.facts.weight <= node.facts.weight)', replace: 'if (candidate.node.header.number <= node.header.number)' },
    ],
    finders: ['WorkMonotone', 'HeadIsMaxWork'],
    maxSeeds: 100,
    options: { ...SHORT.options, nodes: 6, faultsMs: 1_500_000 },
    faults: ['partition', 'hashRate'],
  },
  {
    ...POW,
    name: 'pow/last-seen-wins',
    story: 'Of two branches with equal work the newer one wins, so that a miner who is a little late undoes the block before it.',
    source: 'the Bitcoin paper, section 5; Eyal and Sirer, "Majority is not Enough" (2014), on who wins a tie',
    file: FORK_CHOICE,
    edits: [
      {
        find: 'if (node.facts.weight <= state.head.facts.weight) return;',
        replace: 'if (node.facts.weight < state.head.facts.weight) return;',
      },
    ],
    finders: ['WorkMonotone'],
    maxSeeds: 10,
  },
  {
    ...POW,
    name: 'pow/lighter-branch-kept',
    story: 'Branches that a new head has overtaken stay candidates, and the node goes over to one of them.',
    source: "Bitcoin Core's setBlockIndexCandidates and PruneBlockIndexCandidates",
    file: FORK_CHOICE,
    edits: [{ find: 'if (candidate.node.facts.weight <= node.facts.weight)', replace: 'if (candidate.node.hash === node.hash)' }],
    finders: ['WorkMonotone'],
    maxSeeds: 40,
  },
  {
    ...POW,
    name: 'pow/unexecuted-head',
    story: 'A node takes the heaviest branch for its chain without executing it, as miners did who only looked at headers.',
    source: 'the fork of 4 July 2015, six blocks on an invalid one (BIP66)',
    file: FORK_CHOICE,
    edits: [{ find: 'if (next !== undefined) {', replace: 'if (next !== undefined && turn.state.arrivals < 0) {' }],
    finders: ['Contract'],
    maxSeeds: 10,
  },
  {
    ...POW,
    name: 'pow/invalid-forgotten',
    story: 'What turned out to be invalid is not remembered, nor are its descendants: the node executes the same bad branch for ever.',
    source: "Bitcoin Core's BLOCK_FAILED_CHILD; the fork of 4 July 2015",
    file: 'consensus/pow/state.ts',
    edits: [
      { find: "if (state.invalid.has(hash)) return 'invalid';", replace: '' },
      {
        find: "return fresh.has(hash) ? 'stored' : context.chain.status(hash);",
        replace: "const status = context.chain.status(hash); return fresh.has(hash) || status === 'invalid' ? 'stored' : status;",
      },
    ],
    finders: ['Contract'],
    maxSeeds: 10,
    adversary: 'invalidBlocks',
  },
  {
    ...SHORT,
    name: 'pow/stuck-after-invalid',
    story: 'After one invalid block the node waits for an answer that it has had, and never looks at a branch again.',
    source: "the stalled nodes of Ethereum's fork of November 2020, which stayed on the branch that they could not follow",
    file: FORK_CHOICE,
    edits: [{ find: '  state.checking = null;\n  if (error === null) {', replace: '  if (error === null) {\n    state.checking = null;' }],
    finders: ['Termination', 'HeadIsMaxWork'],
    maxSeeds: 20,
    adversary: 'invalidBlocks',
  },
  {
    ...SHORT,
    name: 'pow/no-deep-reorganisation',
    story: 'A branch that forks off more than ten blocks deep is refused: the two sides of a partition never come together again.',
    source: 'the rolling checkpoints of Bitcoin ABC 0.18.5 (November 2018)',
    file: FORK_CHOICE,
    edits: [
      {
        find: 'if (fork.header.number < finalized.header.number) return null;',
        replace: 'if (fork.header.number < state.head.header.number - 10) return null;',
      },
    ],
    finders: ['Termination', 'HeadIsMaxWork'],
    maxSeeds: 20,
    faults: ['partition'],
  },
];

const BLOCKS_ON_THEIR_WAY: readonly Mutant[] = [
  {
    ...SHORT,
    name: 'pow/orphans-never-adopted',
    story: 'When the missing parent comes, nobody looks for those that waited for it; and since they are known, they are not taken again.',
    source: "Bitcoin's mapOrphanBlocks, before headers came first (0.10)",
    file: 'consensus/orphans.ts',
    edits: [
      { find: '      if (arrival !== undefined) taken.push(arrival);\n', replace: '      if (arrival !== undefined) this.add(arrival);\n' },
    ],
    finders: ['Termination', 'HeadIsMaxWork'],
    maxSeeds: 80,
    faults: ['noise'],
  },
  {
    ...POW,
    name: 'pow/orphans-unbounded',
    story: 'Blocks without a parent are kept without end: whoever sends enough of them fills the memory.',
    source: "Bitcoin's unlimited orphan blocks, before 0.9.3",
    file: 'consensus/orphans.ts',
    edits: [
      { find: '>= MAX_ORPHANS_PER_SENDER', replace: '>= Number.MAX_SAFE_INTEGER' },
      { find: 'while (this.size > MAX_ORPHANS || this.#bytes > MAX_ORPHAN_BYTES)', replace: 'while (this.#bytes < 0)' },
    ],
    finders: ['Bounded'],
    maxSeeds: 10,
    adversary: 'orphaning',
  },
  {
    ...SHORT,
    name: 'pow/early-forgotten',
    story: 'A block that came before its time is put aside, and nobody looks at it again when its time has come.',
    source: "Bitcoin Core's BLOCK_TIME_FUTURE: too early is no reason to be without a block for ever",
    file: ARRIVALS,
    edits: [
      { find: 'number: arrival.block.header.number });\n  setEarlyTimer(turn);', replace: 'number: arrival.block.header.number });' },
    ],
    finders: ['Termination', 'HeadIsMaxWork'],
    maxSeeds: 40,
    options: { ...SHORT.options, nodes: 3 },
    faults: ['clock'],
  },
  {
    ...POW,
    name: 'pow/work-after-storage',
    story: 'Every block with a valid proof is kept, however little work its branch has: cheap blocks fill the disk.',
    source: "header spam; Bitcoin Core's minimum chain work and its checks on unrequested blocks",
    file: ARRIVALS,
    edits: [{ find: '  if (arrival.unweighed) checkWorthKeeping(turn, arrival, facts.weight);\n', replace: '' }],
    finders: ['WorkBeforeStorage'],
    maxSeeds: 10,
    adversary: 'flooding',
  },
  {
    ...POW,
    name: 'pow/low-work-is-bad',
    story: 'A block of a branch that is too light counts against its sender, who may simply not have heard of ours.',
    source: 'Bitcoin Core, which stopped to disconnect peers for low-work headers that honest nodes send as well (0.14)',
    file: ARRIVALS,
    edits: [
      {
        find: "throw new RuleError('pow/low-work', message, {}, { blame: false });",
        replace: "throw new RuleError('pow/low-work', message);",
      },
    ],
    finders: ['NoHonestBlamed'],
    maxSeeds: 40,
  },
  {
    ...POW,
    name: 'pow/body-unchecked',
    story: 'Transactions that are not those of the header are taken for them: a good block with a wrong body is remembered as invalid.',
    source: 'CVE-2012-2459: two lists of transactions with one merkle root',
    file: 'node/block-intake.ts',
    edits: [{ find: '  checkBody(block);\n', replace: '' }],
    finders: ['Validity', 'NoHonestBlamed'],
    maxSeeds: 20,
    adversary: 'swapping',
  },
];

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
    ...SHORT,
    name: 'driver/stale-timer',
    story: 'A timer that was set again fires for its old setting as well.',
    source: 'the driver contract; the doubled election timers of many a Raft',
    file: 'node/timers.ts',
    edits: [
      { find: '      if (this.#handles.get(id) !== handle) return;\n', replace: '' },
      { find: '    this.#clock.cancelTimer(handle);\n', replace: '' },
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

export const POW_MUTANTS: readonly Mutant[] = [
  ...DIFFICULTY,
  ...TIMES_AND_PROOFS,
  ...CHOICE_OF_HEAD,
  ...BLOCKS_ON_THEIR_WAY,
  ...LEDGER,
  ...DRIVER_AND_SYNC,
];
