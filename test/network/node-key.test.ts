import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UsageError } from '../../src/base/errors.ts';
import { Hash } from '../../src/base/types.ts';
import { openEnvelope, Sealer } from '../../src/network/envelope.ts';
import { nodeKeyFromSeed, openNodeKey } from '../../src/network/node-key.ts';
import { codeOf, hash } from './harness.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'synod-nodekey-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('node key', () => {
  test('is made once, for its owner only, and then stays', async () => {
    const path = join(directory, 'deep', 'nodekey');
    const made = await openNodeKey(path, true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    expect((await openNodeKey(path, true)).equals(made)).toBe(true);
  });

  test('two starts at once agree on one key', async () => {
    const path = join(directory, 'nodekey');
    const keys = await Promise.all([openNodeKey(path, true), openNodeKey(path, true)]);
    expect(keys[0].equals(keys[1])).toBe(true);
  });

  test('a file that holds something else is refused without repeating it', async () => {
    const path = join(directory, 'nodekey');
    writeFileSync(path, 'my secret diary');
    const error = await openNodeKey(path, true).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect(codeOf(error)).toBe('network/nodekey');
    expect(error.message).not.toContain('diary');
  });

  test('a path that cannot be read is a usage error', async () => {
    expect(codeOf(await openNodeKey(directory, true).catch((thrown) => thrown))).toBe('network/nodekey');
  });
});

describe('envelope', () => {
  const genesis = hash('genesis');
  const message = Uint8Array.of(1, 2, 3);

  test('names its author, and is a new message each time', async () => {
    const key = await nodeKeyFromSeed(new Uint8Array(32).fill(1));
    const sealer = new Sealer(key, genesis);
    const [first, second] = [await sealer.seal(message), await sealer.seal(message)];
    expect(first).not.toEqual(second);
    expect(await openEnvelope(second, genesis)).toEqual({ author: peerIdFromPrivateKey(key).toString(), message });
  });

  test('is refused with any byte changed, cut, or in another network', async () => {
    const sealed = await new Sealer(await nodeKeyFromSeed(new Uint8Array(32).fill(1)), genesis).seal(message);
    const fails = async (bytes: Uint8Array, network: Hash = genesis) =>
      expect(['network/bad-signature', 'network/envelope', 'decode/rlp', 'decode/too-deep', 'decode/too-many']).toContain(
        await openEnvelope(bytes, network).then(() => 'opened', codeOf),
      );
    for (let i = 0; i < sealed.length; i++) await fails(sealed.map((byte, at) => (at === i ? byte ^ 1 : byte)));
    for (let i = 0; i < sealed.length; i++) await fails(sealed.subarray(0, i));
    await fails(sealed, Hash(`0x${'11'.repeat(32)}`));
  });

  test('a key that was named and is not there is a mistake, not a wish', async () => {
    const path = join(directory, 'named');
    expect(codeOf(await openNodeKey(path, false).catch((thrown) => thrown))).toBe('network/nodekey');
    expect(existsSync(path)).toBe(false);
  });
});
