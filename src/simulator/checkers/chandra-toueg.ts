/**
 * The properties of uniform consensus (Chandra and Toueg, JACM 43(2) 1996, section 6), and what they rest on. What a node
 * decides is what it makes its head; uniform: nodes that crash later count as well. Termination holds for every engine.
 *
 * UniformAgreement: no two nodes decide differently in one instance (of one height).
 * UniformIntegrity: a node decides at most once in each instance.
 * UniformValidity: what is decided was built by a member for this instance.
 * OneValuePerRound: the coordinator of a round proposes one value, whatever crashes.
 * LockedValue: what a majority has adopted in one round is what is adopted in all later ones, and decided.
 * DecidedByMajority: what a coordinator decides is on the disks of a majority as adopted in its round.
 * PromisesKept: who has told of a later round acknowledges and proposes nothing in an earlier one, a crash in between or not.
 * AdoptedBeforeSaid: an acknowledgement or a proposal leaves when the estimate is on the sender's disk.
 * ReliableBroadcast: who is told of a decision for the first time passes it on to all the others (figure 2).
 */
import type { Hash } from '../../base/types.ts';
import { hashHeader } from '../../chain/header.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { ChandraTouegMessage } from '../../consensus/chandra-toueg/messages.ts';
import { majority } from '../../consensus/votes.ts';
import { type Adopted, notesChecker } from './chandra-toueg-notes.ts';
import type { CheckerFactory } from './checker.ts';

export const uniformAgreement: CheckerFactory = ({ chainOf, report }) => {
  const decisions = new Map<number, { readonly hash: Hash; readonly node: number }>();
  return {
    name: 'UniformAgreement',
    sees: ['head'],
    observe(observation) {
      if (observation.type !== 'head') return;
      const { node, head, old } = observation;
      for (let height = old.header.number + 1; height <= head.header.number; height++) {
        const hash = height === head.header.number ? head.hash : chainOf(node)?.canonical(height);
        if (hash === undefined) continue;
        const known = decisions.get(height) ?? { hash, node };
        decisions.set(height, known);
        if (known.hash !== hash)
          report({ node, message: `Decides ${hash} at height ${height}; node ${known.node} decided ${known.hash}.` });
      }
    },
  };
};

export const uniformIntegrity: CheckerFactory = ({ report }) => ({
  name: 'UniformIntegrity',
  sees: ['head'],
  observe(observation) {
    if (observation.type !== 'head') return;
    const { node, head, old, removed } = observation;
    if (removed.length === 0 && head.header.number > old.header.number) return;
    report({ node, message: `Decides height ${head.header.number} (${head.hash}) after height ${old.header.number} (${old.hash}).` });
  },
});

export const uniformValidity: CheckerFactory = ({ chainOf, report }) => {
  const built = new Set<Hash>();

  function check(node: number, head: HeaderNode, above: number): void {
    for (
      let at: HeaderNode | undefined = head;
      at !== undefined && at.header.number > above;
      at = chainOf(node)?.get(at.header.parentHash)
    ) {
      if (!built.has(at.hash)) report({ node, message: `Decides ${at.hash} at height ${at.header.number}, which no member has built.` });
    }
  }

  return {
    name: 'UniformValidity',
    sees: ['built', 'head'],
    observe(observation) {
      if (observation.type === 'built') built.add(hashHeader(observation.block.header));
      if (observation.type === 'head') check(observation.node, observation.head, observation.old.header.number);
    },
  };
};

export const oneValuePerRound = notesChecker('OneValuePerRound', ({ report }) => {
  /** By height and round. */
  const values = new Map<string, Hash>();
  return {
    // What a crash took before it was on disk nobody has heard of: another value may be proposed.
    adopted(node, { height, round, hash }) {
      const key = `${height}/${round}`;
      const known = values.get(key) ?? hash;
      values.set(key, known);
      if (known !== hash) report({ node, message: `Adopts ${hash} in round ${round} of height ${height}, where others adopted ${known}.` });
    },
  };
});

