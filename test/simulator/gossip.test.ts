/** Messages to all go from node to node, as in the real network: once to each, judged before they are passed on. */
import { describe, expect, it } from 'vitest';
import { RuleError } from '../../src/base/errors.ts';
import type { AnyEngine, Effect } from '../../src/consensus/engine.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { HEARD_MS, Heard } from '../../src/simulator/heard.ts';
import { run } from '../../src/simulator/run.ts';
import { subjectOf } from '../../src/simulator/subjects/custom.ts';
import { IDLE_ENGINE } from './support.ts';

interface Told {
  readonly node: number;
  readonly from: string;
}

const SAID = 7;
const SAID_AT_MS = 20_000;
const FAULTS_MS = 40_000;
/** Nodes 0 and 2 have no session with each other. */
const APART: readonly Fault[] = [
  [0, 2],
  [2, 0],
].map(([from = 0, to = 0]) => ({ fault: 'cutLink', from, to, atMs: 0, forMs: FAULTS_MS }));

/** Node 0 says something; who is told of it, and by whom, if each answers with these effects. */
function told(answer: (from: Told['from']) => readonly Effect<unknown>[], to = '*'): Told[] {
  const engine: AnyEngine = {
    ...IDLE_ENGINE,
    encode: (message) => Uint8Array.of(Number(message)),
    decode: (bytes) => bytes[0],
    step: (_state, event, { self }) => {
      if (self === 'node-0' && event.type === 'start') return [{ type: 'setTimer', id: 'say', delayMs: SAID_AT_MS }];
      if (event.type === 'timer') return [{ type: 'send', to: to as '*', message: SAID }];
      return event.type === 'message' ? answer(event.from) : [];
    },
  };
  const heard: Told[] = [];
  const subject = {
    ...subjectOf({ createEngine: () => engine }, './chatter.ts'),
    invariants: [
      () => ({
        name: 'Listener',
        observe: (observation: { readonly type: string; readonly node?: number; readonly event?: unknown }) => {
          const event = observation.event as { readonly type?: string; readonly from?: string } | undefined;
          if (observation.type === 'step' && event?.type === 'message')
            heard.push({ node: observation.node ?? -1, from: event.from ?? '' });
        },
      }),
    ],
  };
  const options = { nodes: 3, faultsMs: FAULTS_MS, survivors: [0], transfersPerMinute: 0 };
  const { violations } = run({ subject, seed: '1', options, schedule: APART });
  expect(violations).toEqual([]);
  return heard;
}

describe('a message to all', () => {
  it('reaches those whom its author has no link to, by way of others, who are then its sender', () => {
    expect(told(() => [])).toEqual([
      { node: 1, from: 'node-0' },
      { node: 2, from: 'node-1' },
    ]);
  });

  it('is not passed on by an engine that ignores it, nor by one that blames its sender', () => {
    const first = [{ node: 1, from: 'node-0' }];
    expect(told(() => [{ type: 'ignore' }])).toEqual(first);
    const error = new RuleError('chatter/early', 'Not now.', {}, { blame: false });
    expect(told((from) => [{ type: 'offence', from: from as never, error }])).toEqual(first);
  });
});

it('passes on no message to one', () => {
  expect(told(() => [], 'node-1')).toEqual([{ node: 1, from: 'node-0' }]);
});

describe('what was heard', () => {
  it('is known by its content, for two minutes', () => {
    const heard = new Heard();
    const bytes = Uint8Array.of(1, 2);
    expect([heard.isNew(bytes, 0), heard.isNew(bytes, 1), heard.isNew(bytes.slice(), HEARD_MS - 1)]).toEqual([true, false, false]);
    expect([heard.isNew(Uint8Array.of(1, 3), 2), heard.isNew(bytes, HEARD_MS)]).toEqual([true, true]);
  });
});
