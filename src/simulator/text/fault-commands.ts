/** Commands that break something, and mend it. They are the faults of a schedule (`../faults.ts`), begun and ended by hand. */
import type { Fault } from '../faults.ts';
import { type Act, type CommandKind, quietly } from './command.ts';

const MAX_SLOWNESS = 1_000_000;
const OF_THE_NETWORK: readonly Fault['fault'][] = ['partition', 'cutLink', 'clog', 'clogLink', 'noise'];
const CHANCES = ['loss', 'duplicate', 'reorder'] as const;

const crash: CommandKind = {
  usage: 'crash 2',
  about: 'cuts the power of a node',
  read(words, { nodes }) {
    const node = words.node(nodes);
    return quietly((stage) => stage.begin({ fault: 'crash', node }));
  },
};

const restart: CommandKind = {
  usage: 'restart 2',
  about: 'brings a node back that was crashed, or not started',
  read(words, { nodes }) {
    const node = words.node(nodes);
    return (stage) => {
      const ended = stage.end((fault) => fault.fault === 'crash' && fault.node === node);
      return ended === 0 ? { failure: `node ${node} was not crashed` } : undefined;
    };
  },
};

const partition: CommandKind = {
  usage: 'partition 0,1 | 2,3',
  about: 'cuts all links between groups; nodes that are not named are one more group',
  read(words, { nodes }) {
    const groups = [words.nodes(nodes)];
    while (words.takes('|')) groups.push(words.nodes(nodes));
    const named = groups.flat();
    if (new Set(named).size < named.length) words.refuse('a node is in two groups');
    if (groups.length === 1 && named.length === nodes) words.refuse('one group of all nodes is no partition');
    return quietly((stage) => {
      for (const side of groups) stage.begin({ fault: 'partition', side, direction: 'both' });
    });
  },
};

const block: CommandKind = {
  usage: 'block 0 -> 1',
  about: 'cuts one direction of a link',
  read(words, { nodes }) {
    const link = words.link(nodes);
    return quietly((stage) => stage.begin({ fault: 'cutLink', ...link }));
  },
};

const clog: CommandKind = {
  usage: 'clog 0 -> 1 | clog 2',
  about: 'holds back what is sent on a link, or to and by a node; it arrives at once when that is healed',
  read(words, { nodes }) {
    const from = words.node(nodes);
    if (words.isAtEnd) return quietly((stage) => stage.begin({ fault: 'clog', node: from }));
    words.expect('->');
    const to = words.node(nodes);
    return quietly((stage) => stage.begin({ fault: 'clogLink', from, to }));
  },
};

const noise: CommandKind = {
  usage: 'noise loss=0.3 duplicate=0.1 reorder=0.1',
  about: 'loses, repeats or reorders messages with these probabilities (of those not given, none)',
  read(words) {
    const pairs = words.pairs(CHANCES);
    const chance = (name: (typeof CHANCES)[number]) => {
      const value = pairs.get(name);
      return value === undefined ? 0 : words.within(value).number(name, 0, 1);
    };
    const chances = { loss: chance('loss'), duplicate: chance('duplicate'), reorder: chance('reorder') };
    return quietly((stage) => stage.begin({ fault: 'noise', ...chances }));
  },
};

const heal: CommandKind = {
  usage: 'heal',
  about: 'ends whatever was done to the network; nodes stay as they are',
  read: () => quietly((stage) => stage.end(({ fault }) => OF_THE_NETWORK.includes(fault))),
};

const clock: CommandKind = {
  usage: 'clock 1 +30s',
  about: "sets a node's wall clock wrong by this much (0s: right again)",
  read(words, { nodes }) {
    const node = words.node(nodes);
    const offsetMs = words.duration('the offset', true);
    return quietly((stage) => {
      stage.end((fault) => fault.fault === 'clock' && fault.node === node);
      if (offsetMs !== 0) stage.begin({ fault: 'clock', node, offsetMs });
    });
  },
};

const disk: CommandKind = {
  usage: 'disk 1 fails|works | disk 1 slow 50',
  about: 'lets writes fail (the node stops), work again (it starts), or take so many times as long',
  read(words, { nodes }): Act {
    const node = words.node(nodes);
    switch (words.oneOf('what happens', ['fails', 'works', 'slow'])) {
      case 'fails':
        return quietly((stage) => stage.begin({ fault: 'diskError', node }));
      case 'works':
        return quietly((stage) => stage.end((fault) => (fault.fault === 'diskError' || fault.fault === 'slowDisk') && fault.node === node));
      case 'slow': {
        const factor = words.number('the factor', 0, MAX_SLOWNESS);
        return quietly((stage) => stage.begin({ fault: 'slowDisk', node, factor }));
      }
    }
  },
};

export const FAULT_COMMANDS: ReadonlyMap<string, CommandKind> = new Map(
  Object.entries({ crash, restart, partition, block, clog, noise, heal, clock, disk }),
);
