/** Cases of the conformance suite about the engine by itself: what it reads and writes, keeps, depends on and answers. */
import { SynodError } from '../../base/errors.ts';
import { Random } from '../../base/random.ts';
import { quote, ZERO_ADDRESS } from '../../base/types.ts';
import type { AnyEngine } from '../../consensus/engine.ts';
import type { CheckerFactory } from '../checkers/checker.ts';
import { makeGenesis } from '../genesis.ts';
import { PurityGuard } from '../purity.ts';
import type { Plan } from '../run.ts';
import { ProofOracle } from '../sealer.ts';
import { TAG_KEYS } from '../tags.ts';
import { runLimited } from '../watchdog.ts';
import type { Bench, Case, Finding } from './bench.ts';
import { codecProblem } from './bytes.ts';
import { shadowed, type Weight, weighed } from './instruments.ts';
import { TROUBLES } from './troubles.ts';
import { keyOf } from './values.ts';

const SAMPLE_BLOCKS = 12;
const MAX_SAMPLES = 256;
const HOSTILE_MESSAGES = 3_000;
const LIMIT_MS = 20_000;

/** Of messages from a run, and of random bytes. */
export const CODEC: Case = {
  id: 'bytes',
  title: 'decode reads what encode wrote, and throws DecodeError and nothing else',
  check: (bench) =>
    bench.first([bench.seed ?? 1], (seed) => {
      const samples: Uint8Array[] = [];
      const plan = bench.plan('bytes', seed, { blocks: SAMPLE_BLOCKS, trouble: TROUBLES.cuts });
      bench.run(plan, [collectMessages(samples)]);
      const engine = bystander(plan);
      const random = new Random(plan.seed);
      const problems: (string | null)[] = [];
      new PurityGuard().run(() => runLimited(LIMIT_MS, () => void problems.push(codecProblem(engine, samples, random, HOSTILE_MESSAGES))));
      const [problem = null] = problems;
      return problem === null ? null : bench.fail(problem, seed);
    }),
};

/** Bytes of messages as they left, each only once. */
function collectMessages(samples: Uint8Array[]): CheckerFactory {
  const seen = new Set<unknown>();
  return ({ engine }) => ({
    name: 'Messages',
    observe(observation) {
      if (observation.type !== 'sending' || samples.length >= MAX_SAMPLES || seen.has(observation.message)) return;
      seen.add(observation.message);
      samples.push(engine.encode(observation.message));
    },
  });
}

function bystander({ subject, options }: Plan): AnyEngine {
  const { params } = makeGenesis(subject, options);
  return subject.create(params, { beneficiary: ZERO_ADDRESS, produce: false, signers: [] }, new ProofOracle(), TAG_KEYS.signatures);
}

const REPEATED_RUNS = 6;
const REPEATED_BLOCKS = 30;

export const DETERMINISM: Case = {
  id: 'same',
  title: 'the same events give the same effects, and the same seed the same run',
  check: (bench) =>
    bench.first(bench.seeds(REPEATED_RUNS), (seed) => {
      const plan = bench.plan('same', seed, { blocks: REPEATED_BLOCKS, trouble: TROUBLES.everything });
      const shadow = bench.run({ ...plan, subject: shadowed(plan.subject) });
      const hidden = bench.judged(seed, shadow);
      if (hidden !== null) return hidden;
      const [first, again] = [bench.run(plan), bench.run(plan)].map(({ traceHash }) => traceHash);
      return first === again ? null : bench.fail(`Two runs of one seed gave the traces ${first} and ${again}.`, seed);
    }),
};

const COMMAND_SEEDS = 2;
const UNKNOWN_COMMAND = 'a command that no engine knows';

export const COMMANDS: Case = {
  id: 'commands',
  title: "an operator's command that the engine does not know is answered with an error",
  check: (bench) =>
    bench.first(bench.seeds(COMMAND_SEEDS), (seed) => {
      const plan = bench.plan('commands', seed, { blocks: SAMPLE_BLOCKS });
      // The workload gives this command now and then, for want of a better one.
      const subject = { ...plan.subject, linearizableRead: UNKNOWN_COMMAND };
      return bench.judged(seed, bench.run({ ...plan, subject }, [answersCommands]));
    }),
};

