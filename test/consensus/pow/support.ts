/** Headers and blocks for the tests of this engine: easy difficulties, proofs found here by trying nonces. */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { present } from '../../../src/base/assert.ts';
import { addressOf, EMPTY } from '../../../src/base/bytes.ts';
import type { Address, Hash, Json } from '../../../src/base/types.ts';
import { ZERO_ADDRESS, ZERO_HASH } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { EMPTY_BLOOM, EMPTY_NONCE, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header, hashHeader } from '../../../src/chain/header.ts';
import type { ChainParams, ForkActivation } from '../../../src/chain/params.ts';
import { forkFields } from '../../../src/chain/rules.ts';
import type { HeaderNode, HeaderView } from '../../../src/chain/tree.ts';
import { header80Of, proofHash, withProof } from '../../../src/consensus/pow/header80.ts';
import { checkProof, genesisFacts, nextDifficulty, type PowRules, recentTimes, verifyHeader } from '../../../src/consensus/pow/rules.ts';
import { parseSettings } from '../../../src/consensus/pow/settings.ts';
import { targetOf } from '../../../src/consensus/pow/work.ts';

export const GENESIS_TIME = 1_700_000_000;
const FORKS: readonly ForkActivation[] = [
  { fork: 'london', block: 0 },
  { fork: 'paris', block: 0 },
  { fork: 'shanghai', time: 0 },
  { fork: 'cancun', time: 0 },
  { fork: 'prague', time: 0 },
];
export const MINER = `0x${'11'.repeat(20)}` as Address;
export const REQUESTS_HASH = `0x${'e3'.repeat(32)}` as Hash;

/** A network of its own: what is in `settings` is what its genesis file would say. */
export interface TestNet {
  readonly params: ChainParams;
  readonly rules: PowRules;
  readonly genesis: HeaderNode;
}

export function testNet(settings: { readonly [key: string]: Json } = {}, difficulty = 8n): TestNet {
  const header: Header = {
    parentHash: ZERO_HASH,
    unclesHash: EMPTY_UNCLES_HASH,
    beneficiary: ZERO_ADDRESS,
    stateRoot: EMPTY_TRIE_ROOT,
    transactionsRoot: EMPTY_TRIE_ROOT,
    receiptsRoot: EMPTY_TRIE_ROOT,
    logsBloom: EMPTY_BLOOM,
    difficulty,
    number: 0,
    gasLimit: 30_000_000n,
    gasUsed: 0n,
    timestamp: GENESIS_TIME,
    extraData: '0x',
    mixHash: ZERO_HASH,
    nonce: EMPTY_NONCE,
    baseFeePerGas: 1_000_000_000n,
    withdrawalsRoot: EMPTY_TRIE_ROOT,
    blobGasUsed: 0n,
    excessBlobGas: 0n,
    parentBeaconBlockRoot: ZERO_HASH,
    requestsHash: REQUESTS_HASH,
  };
  const params = { chainId: 1337, genesisHash: hashHeader(header), forks: FORKS, engine: { name: 'pow', settings } };
  const genesis = { header, seal: EMPTY, hash: hashHeader(header), facts: genesisFacts(header) };
  return { params, rules: { params, settings: parseSettings(settings), checkProof }, genesis };
}

/** A view of the headers in a map, which the test fills. */
export class Headers implements HeaderView {
  readonly nodes = new Map<Hash, HeaderNode>();
  constructor(...nodes: readonly HeaderNode[]) {
    for (const node of nodes) this.nodes.set(node.hash, node);
  }
  get(hash: Hash): HeaderNode | undefined {
    return this.nodes.get(hash);
  }
}

/** A child without its proof: right in every field unless `changes` say otherwise. */
export function draft(net: TestNet, parent: HeaderNode, view: HeaderView, changes: Partial<Header> = {}): Header {
  const timestamp = changes.timestamp ?? parent.header.timestamp + net.rules.settings.blockTimeSeconds;
  const number = parent.header.number + 1;
  return {
    ...parent.header,
    ...forkFields(number, timestamp, parent.header, net.params),
    parentHash: parent.hash,
    number,
    timestamp,
    difficulty: nextDifficulty(net.rules, parent, view, recentTimes(parent, view), timestamp),
    beneficiary: MINER,
    mixHash: ZERO_HASH,
    nonce: EMPTY_NONCE,
    ...changes,
  };
}

/** Tries nonces until the proof is valid, or, with `valid` false, until it is not. */
export function mine(header: Header, valid = true): Header {
  const target = targetOf(header.difficulty);
  for (let nonce = 0; ; nonce++) {
    const candidate = withProof(header, 0x2000_0000, nonce, header.mixHash);
    if (proofHash(header80Of(candidate)) <= target === valid) return candidate;
  }
}

export function blockOf(header: Header, transactions: readonly Uint8Array[] = []): Block {
  return { header, seal: EMPTY, transactions, payload: EMPTY };
}

/** The node that a valid header becomes. */
export function nodeOf(net: TestNet, header: Header, view: HeaderView): HeaderNode {
  const parent = present(view.get(header.parentHash), 'a parent');
  const facts = verifyHeader(net.rules, { header, seal: EMPTY }, parent, view, header.timestamp * 1_000);
  return { header, seal: EMPTY, hash: hashHeader(header), facts };
}

/**
 * A chain of valid headers on `parent`, added to `view`, with these times in seconds after one another. Branches with
 * different names differ in their beneficiary, so that they are different blocks even at the same times.
 */
export function extend(net: TestNet, view: Headers, parent: HeaderNode, gaps: readonly number[], name = 'main'): HeaderNode[] {
  const beneficiary = addressOf(keccak_256(utf8ToBytes(name)).slice(12));
  const chain: HeaderNode[] = [];
  let tip = parent;
  for (const gap of gaps) {
    const header = mine(draft(net, tip, view, { timestamp: tip.header.timestamp + gap, beneficiary }));
    tip = nodeOf(net, header, view);
    view.nodes.set(tip.hash, tip);
    chain.push(tip);
  }
  return chain;
}
