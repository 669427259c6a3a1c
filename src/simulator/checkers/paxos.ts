/**
 * Invariants of Paxos, slot by slot. Source: tlaplus/Examples, Paxos (Voting.tla: OneValuePerBallot, SafeAt) and
 * MultiPaxos-SMR; Paxos Made Simple, section 2.
 *
 * SlotAgreement: in no slot two values are chosen.
 * ParentChosen: what is chosen follows what is chosen in the slot below (this is what chaining the values promises).
 * OneValuePerBallot: under one ballot nobody accepts two values for a slot.
 * SafeAt: what is accepted under a ballot excludes nothing that was, or still could be, chosen under a lower one.
 * PromiseKept: nobody accepts under a ballot lower than one that it has promised, before or after a crash.
 * AnswersAreDurable: what an acceptor says it has promised or accepted is on its disk.
 * BallotUniqueness: no two members, and no two lives of one, ask for promises with the same ballot.
 * Nontriviality: what is accepted was built by somebody.
 * GapFreeExecution: every block that becomes part of a node's chain was chosen, slot after slot.
 */
import type { Hash } from '../../base/types.ts';
import { hashHeader } from '../../chain/header.ts';
import { majority } from '../../consensus/votes.ts';
import type { CheckerFactory, Setting } from './checker.ts';
import { historyOf, type PaxosHistory, type PaxosListener, SEES, type Vote } from './paxos-history.ts';

function paxosChecker(name: string, listen: (setting: Setting, history: PaxosHistory) => PaxosListener): CheckerFactory {
  return (setting) => {
    const history = historyOf(setting);
    history.listeners.push(listen(setting, history));
    return { name, sees: SEES, observe: (observation) => history.observe(observation) };
  };
}

export const slotAgreement = paxosChecker('SlotAgreement', ({ report }, { chosen }) => ({
  chosen({ height, hash, ballot }) {
    const first = chosen.get(height);
    if (first === undefined || first.hash === hash) return;
    report({ message: `In slot ${height} ${hash} is chosen under ballot ${ballot}, and ${first.hash} was under ballot ${first.ballot}.` });
  },
}));

export const parentChosen = paxosChecker('ParentChosen', ({ report, genesis }, { chosen, parents }) => ({
  chosen({ height, hash, ballot }) {
    const below = height === 1 ? genesis.hash : chosen.get(height - 1)?.hash;
    const parent = parents.get(hash);
    if (below === parent) return;
    const found = below === undefined ? 'nothing is' : `${below} is`;
    report({
      message: `In slot ${height} ${hash} is chosen under ballot ${ballot}; its parent is ${parent}, and below it ${found} chosen.`,
    });
  },
}));

export const oneValuePerBallot = paxosChecker('OneValuePerBallot', ({ report }) => {
  const values = new Map<string, Hash>();
  return {
    voted(node, { ballot, height, hash }) {
      const key = `${height}/${ballot}`;
      const known = values.get(key) ?? hash;
      values.set(key, known);
      if (known !== hash) report({ node, message: `Accepts ${hash} in slot ${height} under ballot ${ballot}, which has ${known} there.` });
    },
  };
});

export const safeAt = paxosChecker('SafeAt', ({ report, nodes }, { slots, promised }) => {
  const quorum = majority(nodes);

  /** Of the members that have accepted it or still may: a majority of them can choose it yet. */
  function isChoosable(ballot: number, voters: ReadonlySet<number>): boolean {
    let able = 0;
    for (let node = 0; node < nodes; node++) if (voters.has(node) || (promised.get(node) ?? 0) <= ballot) able++;
    return able >= quorum;
  }

  return {
    voted(node, { ballot, height, hash }: Vote) {
      for (const [lower, values] of slots.get(height) ?? []) {
        if (lower >= ballot) continue;
        for (const [other, voters] of values) {
          if (other === hash || !isChoosable(lower, voters)) continue;
          const message = `Accepts ${hash} in slot ${height} under ballot ${ballot}, though ${other} may be chosen there under ballot ${lower}.`;
          report({ node, message });
        }
      }
    },
  };
});

export const promiseKept = paxosChecker('PromiseKept', ({ report }) => {
  /** By node: the highest ballot that it told somebody it had promised, or accepted under. */
  const given = new Map<number, number>();
  return {
    sent(node, message) {
      if (message.type !== 'promise' && message.type !== 'accepted') return;
      given.set(node, Math.max(given.get(node) ?? 0, message.ballot));
    },
    voted(node, { ballot, height }) {
      const before = given.get(node) ?? 0;
      given.set(node, Math.max(before, ballot));
      if (ballot < before) report({ node, message: `Accepts in slot ${height} under ballot ${ballot}, and has promised ${before}.` });
    },
  };
});

export const answersAreDurable = paxosChecker('AnswersAreDurable', ({ report }, history) => ({
  sent(node, message) {
    if (message.type === 'promise' && (history.promised.get(node) ?? 0) < message.ballot) {
      report({ node, message: `Says that it has promised ballot ${message.ballot}, which is not on its disk.` });
    }
    if (message.type === 'accepted' && !history.hasUpTo(node, message.ballot, message.height)) {
      report({
        node,
        message: `Says that it has accepted up to slot ${message.height} under ballot ${message.ballot}; its disk has less.`,
      });
    }
  },
}));

export const ballotUniqueness = paxosChecker('BallotUniqueness', ({ report }) => {
  /** By ballot: who asked for promises with it, and in which life. A ballot that nobody heard of may be used again. */
  const users = new Map<number, string>();
  return {
    sent(node, message, life) {
      if (message.type !== 'prepare') return;
      const { ballot } = message;
      const user = `life ${life} of node ${node}`;
      const before = users.get(ballot) ?? user;
      users.set(ballot, before);
      if (before !== user) report({ node, message: `Stands with ballot ${ballot} in ${user}, with which ${before} has stood.` });
    },
  };
});

export const nontriviality: CheckerFactory = (setting) => {
  const built = new Set<Hash>();
  const listen = paxosChecker('Nontriviality', ({ report }) => ({
    voted(node, { hash, height }) {
      if (!built.has(hash)) report({ node, message: `Accepts ${hash} in slot ${height}, which nobody has built.` });
    },
  }))(setting);
  return {
    name: listen.name,
    sees: [...SEES, 'built'],
    observe(observation) {
      if (observation.type === 'built') built.add(hashHeader(observation.block.header));
      else listen.observe(observation);
    },
  };
};

export const gapFreeExecution = paxosChecker('GapFreeExecution', (setting, { chosen }) => ({
  decided(node, head, old) {
    const chain = setting.chainOf(node);
    for (let at = chain?.get(head.hash) ?? head; at.header.number > old.header.number; ) {
      const { hash, header } = at;
      if (chosen.get(header.number)?.hash !== hash) {
        setting.report({ node, message: `Has ${hash} at height ${header.number} of its chain, which was not chosen there.` });
        return;
      }
      const parent = chain?.get(header.parentHash);
      if (parent === undefined) return;
      at = parent;
    }
  },
}));

export const PAXOS_INVARIANTS: readonly CheckerFactory[] = [
  slotAgreement,
  parentChosen,
  oneValuePerBallot,
  safeAt,
  promiseKept,
  answersAreDurable,
  ballotUniqueness,
  nontriviality,
  gapFreeExecution,
];
