/**
 * All commands of text scenarios. Engines are not told apart here: what only one of them knows goes through its own
 * operator's commands (`admin`).
 */
import { SynodError } from '../../base/errors.ts';
import { type CommandKind, DOWN, quietly } from './command.ts';
import { FAULT_COMMANDS } from './fault-commands.ts';
import { GOALS, readGoal, VIEW_COMMANDS } from './view-commands.ts';
import { jsonOf } from './words.ts';

const MAX_AMOUNT = 1_000_000_000;
const MAX_HASH_RATE = 1_000_000_000;
const MAX_MINED = 1_000;
const DEFAULT_WAIT_MS = 3_600_000;

const run: CommandKind = {
  usage: `run 10s | run until ${GOALS} [within 1h]`,
  about: 'lets time pass; until the honest nodes that run, or one node, have this on disk',
  read(words, size) {
    if (!words.takes('until')) {
      const forMs = words.duration('the time');
      return quietly((stage) => stage.run(forMs));
    }
    const goal = readGoal(words, size);
    const withinMs = words.takes('within') ? words.duration('the time') : DEFAULT_WAIT_MS;
    return (stage) => {
      const reached = stage.run(withinMs, () => goal.isReached(stage));
      return reached ? undefined : { failure: `not ${goal.name} within ${withinMs / 1_000} s` };
    };
  },
};

const mine: CommandKind = {
  usage: 'mine 1 [3] | mine 1 on [1000] | mine 1 off',
  about: 'finds the proof that a node looks for, now, so many times; or lets it find some with so many hashes a second',
  read(words, { nodes }) {
    const place = words.node(nodes);
    if (words.takes('off')) return quietly((stage) => stage.node(place).miner.setRate(0));
    if (words.takes('on')) {
      const rate = words.isAtEnd ? null : words.number('the hash rate', 1, MAX_HASH_RATE);
      return quietly((stage) => stage.node(place).miner.setRate(rate ?? stage.options.hashRates[place] ?? 0));
    }
    const count = words.isAtEnd ? 1 : words.integer('the number of blocks', 1, MAX_MINED);
    return (stage) => {
      for (let found = 0; found < count; found++) {
        if (!stage.node(place).miner.find()) return { failure: `node ${place} looks for no proof (after ${found} of ${count} blocks)` };
        stage.run(0);
      }
      return undefined;
    };
  },
};

const transfer: CommandKind = {
  usage: 'transfer 0 -> 3 5 [at 2] [nonce 7]',
  about: 'gives node 0, or another, a transfer of 5 from account 0 to account 3',
  read(words, { nodes, accounts }) {
    const { from, to } = words.link(accounts);
    const amount = words.integer('the amount', 0, MAX_AMOUNT);
    const at = words.takes('at') ? words.node(nodes) : 0;
    const nonce = words.takes('nonce') ? words.integer('the nonce', 0, MAX_AMOUNT) : null;
    return (stage) => (stage.transfer(at, { from, to, amount, nonce }) ? undefined : { lines: [`node ${at} does not take it`] });
  },
};

const admin: CommandKind = {
  usage: 'admin 2 <command> [key=value ...]',
  about: "gives a node's engine one of its own commands",
  read(words, { nodes }) {
    const place = words.node(nodes);
    const name = words.word('the command');
    const given = Object.fromEntries([...words.pairs()].map(([key, value]) => [key, jsonOf(value)]));
    return (stage) => {
      const life = stage.life(place);
      if (life === null) return DOWN;
      let reply = 'no reply yet';
      life.admin({ name, arguments: given }, (result) => {
        const refused = result instanceof SynodError;
        reply = refused ? `refused: ${result.message} [${result.code}]` : `reply ${stage.names.value(result)}`;
      });
      stage.run(0);
      return { lines: [reply] };
    };
  },
};

export const COMMANDS: ReadonlyMap<string, CommandKind> = new Map([
  ...Object.entries({ run, mine, transfer, admin }),
  ...FAULT_COMMANDS,
  ...VIEW_COMMANDS,
]);
