/**
 * The functions of an engine that the course of a run may never need, because light clients, the EVM, operators or a first
 * start ask for them: each is asked in every run, of a node's newest blocks and states now and then, and at the end. What it
 * throws, or answers in a wrong form, ends the run where it happens (`watched-engine.ts`); here is what the answer must say.
 */
import { DecodeError, RuleError } from '../../base/errors.ts';
import type { ChainView, HeaderNode } from '../../chain/tree.ts';
import { describe } from '../describe.ts';
import { type CheckerFactory, nameOf } from './checker.ts';

/** Proves nothing, to nobody. */
const NO_CERTIFICATE = Uint8Array.of(0xc3, 1, 2, 3);

export const functions: CheckerFactory = ({ engine, genesis, nodes, isCorrect, chainOf, inspect, safe, report }) => {
  /** Of each node, the height from which on it is asked again: twice as high as the last time. */
  const due: number[] = Array.from({ length: nodes }, () => 1);

  /** What becomes of a function that may refuse. */
  function outcome(work: () => void): unknown {
    try {
      work();
      return null;
    } catch (error) {
      if (error instanceof RuleError) return error;
      throw error;
    }
  }

  function askNode(node: number): void {
    inspect(node);
    const hash = safe(node);
    if (hash !== null && chainOf(node)?.get(hash) === undefined) report({ node, message: `In 'safe': it does not have block ${hash}.` });
  }

  function askOfBlock(node: number, block: HeaderNode): void {
    const chain = chainOf(node);
    if (chain === null || block.hash === genesis.hash) return;
    const refused = outcome(() => engine.verifySeal(block));
    if (refused !== null)
      report({ node, message: `In 'verifySeal': block ${nameOf(block)} is its head, and refused: ${describe(refused)}` });
    const [one, other] = [engine.randomness(block.header), engine.randomness(block.header)];
    if (one !== other) report({ node, message: `In 'randomness': of block ${nameOf(block)} it is ${one}, and then ${other}.` });
  }

  /** For engines that prove finality, `certificates.ts` asks more. */
  function askForProof(node: number, chain: ChainView): void {
    const { head } = chain;
    const accepted = outcome(() => engine.verifyCertificate(head.hash, NO_CERTIFICATE, chain)) === null;
    if (accepted && head.hash !== genesis.hash)
      report({ node, message: `In 'verifyCertificate': four bytes that mean nothing make block ${nameOf(head)} final.` });
  }

  function askOfGenesis(): void {
    const { weight, carried } = engine.genesisFacts(genesis.header);
    if (weight === genesis.facts.weight && carried === genesis.facts.carried) return;
    report({
      message: `In 'genesisFacts': weight ${weight} and carried ${carried}; at the start ${genesis.facts.weight} and ${genesis.facts.carried}.`,
    });
  }

  function askToDecode(): void {
    const refused = outcome(() => void engine.decode(NO_CERTIFICATE));
    if (refused === null || refused instanceof DecodeError) return;
    report({ message: `In 'decode': something else than a DecodeError was thrown: ${describe(refused)}` });
  }

  return {
    name: 'Functions',
    sees: ['durable'],
    observe(observation) {
      if (observation.type !== 'durable' || !isCorrect(observation.node)) return;
      const { node, head } = observation;
      if (head.header.number < (due[node] ?? 0)) return;
      due[node] = 2 * head.header.number;
      askNode(node);
      askOfBlock(node, head);
    },
    end() {
      askOfGenesis();
      for (let node = 0; node < nodes; node++) {
        const chain = chainOf(node);
        if (chain === null || !isCorrect(node)) continue;
        askNode(node);
        askOfBlock(node, chain.head);
        askForProof(node, chain);
      }
      askToDecode();
    },
  };
};
