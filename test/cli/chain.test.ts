/** `synod export` and `synod import` from end to end, in the test's process: what they write, take, refuse and answer. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Hash } from '../../src/base/types.ts';
import { type Block, MAX_BLOCK_BYTES } from '../../src/chain/block.ts';
import { encodeEthereumBlock } from '../../src/chain/ethereum-block.ts';
import { hashHeader } from '../../src/chain/header.ts';
import { registerExport } from '../../src/cli/chain.ts';
import { registerImport } from '../../src/cli/import.ts';
import { openOffline } from '../../src/node/offline.ts';
import { ALICE, BOB, ETHER, sign, transaction } from '../execution/support.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { easyDocument, MinedChain } from '../support/mined-chain.ts';
import { runCommand } from './run-command.ts';

const temporary = temporaryDirectories();
const LENGTH = 5;
const WRONG_ROOT = `0x${'11'.repeat(32)}` as Hash;
const DOCUMENT = easyDocument({ [ALICE.address]: { balance: (10n * ETHER).toString() } });

/** `synod ...args`, to its end. */
function synod(...args: string[]) {
  return runCommand(
    (program) => {
      registerExport(program);
      registerImport(program);
    },
    ...args,
  );
}

const shared = { genesisFile: '', datadir: '', exported: '', blocks: [] as Block[], mined: undefined as MinedChain | undefined };

function mined(): MinedChain {
  if (shared.mined === undefined) throw new Error('no chain was mined');
  return shared.mined;
}

/** Flags of a datadir that has no chain yet. */
function fresh(): string[] {
  return ['--json', '--genesis', shared.genesisFile, '--datadir', join(temporary(), 'datadir')];
}

const existing = () => ['--json', '--genesis', shared.genesisFile, '--datadir', shared.datadir];

function fileOf(...parts: Uint8Array[]): string {
  const file = join(temporary(), 'blocks.rlp');
  writeFileSync(file, Buffer.concat(parts));
  return file;
}

const bytesOf = (blocks: readonly Block[]) => Buffer.concat(blocks.map(encodeEthereumBlock));
const blockAt = (number: number): Block => shared.blocks[number] as Block;

async function headOf(flags: readonly string[]): Promise<{ number: number; hash: Hash; stateRoot: Hash }> {
  const chain = await openOffline(flags.at(-1) as string, DOCUMENT);
  const { hash, header } = chain.store.head;
  await chain.close();
  return { number: header.number, hash, stateRoot: header.stateRoot };
}

/** That the command fails in this way, and leaves a chain that can be opened with this head. */
async function refused(args: readonly string[], code: string, { exitCode = 1, head }: { exitCode?: number; head?: number } = {}) {
  const outcome = await synod(...args);
  expect(outcome.stderr).toContain(`[${code}]`);
  expect(outcome.exitCode).toBe(exitCode);
  expect(outcome.stdout).toBe('');
  if (head !== undefined) expect((await headOf(args)).number).toBe(head);
  return outcome.stderr;
}

beforeAll(async () => {
  const directory = temporary();
  shared.genesisFile = join(directory, 'genesis.json');
  shared.datadir = join(directory, 'datadir');
  shared.exported = join(directory, 'chain.rlp');
  writeFileSync(shared.genesisFile, JSON.stringify(DOCUMENT));
  shared.mined = await MinedChain.start(DOCUMENT);
  const legacy = { type: 0, nonce: 1, to: BOB.address, value: 5n, gasPrice: 10n ** 10n, gasLimit: 21_000n } as const;
  const first = await mined().mine(mined().genesis, { transactions: [transaction(ALICE, 0, BOB.address), sign(legacy, ALICE)] });
  shared.blocks = [mined().genesis, first, ...(await mined().mineChain(first, LENGTH - 1))];
  const chain = await openOffline(shared.datadir, DOCUMENT);
  for (const block of shared.blocks) await chain.add(block);
  await chain.close();
});

