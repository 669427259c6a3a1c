/**
 * Validity. What a correct node holds for valid is valid, and the other way round, as a second ledger judges it
 * (`reference.ts`); the state that it has, and what it shows to clients, is the state of a replay from genesis; and nobody's
 * transfer is in a block that its owner did not ask for.
 */
import { toHex } from '../../base/bytes.ts';
import type { Hash, Hex } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { Observation } from '../observations.ts';
import { type Balances, balanceOf, nonceOf } from '../transfers.ts';
import { type CheckerFactory, nameOf } from './checker.ts';
import { ReferenceLedger } from './reference.ts';

/** The states of the light ledger. */
export interface LightStates {
  readonly genesis: Balances;
  /** Those that a node has in its life, or had in its last. */
  of(node: number): { state(hash: Hash): Balances | null } | null;
}

export const validity =
  (states: LightStates): CheckerFactory =>
  ({ engine, genesis, nodes, isCorrect, chainOf, report }) => {
    const reference = new ReferenceLedger(engine, genesis.hash, states.genesis);
    /** By content, and those whose content was looked up before. */
    const asked = new Set<Hex>();
    const known = new WeakSet<Uint8Array>();

    function checkTransfers(node: number, block: Block): void {
      for (const bytes of block.transactions) {
        if (known.has(bytes)) continue;
        if (asked.has(toHex(bytes))) known.add(bytes);
        else report({ node, message: `Holds block ${block.header.number} for valid; no client sent its transfer ${toHex(bytes)}.` });
      }
    }

    function checkState(node: number, hash: Hash, expected: Balances): void {
      const state = states.of(node)?.state(hash) ?? null;
      if (state === null || !sameBalances(state, expected))
        report({ node, message: `The state of block ${hash} is not that of a replay from genesis.` });
    }

    /** What a node found on its disk, or has in the end, is what a replay has, without having been executed anew. */
    function checkHead(node: number): void {
      const head = chainOf(node)?.head;
      const block = head && chainOf(node)?.block(head.hash);
      const replayed = block && reference.replay(block);
      if (head === undefined || replayed === undefined) return;
      if ('state' in replayed) checkState(node, head.hash, replayed.state);
      else report({ node, message: `Has the head ${nameOf(head)}, which is invalid: ${replayed.error}.` });
    }

    /** What a client is shown, as of a block, is what a replay has. */
    function checkRead({ node, kind, block, account, seen }: Extract<Observation, { type: 'read' }>): void {
      const body = chainOf(node)?.block(block.hash);
      const replayed = body && reference.replay(body);
      const state = replayed !== undefined && 'state' in replayed ? replayed.state : null;
      if (state !== null && balanceOf(state, account) === seen[0] && nonceOf(state, account) === seen[1]) return;
      const expected = state === null ? 'the block is invalid' : `a replay has ${balanceOf(state, account)} and ${nonceOf(state, account)}`;
      report({
        node,
        message: `Shows account ${account} with balance ${seen[0]} and nonce ${seen[1]} as of ${nameOf(block)} (${kind}); ${expected}.`,
      });
    }

    return {
      name: 'Validity',
      sees: ['submitted', 'read', 'started', 'checked'],
      observe(observation) {
        if (observation.type === 'submitted') asked.add(toHex(observation.transaction));
        if (observation.type === 'read' && isCorrect(observation.node)) return checkRead(observation);
        if (observation.type === 'started' && isCorrect(observation.node)) return checkHead(observation.node);
        if (observation.type !== 'checked' || !isCorrect(observation.node)) return;
        const { node, hash, error } = observation;
        const chain = chainOf(node);
        const block = chain?.block(hash);
        const known = chain?.get(hash);
        const replayed = block && reference.replay(block);
        if (block === undefined || known === undefined || replayed === undefined) {
          return report({ node, message: `Executed block ${hash}, whose parent nobody executed.` });
        }
        const isValid = 'state' in replayed;
        if (isValid !== (error === null)) {
          const [held, is] = error === null ? ['valid', 'invalid'] : [`invalid (${error.code})`, 'valid'];
          return report({ node, message: `Holds block ${nameOf(known)} for ${held}; it is ${is}.` });
        }
        if (!isValid) return;
        checkTransfers(node, block);
        checkState(node, hash, replayed.state);
      },
      end() {
        for (let node = 0; node < nodes; node++) if (isCorrect(node)) checkHead(node);
      },
    };
  };

function sameBalances(a: Balances, b: Balances): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
