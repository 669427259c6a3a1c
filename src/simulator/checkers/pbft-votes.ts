/**
 * What members of a PBFT network may say, told from all that correct ones let leave.
 *
 * PreparedUnique: of one view and height no two blocks are prepared. CommittedLocal: a block that a correct node finalizes
 * has been prepared by enough correct nodes (section 4.2: committed-local implies committed). PreparedIsKept: once enough correct
 * nodes have committed to a block in some view that it may be final somewhere, no correct node prepares another of that height
 * in a later view. EvidenceSound: nobody who follows the protocol says two things in one phase, view and height, crashes and
 * restarts included, or is ever shown to have done so. Without an excuse for more liars than the protocol bears, but for the
 * last: each node answers for itself.
 */
import type { Hash, Json } from '../../base/types.ts';
import type { CheckerFactory } from './checker.ts';
import { certified, faultyOf, ownVote, type PbftMessage, quorumOf, type Said } from './pbft-reference.ts';

const key = ({ view, height }: Pick<Said, 'view' | 'height'>) => `${height}/${view}`;

export const preparedUnique: CheckerFactory = ({ isCorrect, isOverwhelmed, report }) => {
  const prepared = new Map<string, Hash>();
  const learn = (node: number, said: Said | null) => {
    if (said === null) return;
    const first = prepared.get(key(said));
    if (first === undefined) prepared.set(key(said), said.hash);
    else if (first !== said.hash) {
      const message = `Block ${said.hash} is prepared in view ${said.view} at height ${said.height}, and so is ${first}.`;
      report({ node, message, expected: isOverwhelmed });
    }
  };
  return {
    name: 'PreparedUnique',
    sees: ['sending'],
    observe(observation) {
      if (observation.type !== 'sending' || !isCorrect(observation.node)) return;
      const { node } = observation;
      const message = observation.message as PbftMessage;
      const own = ownVote(node, message);
      if (own?.phase === 'commit') learn(node, own);
      if (message.type === 'viewChange') learn(node, certified(message.change.prepared));
      if (message.type === 'answer') learn(node, certified(message.prepared));
    },
  };
};

/** Correct nodes that have let a commit leave, by view, height and block. */
class Commits {
  readonly #nodes = new Map<string, Set<number>>();

  add(node: number, said: Said): number {
    const name = `${key(said)}/${said.hash}`;
    const nodes = this.#nodes.get(name) ?? new Set();
    this.#nodes.set(name, nodes.add(node));
    return nodes.size;
  }

  count(said: Said): number {
    return this.#nodes.get(`${key(said)}/${said.hash}`)?.size ?? 0;
  }
}

export const committedLocal: CheckerFactory = ({ isCorrect, isOverwhelmed, nodes, report }) => {
  const commits = new Commits();
  const fewest = quorumOf(nodes) - faultyOf(nodes);
  return {
    name: 'CommittedLocal',
    sees: ['sending', 'finalized'],
    observe(observation) {
      if ((observation.type !== 'sending' && observation.type !== 'finalized') || !isCorrect(observation.node)) return;
      const { node } = observation;
      if (observation.type === 'sending') {
        const own = ownVote(node, observation.message as PbftMessage);
        if (own?.phase === 'commit') commits.add(node, own);
        return;
      }
      const said = certified(observation.certificate);
      // Its own signature is in there: written down before a crash, it counts though it never left. Nobody else can have made it.
      if (said?.members.includes(node)) commits.add(node, said);
      if (said === null || said.hash !== observation.block.hash || said.members.length < quorumOf(nodes)) {
        report({
          node,
          message: `Finalized block ${observation.block.hash} with a certificate of ${said?.members.length ?? 0} members for ${said?.hash ?? 'nothing'}.`,
        });
      } else if (commits.count(said) < fewest) {
        const message = `Finalized block ${said.hash} of height ${said.height}, for which ${commits.count(said)} correct nodes had committed in view ${said.view}; expected ${fewest}.`;
        report({ node, message, expected: isOverwhelmed });
      }
    },
  };
};

export const preparedIsKept: CheckerFactory = ({ isCorrect, isOverwhelmed, nodes, report }) => {
  const commits = new Commits();
  const fewest = quorumOf(nodes) - faultyOf(nodes);
  /** By height: the first view in which a block may have become final somewhere. */
  const kept = new Map<number, Said>();
  return {
    name: 'PreparedIsKept',
    sees: ['sending'],
    observe(observation) {
      if (observation.type !== 'sending' || !isCorrect(observation.node)) return;
      const { node } = observation;
      const own = ownVote(node, observation.message as PbftMessage);
      if (own === null) return;
      if (own.phase === 'commit' && commits.add(node, own) >= fewest && !kept.has(own.height)) kept.set(own.height, own);
      const first = kept.get(own.height);
      if (own.phase === 'commit' || first === undefined || first.view >= own.view || first.hash === own.hash) return;
      const message = `Prepares block ${own.hash} of height ${own.height} in view ${own.view}; ${first.hash} may have become final in view ${first.view}.`;
      report({ node, message, expected: isOverwhelmed });
    },
  };
};

export const evidenceSound: CheckerFactory = ({ isCorrect, report }) => {
  const said = new Map<string, Hash>();
  return {
    name: 'EvidenceSound',
    sees: ['sending', 'engine'],
    observe(observation) {
      if (observation.type === 'engine' && observation.name === 'evidence' && isCorrect(observation.node)) {
        const data = observation.data as { readonly [name: string]: Json };
        if (isCorrect(Number(data.member)))
          report({ node: observation.node, message: `Holds evidence against member ${data.member}, which follows the protocol.` });
      }
      if (observation.type !== 'sending' || !isCorrect(observation.node)) return;
      const { node } = observation;
      const own = ownVote(node, observation.message as PbftMessage);
      if (own === null) return;
      const name = `${node}/${own.phase}/${key(own)}`;
      const first = said.get(name);
      said.set(name, own.hash);
      if (first === undefined || first === own.hash) return;
      report({
        node,
        message: `Signs a ${own.phase} for ${own.hash} in view ${own.view} at height ${own.height}, after one for ${first}.`,
      });
    },
  };
};
