/**
 * A node as light verification sees it: somebody who may lie. Everything it answers is bounded, and decoded before anybody
 * looks at it; what is no answer at all is `rpc/bad-reply`.
 */
import { fromHex } from '../base/bytes.ts';
import { RuleError, UsageError } from '../base/errors.ts';
import { Hash, quote } from '../base/types.ts';
import { decodeLightBlock, type LightBlock } from '../chain/light-block.ts';
import { quantity, type RpcClient } from './rpc-client.ts';

/** A block as the node names it. */
export interface Claim {
  readonly number: number;
  readonly hash: Hash;
}

/** Blocks asked for at once. */
export const RANGE_BLOCKS = 256;

export class LightSource {
  readonly #rpc: RpcClient;

  constructor(rpc: RpcClient) {
    this.#rpc = rpc;
  }

  get url(): string {
    return this.#rpc.url;
  }

  /** By number, or 'latest' or 'finalized'. Null where the node says that it has none. */
  async claim(block: number | 'latest' | 'finalized'): Promise<Claim | null> {
    const name = typeof block === 'number' ? `0x${block.toString(16)}` : block;
    const reply = await this.#rpc.call('eth_getBlockByNumber', [name, false]);
    if (reply === null) return null;
    const { number, hash } = typeof reply === 'object' ? (reply as Record<string, unknown>) : {};
    const height = quantity(number, 'block number');
    if (height > BigInt(Number.MAX_SAFE_INTEGER)) return malformed('a block number', number);
    return { number: Number(height), hash: hashOf(hash) };
  }

  /** Null where the node has no such block. */
  async block(hash: Hash): Promise<LightBlock | null> {
    const reply = await this.#rpc.call('synod_getLightBlock', [hash]);
    return reply === null ? null : lightBlock(reply);
  }

  /** Blocks from this height on, at most `count`; none where the node has no more. */
  async range(from: number, count: number): Promise<LightBlock[]> {
    const wanted = Math.min(count, RANGE_BLOCKS);
    const reply = await this.#rpc.call('synod_getLightBlocks', [from, wanted]);
    if (!Array.isArray(reply) || reply.length > wanted) return malformed(`a list of at most ${wanted} blocks`, reply);
    return reply.map(lightBlock);
  }

  /** The encoded state before the block; null where the node does not have it any more. */
  async state(hash: Hash): Promise<Uint8Array | null> {
    try {
      return bytes(await this.#rpc.call('synod_getConsensusState', [hash]));
    } catch (error) {
      if (error instanceof UsageError && error.code === 'rpc/refused') return null;
      throw error;
    }
  }

  async certificate(hash: Hash): Promise<Uint8Array | null> {
    const reply = await this.#rpc.call('synod_getCertificate', [hash]);
    return reply === null ? null : bytes(reply);
  }
}

function lightBlock(value: unknown): LightBlock {
  try {
    return decodeLightBlock(bytes(value));
  } catch (cause) {
    if (!(cause instanceof RuleError)) throw cause;
    throw new UsageError('rpc/bad-reply', 'The node sent something that is no block', {}, cause);
  }
}

function bytes(value: unknown): Uint8Array {
  return typeof value === 'string' && /^0x(?:[0-9a-f]{2})*$/i.test(value) ? fromHex(value) : malformed('bytes in hex', value);
}

function hashOf(value: unknown): Hash {
  return typeof value === 'string' && /^0x[0-9a-f]{64}$/i.test(value) ? Hash(value) : malformed('a hash', value);
}

function malformed(expected: string, value: unknown): never {
  throw new UsageError('rpc/bad-reply', `The node should answer ${expected}, but answers ${quote(JSON.stringify(value) ?? 'nothing')}.`);
}
