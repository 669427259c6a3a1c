/**
 * The node's identity on the network: an Ed25519 key in a file of 64 hex digits (its 32-byte seed), readable only by its
 * owner. Losing it costs the node its name and nothing else, so it is made when it is not there.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import type { Ed25519PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { fromHex, toHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import { NodeId } from '../base/types.ts';

export type NodeKey = Ed25519PrivateKey;

const OWNER_ONLY = 0o600;

/**
 * `mayCreate` is for the node's own place: a path that somebody named is a mistake when nothing is there. Throws
 * UsageError `network/nodekey` when the file cannot be read, or made, or holds something else.
 */
export async function openNodeKey(path: string, mayCreate: boolean): Promise<NodeKey> {
  if (!mayCreate && !existsSync(path)) {
    throw new UsageError('network/nodekey', `There is no node key at ${path}. Check --nodekey, or leave it out to have one made.`, {
      path,
    });
  }
  try {
    storeNodeKey(path, randomBytes(32));
    const text = readFileSync(path, 'utf8').trim();
    if (/^[0-9a-fA-F]{64}$/.test(text)) return await nodeKeyFromSeed(fromHex(`0x${text}`));
  } catch (cause) {
    throw new UsageError('network/nodekey', `The node key ${path} cannot be used. Check the path and its permissions.`, { path }, cause);
  }
  // The content is not repeated: it may be a secret of another program.
  throw new UsageError('network/nodekey', `The node key ${path} is not 64 hex digits. Remove it to let a new one be made.`, { path });
}

/** 32 bytes. The same seed is always the same node. */
export async function nodeKeyFromSeed(seed: Uint8Array): Promise<NodeKey> {
  return generateKeyPairFromSeed('Ed25519', seed);
}

/**
 * Unless there is one already. Written beside and linked into place: after a crash the file is whole or absent, and two
 * starts agree on one key. `seed` is 32 bytes.
 */
export function storeNodeKey(path: string, seed: Uint8Array): void {
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const file = openSync(draft, 'wx', OWNER_ONLY);
  try {
    writeSync(file, `${toHex(seed).slice(2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(draft, path);
  } catch (cause) {
    if (!existsSync(path)) throw cause;
  } finally {
    unlinkSync(draft);
  }
}

/** The name of whoever holds this key: the libp2p peer id in its text form. */
export function nodeIdOf(key: NodeKey): NodeId {
  return NodeId(peerIdFromPrivateKey(key).toString());
}
