/** Commands that look, and change nothing. */
import type { PeerStatus } from '../../sync/types.ts';
import type { Life } from '../life.ts';
import { balanceOf, nonceOf } from '../transfers.ts';
import { type CommandKind, DOWN, type Size } from './command.ts';
import { LEVELS } from './lines.ts';
import type { Stage } from './stage.ts';
import type { Words } from './words.ts';

const MAX_HEIGHT = 1_000_000_000;

/** What a script waits for, or insists on. */
export interface Goal {
  readonly name: string;
  isReached(stage: Stage): boolean;
}

export const GOALS = 'converged|height 5|finalized 5|head 3a [at 1]';

/** Of what nodes have on disk, and so show to others: of the honest ones that run, or of one. */
export function readGoal(words: Words, { nodes }: Size): Goal {
  const kind = words.oneOf('the goal', ['converged', 'height', 'finalized', 'head']);
  if (kind === 'converged') return { name: kind, isReached: (stage) => stage.isConverged() };
  const wanted = kind === 'head' ? words.word('the name of a block') : words.integer('the height', 0, MAX_HEIGHT);
  const place = words.takes('at') ? words.node(nodes) : null;
  const fits = ({ head, height, finalizedHeight }: PeerStatus, stage: Stage): boolean => {
    if (kind === 'head') return stage.names.of(head) === wanted;
    return (kind === 'height' ? height : finalizedHeight) >= Number(wanted);
  };
  return {
    name: `${kind} ${wanted}${place === null ? '' : ` at node ${place}`}`,
    isReached: (stage) =>
      (place === null ? stage.honest() : [stage.life(place)]).every((life) => life !== null && fits(life.status(), stage)),
  };
}

const expect: CommandKind = {
  usage: `expect ${GOALS} | expect violation <name>`,
  about: 'fails the script unless it is so',
  read(words, size) {
    if (words.takes('violation')) {
      const name = words.word('the name of a checker');
      return ({ simulation }) => {
        const isThere = simulation.violations.some(({ checker }) => checker === name);
        return isThere ? { expected: name } : { failure: `nothing has violated ${name}` };
      };
    }
    const goal = readGoal(words, size);
    return (stage) => (goal.isReached(stage) ? undefined : { failure: `not ${goal.name}`, lines: statusOf(stage) });
  },
};

const trace: CommandKind = {
  usage: `trace ${LEVELS.join('|')}`,
  about: 'how much is shown from now on',
  read(words) {
    const level = words.oneOf('the level', LEVELS);
    return (stage) => {
      stage.level = level;
      return undefined;
    };
  },
};

const status: CommandKind = {
  usage: 'status',
  about: 'where every node is',
  read: () => (stage) => ({ lines: statusOf(stage) }),
};

const chain: CommandKind = {
  usage: 'chain 1',
  about: "a node's chain, from genesis to its head",
  read: (words, size) =>
    ofLife(words, size, ({ chain }, { names }) => [
      canonical(chain)
        .map((hash) => names.of(hash))
        .join(' '),
    ]),
};

const accounts: CommandKind = {
  usage: 'accounts 1',
  about: "balances and nonces of the clients' accounts, as a node shows them",
  read(words, size) {
    const place = words.node(size.nodes);
    return (stage) => {
      const state = stage.accountsOf(place);
      if (state === null) return DOWN;
      const places = Array.from({ length: size.accounts }, (_, account) => account);
      return {
        lines: places.map((account) => `account ${account}  balance ${balanceOf(state, account)}, nonce ${nonceOf(state, account)}`),
      };
    };
  },
};

const inspect: CommandKind = {
  usage: 'inspect 2',
  about: "how a node's engine describes itself",
  read: (words, size) =>
    ofLife(words, size, ({ driver }, { names }) => {
      const state = driver.inspect();
      if (typeof state !== 'object' || state === null) return [names.value(state)];
      return Object.entries(state).map(([key, value]) => `${key}=${names.value(value)}`);
    }),
};

function ofLife(words: Words, { nodes }: Size, linesOf: (life: Life, stage: Stage) => string[]): ReturnType<CommandKind['read']> {
  const place = words.node(nodes);
  return (stage) => {
    const life = stage.life(place);
    return life === null ? DOWN : { lines: linesOf(life, stage) };
  };
}

function canonical(chain: Life['chain']): string[] {
  return Array.from({ length: chain.head.header.number + 1 }, (_, number) => chain.canonical(number) ?? '');
}

function statusOf(stage: Stage): string[] {
  const { names, simulation } = stage;
  return simulation.nodes.map(({ place, life }) => {
    const role = stage.behaviourOf(place);
    const who = `node ${place}  ${role === null ? '' : `(${role}) `}`;
    if (life === null) return `${who}down`;
    const { head, finalized } = life.chain;
    const peers = [...simulation.peersOf(place)].sort((a, b) => a - b).join(' ');
    const ends = `head ${names.of(head.hash)}, finalized ${names.of(finalized.hash)}`;
    return `${who}${ends}, peers ${peers === '' ? 'none' : peers}, pool ${life.pool.size}`;
  });
}

export const VIEW_COMMANDS: ReadonlyMap<string, CommandKind> = new Map(Object.entries({ trace, status, chain, accounts, inspect, expect }));
