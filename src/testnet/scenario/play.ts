/** Plays a scenario on a running network: does what it says, when it says, and watches for what it expects. */
import { explain, SynodError } from '../../base/errors.ts';
import type { Json } from '../../base/types.ts';
import type { NodeReport } from '../supervisor.ts';
import type { VerbCall } from '../verbs.ts';
import { type Expectation, epochOf, type View } from './expect.ts';
import { type Deed, type Span, type Step, spanText } from './script.ts';

/** What a player needs of the world. */
export interface Stage {
  /** A `testnet_*` method of the network. Throws UsageError to refuse. */
  call(method: string, params: VerbCall['params']): Promise<Json>;
  /** A method of one node. */
  ask(rpcUrl: string, method: string): Promise<Json>;
  /** Monotonic milliseconds. */
  nowMs(): number;
  sleep(ms: number): Promise<void>;
  /** Told of each step once it is over. */
  onStep(played: Played): void;
}

export interface Played {
  readonly step: Step;
  /** Since the beginning. */
  readonly beganMs: number;
  readonly endedMs: number;
  /** What was done or seen. */
  readonly outcome: string;
  /** What was expected, where it did not come; null where all is well. */
  readonly expected: string | null;
}

export interface Verdict {
  readonly holds: boolean;
  readonly steps: readonly Played[];
}

const POLL_MS = 250;

/** Ends with the first step that fails. */
export async function play(steps: readonly Step[], stage: Stage): Promise<Verdict> {
  const played: Played[] = [];
  const startMs = stage.nowMs();
  for (const step of steps) {
    await stage.sleep(Math.max(0, startMs + (step.atMs ?? 0) - stage.nowMs()));
    const beganMs = stage.nowMs() - startMs;
    const { outcome, expected } = await carryOut(step.deed, stage);
    const one = { step, beganMs, endedMs: stage.nowMs() - startMs, outcome, expected };
    played.push(one);
    stage.onStep(one);
    if (expected !== null) return { holds: false, steps: played };
  }
  return { holds: true, steps: played };
}

type Outcome = Pick<Played, 'outcome' | 'expected'>;

async function carryOut(deed: Deed, stage: Stage): Promise<Outcome> {
  switch (deed.type) {
    case 'wait':
      await stage.sleep(deed.ms);
      return { outcome: `waited ${deed.ms / 1_000} s`, expected: null };
    case 'call':
      return await callIt(deed.call, stage);
    case 'soon':
      return await soon(deed.expectation, deed.within, stage);
    case 'always':
      return await always(deed.expectation, deed.forMs, stage);
  }
}

async function callIt(call: VerbCall, stage: Stage): Promise<Outcome> {
  try {
    return { outcome: call.said(await stage.call(call.method, call.params)), expected: null };
  } catch (error) {
    if (!(error instanceof SynodError)) throw error;
    return { outcome: `${explain(error)} [${error.code}]`, expected: 'that it can be done' };
  }
}

async function soon(expectation: Expectation, within: Span, stage: Stage): Promise<Outcome> {
  const expected = `${expectation.about} within ${spanText(within)}`;
  const startMs = stage.nowMs();
  const before = await view(stage);
  for (;;) {
    const now = await view(stage);
    const { holds, seen } = await expectation.look(now, before);
    const tookMs = stage.nowMs() - startMs;
    if (holds) return { outcome: `after ${(tookMs / 1_000).toFixed(1)} s: ${seen}`, expected: null };
    const over = isOver(within, tookMs, before, now);
    if (over !== false) return { outcome: over === true ? seen : over, expected };
    await stage.sleep(POLL_MS);
  }
}

/** Whether the time is over, or why it cannot be told. An epoch that has begun does not count. */
function isOver(within: Span, tookMs: number, before: View, now: View): boolean | string {
  if (within.unit === 'ms') return tookMs >= within.ms;
  const [first, last] = [epochOf(before), epochOf(now)];
  if (first === null || last === null) return 'no node counts epochs; they are of proof-of-stake';
  return last > first + within.epochs;
}

async function always(expectation: Expectation, forMs: number, stage: Stage): Promise<Outcome> {
  const startMs = stage.nowMs();
  const before = await view(stage);
  for (;;) {
    const { holds, seen } = await expectation.look(await view(stage), before);
    const tookMs = stage.nowMs() - startMs;
    if (!holds)
      return { outcome: `after ${(tookMs / 1_000).toFixed(1)} s: ${seen}`, expected: `${expectation.about} for ${forMs / 1_000} s` };
    if (tookMs >= forMs) return { outcome: seen, expected: null };
    await stage.sleep(Math.min(POLL_MS, forMs - tookMs));
  }
}

async function view(stage: Stage): Promise<View> {
  const report = (await stage.call('testnet_status', {})) as unknown as readonly NodeReport[];
  return { report, ask: stage.ask };
}

/** One line for a person. */
export function playedText({ step, beganMs, outcome, expected }: Played): string {
  const time = `${(beganMs / 1_000).toFixed(1)} s`.padStart(8);
  const verdict = expected === null ? outcome : `FAILED: expected ${expected}; seen: ${outcome}`;
  return `${time}  line ${String(step.line).padEnd(3)} ${step.text.padEnd(36)}  ${verdict}`;
}

export function verdictText({ holds, steps }: Verdict): string {
  const last = steps.at(-1);
  if (holds) return `The scenario holds: ${steps.length} steps in ${((last?.endedMs ?? 0) / 1_000).toFixed(1)} s.`;
  return `The scenario fails in line ${last?.step.line}: expected ${last?.expected}, seen ${last?.outcome}`;
}