describe('synod export', () => {
  it('writes the canonical chain, genesis included', async () => {
    const { stdout, exitCode } = await synod('export', shared.exported, ...existing());
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ file: shared.exported, from: 0, to: LENGTH, blocks: LENGTH + 1 });
    expect(Buffer.compare(readFileSync(shared.exported), bytesOf(shared.blocks))).toBe(0);
  });

  it('writes a range', async () => {
    const file = fileOf();
    const { stdout } = await synod('export', '--from', '2', '--to', '3', file, ...existing());
    expect(JSON.parse(stdout)).toEqual({ file, from: 2, to: 3, blocks: 2 });
    expect(Buffer.compare(readFileSync(file), bytesOf(shared.blocks.slice(2, 4)))).toBe(0);
  });

  it.each([
    { range: ['--to', String(LENGTH + 1)], code: 'arguments/range' },
    { range: ['--from', '3', '--to', '2'], code: 'arguments/range' },
    { range: ['--from', String(LENGTH + 1)], code: 'arguments/range' },
    { range: ['--from', '-1'], code: 'arguments/from' },
    { range: ['--to', 'head'], code: 'arguments/to' },
  ])('refuses $range and leaves the file alone', async ({ range, code }) => {
    const file = join(temporary(), 'none.rlp');
    await refused(['export', file, ...range, ...existing()], code, { exitCode: 2, head: LENGTH });
    expect(existsSync(file)).toBe(false);
  });

  it('says which file cannot be written', async () => {
    const missing = join(temporary(), 'no', 'such', 'place.rlp');
    expect(await refused(['export', missing, ...existing()], 'cli/unwritable-file', { head: LENGTH })).toContain(missing);
    await refused(['export', temporary(), ...existing()], 'cli/unwritable-file');
    if (existsSync('/dev/full')) expect(await refused(['export', '/dev/full', ...existing()], 'cli/unwritable-file')).toContain('ENOSPC');
  });
});