const answersCommands: CheckerFactory = ({ nowMs, blockMs, report }) => {
  const open = new Map<string, number>();
  return {
    name: 'Commands',
    observe(observation) {
      if (observation.type !== 'step') return;
      const { node, event, effects } = observation;
      if (event.type === 'admin') open.set(`${node}/${event.request}`, nowMs());
      for (const effect of effects) {
        if (effect.type !== 'reply' || !open.delete(`${node}/${effect.request}`) || effect.result instanceof SynodError) continue;
        report({ node, message: `It answers an unknown command with ${quote(keyOf(effect.result))}; expected an error (a SynodError).` });
      }
    },
    end() {
      const unanswered = [...open.values()].filter((atMs) => nowMs() - atMs > blockMs).length;
      if (unanswered > 0) report({ message: `${unanswered} unknown commands were not answered within ${blockMs} ms; expected an error.` });
    },
  };
};

const QUIET_BLOCKS = 450;
const QUIET_NODES = 3;
/** More than this for each block, in the second third of the blocks and in the last one, is growth. */
const GROWTH = { values: 0.4, inspectCharacters: 1, timers: 0.1, records: 0.2, messages: 0.5 } as const;
const MAX_TIMERS = 128;

/** A state that is full and breathes may seem to grow for a while: what grows indeed does so in a longer run as well. */
const LONG_QUIET_BLOCKS = 3 * QUIET_BLOCKS;

export const QUIET: Case = {
  id: 'quiet',
  title: 'nothing grows with the chain: state, timers, records, messages for a block',
  check: (bench) =>
    bench.first([bench.seed ?? 1], (seed) => {
      const found = quietRun(bench, seed, QUIET_BLOCKS);
      return found === null || found.result !== null ? found : quietRun(bench, seed, LONG_QUIET_BLOCKS);
    }),
};

function quietRun(bench: Bench, seed: number, blocks: number): Finding | null {
  const heights = [blocks / 3, (2 * blocks) / 3, blocks];
  const weights = new Map<string, Weight[]>();
  const onWeight = (node: string, weight: Weight) => void weights.set(node, [...(weights.get(node) ?? []), weight]);
  const quiet = { latencyMs: 5, jitterMs: 1, diskWriteMs: 1, executionMs: 1, transfersPerMinute: 0 };
  const plan = bench.plan('quiet', seed, { blocks: 2 * blocks, nodes: QUIET_NODES, options: quiet });
  const subject = weighed(plan.subject, heights, onWeight);
  const result = bench.run({ ...plan, subject }, [endsAt(blocks)], { faultEvents: Number.POSITIVE_INFINITY });
  const broken = bench.judged(seed, result);
  if (broken !== null) return broken;
  const problem = growthIn(weights);
  return problem === null ? null : bench.fail(problem, seed);
}

/** Nothing is to be seen after this height. */
function endsAt(height: number): CheckerFactory {
  return ({ satisfied, nodes }) => {
    const there = new Set<number>();
    return {
      name: 'Quiet',
      observe(observation) {
        if (observation.type !== 'head' || observation.head.header.number < height + 2) return;
        there.add(observation.node);
        if (there.size === nodes) satisfied();
      },
    };
  };
}

function growthIn(weights: ReadonlyMap<string, readonly Weight[]>): string | null {
  for (const [node, [start, half, end]] of weights) {
    if (start === undefined || half === undefined || end === undefined) continue;
    if (end.timers > MAX_TIMERS)
      return `${end.timers} timers are set at ${node} at height ${end.height}; at most ${MAX_TIMERS} are plausible.`;
    for (const what of Object.keys(GROWTH) as (keyof typeof GROWTH)[]) {
      const rates = [rateOf(what, start, half), rateOf(what, half, end)];
      if (rates.some((rate) => rate <= GROWTH[what])) continue;
      const course = [start, half, end].map((weight) => `${weight[what]} at height ${weight.height}`).join(', ');
      return `The number of ${NAMES[what]} at ${node} grows with the chain, though nothing happens but blocks: ${course}.`;
    }
  }
  return null;
}

/** For each block. */
function rateOf(what: keyof typeof GROWTH, before: Weight, after: Weight): number {
  return (after[what] - before[what]) / (after.height - before.height);
}

const NAMES: { readonly [what in keyof typeof GROWTH]: string } = {
  values: 'values in the state',
  inspectCharacters: 'characters that inspect answers',
  timers: 'timers',
  records: 'records in the log',
  messages: 'messages since the last measurement',
};
