/** Multi-Paxos's checkers: each is silent when all is well, and objects to what is planted. */
import { describe, expect, it } from 'vitest';
import { bigToFixed, toHex } from '../../../src/base/bytes.ts';
import { Lsn } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { HeaderNode } from '../../../src/chain/tree.ts';
import type { PaxosMessage } from '../../../src/consensus/paxos/messages.ts';
import { encodeRecord, type PaxosRecord } from '../../../src/consensus/paxos/records.ts';
import type { CheckerFactory } from '../../../src/simulator/checkers/checker.ts';
import {
  answersAreDurable,
  ballotUniqueness,
  gapFreeExecution,
  nontriviality,
  oneValuePerBallot,
  PAXOS_INVARIANTS,
  parentChosen,
  promiseKept,
  safeAt,
  slotAgreement,
} from '../../../src/simulator/checkers/paxos.ts';
import { childOf, GENESIS, nodeOf } from '../support.ts';
import { CheckerBench } from './bench.ts';

const blockOf = (parent: Block, name = 0): Block => childOf(parent, name, { nonce: toHex(bigToFixed(1n, 8)) });
const hashOf = ({ header }: Block) => hashHeader(header);
const A1 = blockOf(GENESIS.block);
const A2 = blockOf(A1);
const B1 = blockOf(GENESIS.block, 1);
const B2 = blockOf(B1, 1);
const EVENT = { type: 'timer', id: 'x' } as const;

/** Acceptors that write and say what a test wants. */
class Bench extends CheckerBench {
  readonly #lsns: number[];

  constructor(factory: CheckerFactory, nodes = 3) {
    super(factory, { nodes });
    this.#lsns = Array.from({ length: nodes }, () => 0);
    for (let node = 0; node < nodes; node++) this.begin(node);
  }

  begin(node: number, incarnation = 1): void {
    this.observe({ type: 'started', node, incarnation, chain: this.chain(node), lsn: Lsn(this.#lsns[node] ?? 0) });
  }

  /** Not on disk before `flush`. */
  write(node: number, ...records: readonly PaxosRecord[]): void {
    const lsn = Lsn((this.#lsns[node] ?? 0) + records.length);
    this.#lsns[node] = lsn;
    this.observe({ type: 'step', node, event: EVENT, effects: [{ type: 'persist', lsn, records: records.map(encodeRecord) }] });
  }

  flush(node: number): void {
    this.observe({ type: 'persisted', node, lsn: Lsn(this.#lsns[node] ?? 0) });
  }

  promise(node: number, ballot: number): void {
    this.write(node, { type: 'promised', ballot });
    this.flush(node);
  }

  accept(node: number, ballot: number, ...blocks: readonly Block[]): void {
    for (const block of blocks) {
      this.observe({ type: 'built', node, block });
      this.write(node, { type: 'accepted', ballot, block });
    }
    this.flush(node);
  }

  stand(node: number, ballot: number): void {
    this.say(node, { type: 'prepare', ballot, height: 0 });
  }

  say(node: number, message: PaxosMessage): void {
    this.observe({ type: 'sending', node, message });
  }

  decide(node: number, head: HeaderNode, old: HeaderNode): void {
    this.observe({ type: 'head', node, head, old, removed: [] });
  }

  get objections(): string[] {
    return this.reports.map(({ message }) => message);
  }
}

const accepted = (ballot: number, height: number): PaxosMessage => ({ type: 'accepted', ballot, height, round: 0 });

/** Two ballots of which the second takes over what the first has left. */
function goWell(bench: Bench): void {
  bench.stand(0, 256);
  for (const node of [0, 1, 2]) bench.promise(node, 256);
  bench.accept(0, 256, A1);
  bench.accept(1, 256, A1);
  bench.say(1, accepted(256, 1));
  bench.accept(0, 256, A2);
  bench.stand(1, 513);
  for (const node of [0, 1]) bench.promise(node, 513);
  for (const node of [1, 0]) bench.accept(node, 513, A1, A2);
  bench.say(0, accepted(513, 2));
  bench.decide(0, nodeOf(A2), nodeOf(GENESIS.block));
}

describe('all of them', () => {
  it('are silent when all is well', () => {
    for (const factory of PAXOS_INVARIANTS) {
      const bench = new Bench(factory);
      goWell(bench);
      expect(bench.objections).toEqual([]);
    }
  });
});

/** What each of them objects to, and in which words. */
const PLANTED: readonly (readonly [CheckerFactory, RegExp, (bench: Bench) => void])[] = [
  [
    slotAgreement,
    /In slot 1 .* is chosen under ballot 513/,
    (bench) => {
      for (const node of [0, 1]) bench.accept(node, 256, A1);
      for (const node of [1, 2]) bench.accept(node, 513, B1);
    },
  ],
  [
    parentChosen,
    /In slot 2 .* is chosen/,
    (bench) => {
      for (const node of [0, 1]) bench.accept(node, 256, A1, B2);
    },
  ],
  [
    oneValuePerBallot,
    /under ballot 256, which has/,
    (bench) => {
      bench.accept(0, 256, A1);
      bench.accept(1, 256, B1);
    },
  ],
  [
    safeAt,
    /though .* may be chosen there under ballot 256/,
    (bench) => {
      bench.accept(0, 256, A1);
      bench.promise(1, 513);
      bench.accept(1, 513, B1);
    },
  ],
  [
    promiseKept,
    /under ballot 256, and has promised 513/,
    (bench) => {
      bench.promise(0, 513);
      bench.say(0, accepted(513, 0));
      bench.accept(0, 256, A1);
    },
  ],
  [
    answersAreDurable,
    /has accepted up to slot 1 under ballot 256; its disk has less/,
    (bench) => {
      bench.write(0, { type: 'accepted', ballot: 256, block: A1 });
      bench.say(0, accepted(256, 1));
    },
  ],
  [
    ballotUniqueness,
    /Stands with ballot 256 in life 2 of node 0, with which life 1 of node 0/,
    (bench) => {
      bench.stand(0, 256);
      bench.begin(0, 2);
      bench.stand(0, 256);
    },
  ],
  [nontriviality, /which nobody has built/, (bench) => bench.write(0, { type: 'accepted', ballot: 256, block: A1 })],
  [
    gapFreeExecution,
    /was not chosen there/,
    (bench) => {
      bench.accept(0, 256, A1);
      bench.decide(0, nodeOf(A1), nodeOf(GENESIS.block));
    },
  ],
];

describe('each of them', () => {
  it.each(PLANTED)('objects to what must not be: %#', (factory, words, plant) => {
    const bench = new Bench(factory);
    plant(bench);
    expect(bench.objections[0]).toMatch(words);
  });
});

describe('SafeAt', () => {
  it('lets go of what can no longer be chosen', () => {
    const bench = new Bench(safeAt);
    bench.accept(0, 256, A1);
    for (const node of [1, 2]) bench.promise(node, 513);
    bench.accept(1, 513, B1);
    expect(bench.objections).toEqual([]);
  });

  it('does not take a vote that a crash took for one', () => {
    const bench = new Bench(slotAgreement);
    bench.write(0, { type: 'accepted', ballot: 256, block: A1 });
    bench.accept(1, 256, A1);
    for (const node of [1, 2]) bench.accept(node, 513, B1);
    expect(bench.objections).toEqual([]);
    expect(hashOf(A1)).not.toBe(hashOf(B1));
  });
});