describe('synod import', () => {
  it('makes the same chain in a fresh datadir, and knows it the second time', async () => {
    const flags = fresh();
    const file = fileOf(bytesOf(shared.blocks));
    const head = { number: LENGTH, hash: hashHeader(blockAt(LENGTH).header) };
    const first = await synod('import', file, ...flags);
    expect(first.exitCode).toBe(0);
    expect(JSON.parse(first.stdout)).toEqual({ file, imported: LENGTH, known: 1, head });
    expect(await headOf(flags)).toEqual({ ...head, stateRoot: blockAt(LENGTH).header.stateRoot });

    const again = await synod('import', file, ...flags);
    expect(JSON.parse(again.stdout)).toEqual({ file, imported: 0, known: LENGTH + 1, head });

    const copy = join(temporary(), 'copy.rlp');
    await synod('export', copy, ...flags);
    expect(Buffer.compare(readFileSync(copy), readFileSync(file))).toBe(0);
  });

  it('goes on from where another file ended', async () => {
    const flags = fresh();
    await synod('import', fileOf(bytesOf(shared.blocks.slice(0, 3))), ...flags);
    const { stdout } = await synod('import', fileOf(bytesOf(shared.blocks.slice(3))), ...flags);
    expect(JSON.parse(stdout)).toMatchObject({ imported: LENGTH - 2, known: 0, head: { number: LENGTH } });
  });

  it('takes a file far larger than its buffer, in which blocks lie across every boundary', async () => {
    const once = bytesOf(shared.blocks);
    const times = Math.ceil((3 * 1024 * 1024) / once.length);
    const { stdout } = await synod('import', fileOf(...Array.from({ length: times }, () => once)), ...fresh());
    expect(JSON.parse(stdout)).toMatchObject({ imported: LENGTH, known: times * (LENGTH + 1) - LENGTH });
  });

  it('reads from a pipe', async () => {
    const pipe = join(temporary(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const importing = synod('import', pipe, ...fresh());
    await writeFile(pipe, bytesOf(shared.blocks));
    const { stdout } = await importing;
    expect(JSON.parse(stdout)).toMatchObject({ imported: LENGTH });
  });

  it('keeps the blocks before the place where a file is cut off, and names it', async () => {
    const bytes = bytesOf(shared.blocks);
    const kept = bytesOf(shared.blocks.slice(0, LENGTH)).length;
    const flags = fresh();
    const message = await refused(['import', fileOf(bytes.subarray(0, bytes.length - 1)), ...flags], 'decode/truncated', {
      head: LENGTH - 1,
    });
    expect(message).toContain(`byte ${kept}`);
    await refused(['import', fileOf(bytes.subarray(0, kept + 1)), ...flags], 'decode/truncated');
    const { stdout } = await synod('import', fileOf(bytes), ...flags);
    expect(JSON.parse(stdout)).toMatchObject({ imported: 1 });
  });

  it.each([
    { what: 'text', bytes: Buffer.from('{"blocks": []}'), code: 'decode/rlp' },
    { what: 'an empty list', bytes: Buffer.of(0xc0), code: 'decode/block' },
    { what: 'lists in lists', bytes: Buffer.of(0xc3, 0xc0, 0xc0, 0xc0), code: 'decode/header' },
    { what: 'a block of 2^64 - 1 bytes', bytes: Buffer.alloc(9, 0xff), code: 'decode/block-size' },
    { what: 'a block one byte too long', bytes: listHead(MAX_BLOCK_BYTES + 1), code: 'decode/block-size' },
    { what: 'a file that ends in the length', bytes: Buffer.of(0xfb, 0x01), code: 'decode/truncated' },
  ])('refuses $what', async ({ bytes, code }) => {
    await refused(['import', fileOf(bytes), ...fresh()], code, { head: 0 });
    const behind = Buffer.concat([bytesOf(shared.blocks.slice(0, 2)), bytes]);
    expect(await refused(['import', fileOf(behind), ...fresh()], code, { head: 1 })).toContain(`byte ${behind.length - bytes.length}`);
  });

  it('takes an empty file for no blocks', async () => {
    const { stdout, exitCode } = await synod('import', fileOf(), ...fresh());
    expect(JSON.parse(stdout)).toMatchObject({ imported: 0, known: 0, head: { number: 0 } });
    expect(exitCode).toBe(0);
  });

  it('refuses the chain of another genesis, and one whose beginning is missing', async () => {
    const other = await MinedChain.start(easyDocument());
    const message = await refused(['import', fileOf(bytesOf([other.genesis])), ...fresh()], 'cli/other-genesis', { head: 0 });
    expect(message).toContain('--genesis');
    const block = await other.mine(other.genesis);
    await refused(['import', fileOf(bytesOf([block])), ...fresh()], 'block/unknown-parent', { head: 0 });
    await refused(['import', fileOf(bytesOf(shared.blocks.slice(2))), ...fresh()], 'block/unknown-parent', { head: 0 });
  });

  it('refuses a datadir of another network', async () => {
    const file = join(temporary(), 'other.json');
    writeFileSync(file, JSON.stringify(easyDocument()));
    await refused(['import', fileOf(), '--json', '--genesis', file, '--datadir', shared.datadir], 'storage/wrong-genesis');
  });

  it('stops at a block that breaks a rule, and keeps those before it', async () => {
    const good = await mined().mine(blockAt(1), { beneficiary: 7 });
    const bad = await mined().mine(good, { stateRoot: WRONG_ROOT });
    const file = fileOf(bytesOf([...shared.blocks.slice(0, 2), good, bad, ...shared.blocks.slice(2)]));
    await refused(['import', file, ...fresh()], 'block/stateRoot', { head: 2 });
    const body = { ...blockAt(1), transactions: blockAt(1).transactions.slice(1) };
    await refused(['import', fileOf(bytesOf([body])), ...fresh()], 'block/transactionsRoot', { head: 0 });
  });

  it('says which stored block was invalid when a branch becomes the heaviest', async () => {
    const bad = await mined().mine(blockAt(LENGTH - 1), { beneficiary: 9, stateRoot: WRONG_ROOT });
    const onBad = await mined().mine(bad);
    const message = await refused(['import', fileOf(bytesOf([...shared.blocks, bad, onBad])), ...fresh()], 'block/invalid-ancestor', {
      head: LENGTH,
    });
    expect(message).toContain(hashHeader(bad.header));
    expect(message).toContain(WRONG_ROOT);
  });

  it('says which file cannot be read', async () => {
    const missing = join(temporary(), 'missing.rlp');
    expect(await refused(['import', missing, ...fresh()], 'cli/unreadable-file')).toContain(missing);
    await refused(['import', temporary(), ...fresh()], 'cli/unreadable-file');
    await refused(['import', fileOf(), '--genesis', missing, '--datadir', temporary()], 'cli/unreadable-file');
  });

  it('wants to know which file', async () => {
    expect((await synod('import')).exitCode).toBe(2);
    expect((await synod('import', 'a', 'b')).exitCode).toBe(2);
  });
});

/** The first bytes of a list of this length, and nothing of what it holds. */
function listHead(bytes: number): Buffer {
  const head = Buffer.alloc(5, 0xfb);
  head.writeUInt32BE(bytes, 1);
  return head;
}
