/** What a scenario can demand of a network, and how one sees whether it holds. */
import type { Json } from '../../base/types.ts';
import type { NodeStatus } from '../../node/status.ts';
import type { NodeReport } from '../supervisor.ts';
import type { Words } from '../words.ts';

/** What the nodes said at a moment. */
export interface View {
  readonly report: readonly NodeReport[];
  /** Asks a node's own RPC. */
  readonly ask: (rpcUrl: string, method: string) => Promise<Json>;
}

export interface Sight {
  readonly holds: boolean;
  /** What was there instead, or what there is. */
  readonly seen: string;
}

export interface Expectation {
  readonly about: string;
  /** `before` is the view when the step began. */
  look(now: View, before: View): Sight | Promise<Sight>;
}

interface Awake {
  readonly index: number;
  readonly rpcUrl: string;
  readonly status: NodeStatus;
}

const MAX_HEIGHT = 1_000_000_000;
export const EXPECTATIONS: readonly (readonly [usage: string, about: string])[] = [
  ['one head', 'every node that runs has the same head'],
  ['2 heads', 'the nodes that run have so many different heads'],
  ['finality', 'a block is final on every node that runs that was not when the step began'],
  ['no finality for 20s', 'nothing becomes final for so long'],
  ['height >= 20', 'every node that runs has a head of this height'],
  ['final >= 20', 'the same for the finalized block'],
  ['reorg >= 2', 'a node that runs has left so many blocks at once'],
  ['slashed >= 1', 'so many validators are slashed, as every node that runs sees it (pos)'],
  ['node 2 down', 'a node is up, down or paused'],
];

/** Reads what follows `expect`, up to `within` or the end. Throws UsageError `arguments/...`. */
export function readExpectation(words: Words): Expectation {
  const first = words.word('what is expected');
  switch (first) {
    case 'one':
      words.oneOf('what follows "one"', ['head']);
      return heads(1);
    case 'finality':
      return FINALITY;
    case 'height':
      return atLeast(words, 'height', ({ head }) => head.number, 'all');
    case 'final':
      return atLeast(words, 'final', ({ finalized }) => finalized.number, 'all');
    case 'reorg':
      return atLeast(words, 'reorg', ({ reorgs }) => reorgs.deepest, 'any');
    case 'slashed':
      return slashed(threshold(words, 'slashed'));
    case 'node':
      return nodeIs(words.node(), words.oneOf('its state', ['up', 'down', 'paused']));
    default: {
      const count = /^[1-9]\d?$/.test(first) ? Number(first) : Number.NaN;
      if (Number.isNaN(count))
        return words.refuse(
          'an expectation',
          first,
          EXPECTATIONS.map(([usage]) => usage),
        );
      words.oneOf('what there are so many of', ['heads']);
      return heads(count);
    }
  }
}

function heads(count: number): Expectation {
  return {
    about: count === 1 ? 'one head' : `${count} heads`,
    look(now) {
      const groups = new Map<string, number[]>();
      for (const { index, status } of awake(now)) {
        const head = `block ${status.head.number} ${status.head.hash.slice(0, 10)}`;
        groups.set(head, [...(groups.get(head) ?? []), index]);
      }
      const seen = [...groups].map(([head, nodes]) => `${head} on ${nodes.join(',')}`).join('; ');
      return { holds: groups.size === count, seen: seen || 'no node answers' };
    },
  };
}

const finalOf = (view: View): number[] => awake(view).map(({ status }) => status.finalized.number);

const FINALITY: Expectation = {
  about: 'finality',
  look(now, before) {
    const last = Math.max(0, ...finalOf(before));
    const final = finalOf(now);
    return { holds: final.length > 0 && final.every((number) => number > last), seen: `final ${final.join(' ')}, where it was ${last}` };
  },
};

/** To hold all the time. */
export const NO_FINALITY: Expectation = {
  about: 'no finality',
  look(now, before) {
    const last = Math.max(0, ...finalOf(before));
    const final = finalOf(now);
    return { holds: final.every((number) => number <= last), seen: `final ${final.join(' ')}, where it was ${last}` };
  },
};

function threshold(words: Words, what: string): number {
  words.oneOf(`what follows ${what}`, ['>=']);
  return words.count(what, 0, MAX_HEIGHT);
}

function atLeast(words: Words, name: string, of: (status: NodeStatus) => number, who: 'all' | 'any'): Expectation {
  const least = threshold(words, name);
  return {
    about: `${name} >= ${least}`,
    look(now) {
      const values = awake(now).map(({ status }) => of(status));
      const reached = (value: number) => value >= least;
      const holds = values.length > 0 && (who === 'all' ? values.every(reached) : values.some(reached));
      return { holds, seen: `${name} ${values.join(' ') || 'of no node'}` };
    },
  };
}

function slashed(least: number): Expectation {
  return {
    about: `slashed >= ${least}`,
    async look(now) {
      const answers = await Promise.all(awake(now).map(({ rpcUrl }) => now.ask(rpcUrl, 'synod_getSlashings')));
      const counts = answers.map((answer) => (answer as { readonly slashed?: readonly number[] } | null)?.slashed?.length ?? 0);
      return { holds: counts.length > 0 && counts.every((count) => count >= least), seen: `slashed ${counts.join(' ')}` };
    },
  };
}

function nodeIs(node: number, state: 'up' | 'down' | 'paused'): Expectation {
  return {
    about: `node ${node} ${state}`,
    look({ report }) {
      const found = report[node]?.state;
      return { holds: found === state, seen: found === undefined ? `there is no node ${node}` : `node ${node} is ${found}` };
    },
  };
}

function awake({ report }: View): Awake[] {
  return report.flatMap(({ index, rpcUrl, status }) =>
    rpcUrl === null || status === null ? [] : [{ index, rpcUrl, status: status as unknown as NodeStatus }],
  );
}

/** The newest epoch that a node is in; null under another engine than proof-of-stake. */
export function epochOf(view: View): number | null {
  const epochs = awake(view).flatMap(({ status }) => (status.consensus as { readonly epoch?: number } | null)?.epoch ?? []);
  return epochs.length === 0 ? null : Math.max(...epochs);
}
