/**
 * What is final under proof-of-stake, and why.
 *
 * FinalizationRules: every block's state, and every block that a correct node finalizes, agree with a second count of the votes in
 * blocks (`pos-tally.ts`). Certificates: what a node gives as proof convinces whoever has the headers, and proves nothing once a bit of it
 * is another, or for another block. FinalizedMonotone: what a node finalizes descends from what it finalized before, crashes
 * included. HeadDescendsFromJustified: and its head from what it holds justified.
 */
import { RuleError } from '../../base/errors.ts';
import type { Hash, Json } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { isOfNode } from '../observations.ts';
import { type CheckerFactory, nameOf } from './checker.ts';
import { stakeReference } from './pos-reference.ts';
import { talliesOf } from './pos-tally.ts';

export const finalizationRules: CheckerFactory = (setting) => {
  const { isCorrect, chainOf, report } = setting;
  const reference = stakeReference(setting);
  const tallies = talliesOf(reference);
  const checked = new Set<Hash>();

  function checkBlock(node: number, hash: Hash): void {
    const state = reference.state(hash);
    const tally = tallies.of(hash);
    if (state === undefined || tally === undefined) return;
    const { currentJustified, finalized } = state;
    if (currentJustified.epoch === tally.newest.epoch && finalized.epoch === tally.final.epoch && finalized.root === tally.final.root)
      return;
    report({
      node,
      message: `After block ${hash} epoch ${currentJustified.epoch} is justified and ${finalized.epoch} final; by its votes epoch ${tally.newest.epoch} is, and ${tally.final.epoch}.`,
    });
  }

  return {
    name: 'FinalizationRules',
    sees: ['inserted', 'finalized'],
    observe(observation) {
      if (!isOfNode(observation) || !isCorrect(observation.node)) return;
      const { node } = observation;
      if (observation.type === 'inserted' && !checked.has(observation.hash)) {
        checked.add(observation.hash);
        reference.learn(observation.hash, observation.block);
        checkBlock(node, observation.hash);
      }
      if (observation.type !== 'finalized') return;
      const { block } = observation;
      const head = chainOf(node)?.head;
      const tally = head && tallies.ended(head.hash);
      if (tally === undefined || reference.descends(tally.final.root, block.hash)) return;
      report({
        node,
        message: `Finalized ${nameOf(block)}; by the votes of its chain epoch ${tally.final.epoch} (${tally.final.root}) is final.`,
      });
    },
  };
};

export const certificates: CheckerFactory = ({ engine, isCorrect, chainOf, report }) => ({
  name: 'Certificates',
  sees: ['finalized'],
  observe(observation) {
    if (observation.type !== 'finalized' || !isCorrect(observation.node)) return;
    const { node, block, certificate } = observation;
    const chain = chainOf(node);
    if (chain === null) return;
    const refusal = (hash: Hash, proof: Uint8Array): string | null => {
      try {
        engine.verifyCertificate(hash, proof, chain);
        return null;
      } catch (error) {
        if (error instanceof RuleError) return error.message;
        throw error;
      }
    };
    const refused = refusal(block.hash, certificate);
    if (refused !== null) report({ node, message: `The certificate of ${nameOf(block)} convinces nobody: ${refused}` });
    const bit = bitFor(block.hash, certificate);
    if (refusal(block.hash, withoutBit(certificate, bit)) === null) {
      report({ node, message: `The certificate of ${nameOf(block)} convinces with bit ${bit} of it flipped.` });
    }
    if (refusal(chain.head.hash, certificate) === null && chain.head.hash !== block.hash) {
      report({ node, message: `The certificate of ${nameOf(block)} proves ${nameOf(chain.head)} final as well.` });
    }
  },
});

/** Any, but the same in each run. */
function bitFor(hash: Hash, certificate: Uint8Array): number {
  return Number(BigInt(hash) % BigInt(8 * certificate.length));
}

function withoutBit(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.with(bit >> 3, (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7)));
}

export const finalizedMonotone: CheckerFactory = (setting) => {
  const { isCorrect, report } = setting;
  const reference = stakeReference(setting);
  const last = new Map<number, HeaderNode>();
  const checkAscent = (node: number, block: HeaderNode): void => {
    const before = last.get(node);
    last.set(node, block);
    if (before === undefined || reference.descends(block.hash, before.hash)) return;
    report({ node, message: `Finalized ${nameOf(block)}, which does not descend from ${nameOf(before)}, final before.` });
  };
  return {
    name: 'FinalizedMonotone',
    sees: ['inserted', 'finalized', 'finalDurable', 'started'],
    observe(observation) {
      if (!isOfNode(observation) || !isCorrect(observation.node)) return;
      if (observation.type === 'inserted') reference.learn(observation.hash, observation.block);
      if (observation.type === 'finalized') checkAscent(observation.node, observation.block);
      // What was not on the disk yet may be lost by a crash, and be finalized again.
      if (observation.type === 'started') last.set(observation.node, observation.chain.finalized);
    },
  };
};

export const headDescendsFromJustified: CheckerFactory = (setting) => {
  const { isCorrect, inspect, report } = setting;
  const reference = stakeReference(setting);
  return {
    name: 'HeadDescendsFromJustified',
    sees: ['inserted', 'head'],
    observe(observation) {
      if (!isOfNode(observation) || !isCorrect(observation.node)) return;
      if (observation.type === 'inserted') reference.learn(observation.hash, observation.block);
      if (observation.type !== 'head') return;
      const { node, head } = observation;
      const justified = checkpointIn(inspect(node), 'justified');
      if (justified === null || reference.descends(head.hash, justified)) return;
      report({ node, message: `Has the head ${nameOf(head)}, which does not descend from ${justified}, justified.` });
    },
  };
};

function checkpointIn(state: Json, name: string): Hash | null {
  const found = (state as { readonly [key: string]: { readonly root?: Hash } } | null)?.[name];
  return found?.root ?? null;
}