export const lockedValue = notesChecker(
  'LockedValue',
  ({ nodes, report }, notes) => {
    /** By height: the first that a majority adopted. */
    const locked = new Map<number, Adopted>();
    return {
      adopted(_node, adopted) {
        if (!locked.has(adopted.height) && notes.holders(adopted).size >= majority(nodes)) locked.set(adopted.height, adopted);
      },
      wrote(node, { height, round, hash }) {
        const lock = locked.get(height);
        if (lock === undefined || lock.hash === hash || lock.round >= round) return;
        const message = `Adopts ${hash} in round ${round} of height ${height}, where a majority has adopted ${lock.hash} in round ${lock.round}.`;
        report({ node, message });
      },
      observe(observation) {
        if (observation.type !== 'head') return;
        const { head, node } = observation;
        const lock = locked.get(head.header.number);
        if (lock === undefined || lock.hash === head.hash) return;
        report({ node, message: `Decides ${head.hash} at height ${lock.height}, where a majority has adopted ${lock.hash}.` });
      },
    };
  },
  ['head'],
);

export const decidedByMajority = notesChecker('DecidedByMajority', ({ nodes, report }, notes) => ({
  decided(node, adopted) {
    const holders = [...notes.holders(adopted)];
    const needed = majority(nodes);
    if (holders.length >= needed) return;
    const { height, round, hash } = adopted;
    const where = holders.length === 0 ? 'no disk' : `the disks of node ${holders.join(', ')} only`;
    report({ node, message: `Decides ${hash} in round ${round} of height ${height}, which is on ${where}; expected ${needed}.` });
  },
}));

export const promisesKept = notesChecker('PromisesKept', ({ report }) => {
  /** By node and height: the latest round that it has told of. */
  const promised = new Map<string, number>();
  return {
    sent(node, message) {
      if (!('round' in message)) return;
      const { type, height, round } = message;
      const key = `${node}/${height}`;
      const before = promised.get(key) ?? 0;
      if (type === 'estimate' || type === 'nack') promised.set(key, Math.max(before, type === 'nack' ? message.reached : round));
      if ((type !== 'ack' && type !== 'proposal') || round >= before) return;
      report({ node, message: `Sends ${type} in round ${round} of height ${height}, and has told others of round ${before}.` });
    },
  };
});

export const adoptedBeforeSaid = notesChecker('AdoptedBeforeSaid', ({ report }) => {
  /** By node, height and round. */
  const onDisk = new Set<string>();
  return {
    adopted: (node, { height, round }) => void onDisk.add(`${node}/${height}/${round}`),
    sent(node, message) {
      if (message.type !== 'ack' && message.type !== 'proposal') return;
      const { type, height, round } = message;
      if (!onDisk.has(`${node}/${height}/${round}`)) {
        report({ node, message: `Sends ${type} in round ${round} of height ${height}, and its disk does not have the estimate.` });
      }
    },
  };
});

export const reliableBroadcast: CheckerFactory = ({ nodes, report }) => {
  /** By node: the highest decision that it has heard of, or made, in this life. */
  const known = new Map<number, number>();
  const learn = (node: number, height: number): void => void known.set(node, Math.max(known.get(node) ?? 0, height));

  function hears(node: number, message: ChandraTouegMessage, told: readonly number[]): void {
    // Whoever proposes knows that the block before is decided; answers to questions have the block with them.
    if (message.type === 'proposal') learn(node, message.height - 1);
    if (message.type !== 'decide' || message.height <= (known.get(node) ?? 0)) return;
    const count = told.filter((height) => height === message.height).length;
    if (message.value.block !== null || count >= nodes - 2) return;
    report({ node, message: `Hears of the decision at height ${message.height}, and tells ${count} of ${nodes - 2} others.` });
  }

  return {
    name: 'ReliableBroadcast',
    sees: ['started', 'head', 'step'],
    observe(observation) {
      if (observation.type === 'started') known.set(observation.node, observation.chain.head.header.number);
      if (observation.type === 'head') learn(observation.node, observation.head.header.number);
      if (observation.type !== 'step') return;
      const { node, effects, event } = observation;
      const told = effects.flatMap((effect) => (effect.type === 'send' ? decidedIn(effect.message) : []));
      if (event.type === 'message') {
        hears(node, event.message as ChandraTouegMessage, told);
        for (const height of decidedIn(event.message)) learn(node, height);
      }
      for (const height of told) learn(node, height);
    },
  };
};

function decidedIn(message: unknown): readonly number[] {
  const said = message as ChandraTouegMessage;
  return said.type === 'decide' ? [said.height] : [];
}

export const CHANDRA_TOUEG_INVARIANTS: readonly CheckerFactory[] = [
  uniformAgreement,
  uniformIntegrity,
  uniformValidity,
  oneValuePerRound,
  lockedValue,
  decidedByMajority,
  promisesKept,
  adoptedBeforeSaid,
  reliableBroadcast,
];
