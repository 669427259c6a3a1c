/**
 * Takes blocks from this machine only, one after the other: checks the header, has it executed, and follows it when it is
 * higher. What is safe and final is said by a command, as a beacon chain's forkchoice would (`forkchoice`).
 */
import { unreachable } from '../../base/assert.ts';
import { EMPTY } from '../../base/bytes.ts';
import { RuleError, UsageError } from '../../base/errors.ts';
import { type Hash, type NodeId, quote } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { checkUnclesHash, foreignBody } from '../../chain/foreign-body.ts';
import { hashHeader } from '../../chain/header.ts';
import type { ChainView, HeaderNode } from '../../chain/tree.ts';
import type { AdminCommand, Context, Event, RequestId } from '../engine.ts';
import { checkUncles, type ReplayRules, verifyHeader } from './rules.ts';
import { type ReplayEffect, type ReplayMessage, type ReplayState, remember, restore } from './state.ts';

/** The command that names head, safe and finalized block: `{ head, safe, finalized }`, each a hash. */
export const FORKCHOICE = 'replay_forkchoice';

export function step(rules: ReplayRules, state: ReplayState, event: Event<ReplayMessage>, context: Context): readonly ReplayEffect[] {
  switch (event.type) {
    case 'start':
      restore(state, event.records, event.lsn);
      return [];
    case 'block':
      return event.origin === 'local' ? takeBlock(rules, event.block, context.self, context.chain) : [{ type: 'ignore' }];
    case 'checked':
      return event.error === null ? follow(event.hash, context.chain) : [];
    case 'admin':
      return answer(state, event.request, event.command, context.chain);
    case 'message':
    case 'timer':
    case 'persisted':
    case 'stored':
    case 'built':
    case 'sealed':
    case 'mempool':
      return [];
    default:
      return unreachable(event);
  }
}

/** Whoever gave the block is this machine itself, which learns of an offence what is wrong with it. */
function takeBlock(rules: ReplayRules, block: Block, self: NodeId, chain: ChainView): readonly ReplayEffect[] {
  const hash = hashHeader(block.header);
  const parent = chain.get(block.header.parentHash);
  if (chain.status(hash) !== undefined || parent === undefined) return [];
  try {
    const facts = verifyHeader(rules, block.header, parent);
    const { uncles } = foreignBody(block);
    checkUnclesHash(block.header, uncles);
    checkUncles(rules, block.header, uncles, chain);
    return [
      { type: 'insert', block, facts },
      { type: 'check', hash },
    ];
  } catch (error) {
    if (error instanceof RuleError) return [{ type: 'offence', from: self, error }];
    throw error;
  }
}

function follow(hash: Hash, chain: ChainView): readonly ReplayEffect[] {
  const node = chain.get(hash);
  const isHigher = node !== undefined && node.header.number > chain.head.header.number;
  return isHigher ? [{ type: 'setHead', hash }] : [];
}

function answer(state: ReplayState, request: RequestId, command: AdminCommand, chain: ChainView): readonly ReplayEffect[] {
  try {
    return [...forkchoice(state, command, chain), { type: 'reply', request, result: true }];
  } catch (error) {
    if (error instanceof UsageError) return [{ type: 'reply', request, result: error }];
    throw error;
  }
}

function forkchoice(state: ReplayState, { name, arguments: values }: AdminCommand, chain: ChainView): readonly ReplayEffect[] {
  if (name !== FORKCHOICE) throw new UsageError('admin/unknown-command', `Unknown command ${quote(name)}; expected ${FORKCHOICE}.`);
  const [head, safe, finalized] = ['head', 'safe', 'finalized'].map((role) => executed(String(values[role]), role, chain));
  if (head === undefined || safe === undefined || finalized === undefined) return [];
  if (finalized.header.number > safe.header.number || safe.header.number > head.header.number) {
    throw new UsageError('replay/forkchoice', 'The finalized block is above the safe one, or that above the head.');
  }
  for (const node of [safe, finalized]) assertAncestor(node, head, chain);
  const isNew = finalized.header.number > chain.finalized.header.number;
  return [
    ...(head.hash === chain.head.hash ? [] : [{ type: 'setHead', hash: head.hash } as const]),
    remember(state, safe.hash),
    // There is no proof: whoever imports the chain vouches for it.
    ...(isNew ? [{ type: 'finalize', hash: finalized.hash, certificate: EMPTY } as const] : []),
  ];
}

function executed(hash: string, role: string, chain: ChainView): HeaderNode {
  const node = chain.get(hash as Hash);
  if (node !== undefined && chain.status(node.hash) === 'executed') return node;
  throw new UsageError('replay/forkchoice', `The ${role} block ${quote(hash)} is not among the blocks that were imported.`);
}

function assertAncestor(node: HeaderNode, head: HeaderNode, chain: ChainView): void {
  let at: HeaderNode | undefined = head;
  while (at !== undefined && at.header.number > node.header.number) at = chain.get(at.header.parentHash);
  if (at?.hash !== node.hash) {
    throw new UsageError('replay/forkchoice', `Block ${node.header.number} (${node.hash}) is no ancestor of the head ${head.hash}.`);
  }
}
