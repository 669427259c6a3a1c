/** What an operator does to the databases of a node that does not run, on real chains with deliberate damage. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fromHex } from '../../src/base/bytes.ts';
import type { Hash } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { hashHeader } from '../../src/chain/header.ts';
import { StateReader } from '../../src/execution/state-reader.ts';
import { datadirFiles } from '../../src/node/datadir-copy.ts';
import { backupChain, backupRunning, restoreBackup } from '../../src/node/maintenance/backup.ts';
import { pruneDatabases } from '../../src/node/maintenance/prune.ts';
import { isSound, planRepair, repairChain } from '../../src/node/maintenance/repair.ts';
import { databaseStats } from '../../src/node/maintenance/stats.ts';
import { openStopped } from '../../src/node/maintenance/stopped.ts';
import { type Verification, verifyDatabases } from '../../src/node/maintenance/verify.ts';
import { openOffline } from '../../src/node/offline.ts';
import { forgetBlock } from '../../src/storage/chain-check.ts';
import { putOperation } from '../../src/storage/checked.ts';
import { datadirPaths } from '../../src/storage/datadir.ts';
import { TABLES } from '../../src/storage/layout.ts';
import type { DatabaseName } from '../../src/storage/remedies.ts';
import { transactionHash } from '../../src/storage/transaction-hash.ts';
import { ALICE, BOB, ETHER, transaction } from '../execution/support.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { easyDocument, MinedChain } from '../support/mined-chain.ts';

const temporary = temporaryDirectories();
const DOCUMENT = easyDocument({ [ALICE.address]: { balance: (10n * ETHER).toString() } });
const HEAD = 8;
/** A sibling of this block was mined and lost. */
const FORKED = 3;
/** These have a transaction of Alice's. */
const PAYING = [2, 6];

const made = {
  template: '',
  blocks: [] as Block[],
  side: undefined as Block | undefined,
  /** From the side block on, never the longest. */
  lost: [] as Block[],
  /** Forks off two below the head; its first block was executed once, and the last is above the head. */
  rival: [] as Block[],
};

beforeAll(async () => {
  made.template = join(temporary(), 'node');
  const mined = await MinedChain.start(DOCUMENT);
  made.blocks.push(mined.genesis);
  const pay = (nonce: number) => transaction(ALICE, nonce, BOB.address, { value: ETHER });
  for (let number = 1; number <= HEAD; number++) {
    const parent = made.blocks[number - 1] as Block;
    const turn = PAYING.indexOf(number);
    made.blocks.push(await mined.mine(parent, turn < 0 ? {} : { transactions: [pay(turn)] }));
  }
  made.side = await mined.mine(made.blocks[FORKED - 1] as Block, { beneficiary: 9 });
  made.lost = [made.side, ...(await mined.mineChain(made.side, HEAD - 1 - FORKED))];
  const rival = await mined.mine(made.blocks[HEAD - 2] as Block, { beneficiary: 9 });
  made.rival = [rival, ...(await mined.mineChain(rival, 2))];
  const chain = await openOffline(made.template, DOCUMENT);
  for (const block of [...made.blocks.slice(1, FORKED + 2), made.side, ...made.blocks.slice(FORKED + 2)]) await chain.add(block);
  await chain.close();
});

/** A chain of these blocks, which came in this order. */
async function grown(...blocks: readonly Block[]): Promise<string> {
  const root = join(temporary(), 'node');
  await extend(root, ...blocks);
  return root;
}

/** Answers the head. */
async function extend(root: string, ...blocks: readonly Block[]): Promise<Hash> {
  const chain = await openOffline(root, DOCUMENT);
  try {
    for (const each of blocks) await chain.add(each);
    return chain.store.view.head.hash;
  } finally {
    await chain.close();
  }
}

/** With a branch of which the head once was. */
const withRival = () => grown(...made.blocks.slice(1, HEAD - 1), made.rival[0] as Block, ...made.blocks.slice(HEAD - 1));

function datadir(): string {
  const root = join(temporary(), 'node');
  cpSync(made.template, root, { recursive: true });
  return root;
}

const block = (number: number) => made.blocks[number] as Block;
const hashAt = (number: number): Hash => hashHeader(block(number).header);
const idAt = (number: number) => ({ number, hash: hashAt(number) });
const sideId = () => ({ number: FORKED, hash: hashHeader((made.side as Block).header) });

/** Flips a bit of the value of a row, or removes it, behind the back of everybody. */
async function damage(root: string, key: Uint8Array, how: 'flip' | 'delete', name: DatabaseName = 'chain'): Promise<void> {
  const node = await openStopped(root);
  const { database } = node.databases[name];
  const value = database.get(key)?.slice();
  if (value === undefined) throw new Error('there is no such row');
  value[0] = (value[0] ?? 0) ^ 1;
  await database.write([how === 'flip' ? { type: 'put', key, value } : { type: 'delete', key }]);
  await node.close();
}

async function verify(root: string): Promise<Verification> {
  const node = await openStopped(root);
  try {
    return await verifyDatabases(node, () => undefined);
  } finally {
    await node.close();
  }
}

async function openAgain(root: string): Promise<{ head: number; hash: Hash }> {
  const chain = await openOffline(root, DOCUMENT);
  const { header, hash } = chain.store.head;
  // Peers would send them.
  for (const each of made.blocks.slice(1)) await chain.add(each);
  expect(chain.store.view.head.hash).toBe(hashAt(HEAD));
  await chain.close();
  return { head: header.number, hash };
}

const rejected = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error('it was not refused');
    },
    (error: { code: string; message: string }) => error,
  );

it('counts rows and bytes by kind', async () => {
  const node = await openStopped(datadir());
  const kinds = await databaseStats(node, () => undefined);
  await node.close();
  const rows = (kind: string) => kinds.find((each) => each.kind === kind)?.rows;
  expect(rows('header')).toBe(HEAD + 2);
  expect(rows('canonical block')).toBe(HEAD + 1);
  expect(rows('transaction index')).toBe(PAYING.length);
  expect(rows('state of the consensus log')).toBe(1);
  expect(kinds.every(({ bytes }, i) => i === 0 || bytes <= (kinds[i - 1]?.bytes ?? 0))).toBe(true);
});

describe('verify', () => {
  it('finds nothing in a chain as it was written', async () => {
    const result = await verify(datadir());
    expect(result).toMatchObject({ problemCount: 0, problems: [], blocks: HEAD + 1, head: idAt(HEAD) });
    expect(result.stateParts).toBeGreaterThan(0);
  });

  const stateRoot = () => block(HEAD).header.stateRoot;
  const cases: readonly [string, () => Uint8Array, 'flip' | 'delete', string, string][] = [
    ['a flipped header', () => TABLES.header.key(idAt(4)), 'flip', 'storage/corrupt', 'header'],
    ['a flipped body', () => TABLES.body.key(idAt(2)), 'flip', 'storage/corrupt', 'body'],
    ['missing receipts', () => TABLES.receipts.key(idAt(6)), 'delete', 'storage/missing', 'receipts'],
    ['a gap in the canonical chain', () => TABLES.canonical.key(5), 'delete', 'storage/missing', 'canonical block'],
    [
      'a transaction that is in no index',
      () => TABLES.transaction.key(lastTransaction()),
      'delete',
      'storage/missing',
      'transaction index',
    ],
    ['a flipped node of the state', () => TABLES.node.key(stateRoot()), 'flip', 'storage/corrupt', 'state node'],
    ['no head', () => TABLES.head.key(null), 'delete', 'storage/missing', 'head'],
    ['a damaged block of a branch that lost', () => TABLES.body.key(sideId()), 'flip', 'storage/corrupt', 'body'],
  ];
  const lastTransaction = () => {
    const [bytes] = block(6).transactions;
    return transactionHash(bytes as Uint8Array);
  };

  it.each(cases)('names the row of %s', async (_what, key, how, code, table) => {
    const root = datadir();
    await damage(root, key(), how);
    const { problems, problemCount } = await verify(root);
    expect(problemCount).toBeGreaterThan(0);
    expect(problems.map((problem) => [problem.code, problem.fields.table])).toContainEqual([code, table]);
  });

  it('tells a value that is whole but another from the one that belongs there', async () => {
    const root = datadir();
    const node = await openStopped(root);
    const { chain } = node.databases;
    const body = chain.get(TABLES.body, idAt(2));
    await chain.database.write([putOperation(TABLES.body, idAt(6), body as NonNullable<typeof body>)]);
    await chain.database.write([putOperation(TABLES.node, hashAt(1), fromHex('0xc0'))]);
    await node.close();
    const { problems } = await verify(root);
    expect(problems.filter(({ code }) => code === 'storage/inconsistent').map(({ fields }) => fields.table)).toEqual(
      expect.arrayContaining(['body', 'state node']),
    );
  });

  it('is refused while a node runs, and where there is none', async () => {
    const root = datadir();
    const chain = await openOffline(root, DOCUMENT);
    expect((await rejected(verify(root))).code).toBe('storage/locked');
    await chain.close();
    expect((await rejected(verify(temporary()))).code).toBe('datadir/empty');
  });
});

describe('repair', () => {
  it('finds nothing to do where nothing is wrong', async () => {
    const plan = await planRepair(datadir());
    expect(isSound(plan)).toBe(true);
    expect(plan).toMatchObject({ head: HEAD, keeps: HEAD });
  });

  it.each([
    ['a header', () => TABLES.header.key(idAt(4)), 3],
    ['a canonical row', () => TABLES.canonical.key(7), 6],
    ['the root of the state of the head', () => TABLES.node.key(block(HEAD).header.stateRoot), HEAD - 1],
    ['the row of the head', () => TABLES.head.key(null), HEAD],
  ])('cuts back as far as %s that is damaged, and no further; what peers send again makes it whole', async (_what, key, keeps) => {
    const root = datadir();
    await damage(root, key(), 'flip');
    const plan = await planRepair(root);
    expect(plan.keeps).toBe(keeps);
    expect(plan.reason).not.toBeNull();
    const { copy } = await repairChain(root);
    expect(existsSync(join(copy, 'CURRENT'))).toBe(true);
    expect(await openAgain(root)).toEqual({ head: keeps, hash: hashAt(keeps) });
    expect((await verify(root)).problems).toEqual([]);
  });

  it('drops a branch that lost a part, and keeps the rest', async () => {
    const root = datadir();
    await damage(root, TABLES.body.key(sideId()), 'flip');
    expect(await planRepair(root)).toMatchObject({ keeps: HEAD, damagedRows: 1 });
    await repairChain(root);
    expect(await openAgain(root)).toMatchObject({ head: HEAD });
    expect((await verify(root)).problems).toEqual([]);
  });

  it('drops blocks whose parent is not there, which verify names', async () => {
    const root = await grown(...made.blocks.slice(1), ...made.lost);
    const node = await openStopped(root);
    const { chain } = node.databases;
    const alone = putOperation(TABLES.siblings, FORKED, [hashAt(FORKED)]);
    await chain.database.write([...forgetBlock(chain, sideId()), alone]);
    await node.close();
    expect((await verify(root)).problems).toMatchObject([{ code: 'storage/inconsistent', message: expect.stringContaining('parent') }]);
    expect(await planRepair(root)).toMatchObject({ keeps: HEAD, reason: 'A side branch has lost a part.' });
    await repairChain(root);
    expect((await verify(root)).problems).toEqual([]);
    expect(isSound(await planRepair(root))).toBe(true);
    expect((await rejected(extend(root, made.lost[2] as Block))).code).toBe('block/unknown-parent');
  });

  it('drops an executed branch whose state is not whole, which peers send again', async () => {
    const root = await withRival();
    expect(isSound(await planRepair(root))).toBe(true);
    await damage(root, TABLES.node.key((made.rival[0] as Block).header.stateRoot), 'delete');
    await repairChain(root);
    expect((await verify(root)).problems).toEqual([]);
    expect(await extend(root, ...made.rival)).toBe(hashHeader((made.rival[2] as Block).header));
  });

  it('mends files that LevelDB cannot open, and keeps a copy', async () => {
    const root = datadir();
    const { chain } = datadirPaths(root);
    const manifest = readdirSync(chain).find((name) => name.startsWith('MANIFEST')) ?? '';
    rmSync(join(chain, manifest));
    const plan = await planRepair(root);
    expect(plan.files).toContain(manifest);
    const { keeps, copy } = await repairChain(root);
    expect(keeps).toBe(HEAD);
    expect(readdirSync(copy)).not.toContain(manifest);
    expect(await openAgain(root)).toMatchObject({ head: HEAD });
  });

  it('says when nothing can be kept, and touches nothing that was signed', async () => {
    const root = datadir();
    await damage(root, TABLES.header.key(idAt(0)), 'flip');
    expect((await rejected(planRepair(root))).code).toBe('repair/hopeless');
    const other = datadir();
    await damage(other, TABLES.logState.key(null), 'flip', 'consensus');
    expect(isSound(await planRepair(other))).toBe(true);
    expect((await verify(other)).problems).toMatchObject([{ database: 'consensus', code: 'storage/corrupt' }]);
  });
});

describe('prune', () => {
  const options = { branchBlocks: 2, stateBlocks: null, onProgress: () => undefined };

  it('gives up branches that lost, below so many blocks', async () => {
    const root = datadir();
    expect(await pruneDatabases(root, { ...options, branchBlocks: HEAD })).toEqual({ blocks: 0, states: 0, stateParts: 0 });
    expect(await pruneDatabases(root, options)).toEqual({ blocks: 1, states: 0, stateParts: 0 });
    expect((await verify(root)).problems).toEqual([]);
    const chain = await openOffline(root, DOCUMENT);
    expect(chain.store.block(sideId().hash)).toBeUndefined();
    expect(chain.store.view.atHeight(FORKED, 9).map(({ hash }) => hash)).toEqual([hashAt(FORKED)]);
    await chain.close();
  });

  it('gives up states of old blocks, says so when asked for one, and goes on', async () => {
    const root = datadir();
    const pruned = await pruneDatabases(root, { ...options, stateBlocks: 2 });
    expect(pruned.states).toBeGreaterThan(0);
    expect(pruned.stateParts).toBeGreaterThanOrEqual(pruned.states);
    expect((await verify(root)).problems).toEqual([]);
    const chain = await openOffline(root, DOCUMENT);
    const state = new StateReader(chain.store.state);
    const balance = (number: number) => state.account(block(number).header, BOB.address)?.balance;
    expect(balance(HEAD)).toBe(balance(HEAD - 1));
    expect(() => balance(1)).toThrow(expect.objectContaining({ code: 'state/missing' }));
    await chain.close();
    expect(await pruneDatabases(root, { ...options, stateBlocks: 2 })).toEqual({ blocks: 0, states: 0, stateParts: 0 });
  });
});

describe('prune, of branches', () => {
  const options = { branchBlocks: HEAD, stateBlocks: 2, onProgress: () => undefined };

  it('keeps the state of one that was executed, so that it can still become the longest', async () => {
    const root = await withRival();
    const pruned = await pruneDatabases(root, options);
    expect(pruned.blocks).toBe(0);
    expect(pruned.states).toBeGreaterThan(0);
    expect((await verify(root)).problems).toEqual([]);
    expect(await extend(root, ...made.rival.slice(1))).toBe(hashHeader((made.rival[2] as Block).header));
  });

  it('gives up one that stands on a state that goes', async () => {
    const root = await grown(...made.blocks.slice(1), ...made.rival.slice(0, 2));
    expect((await pruneDatabases(root, options)).blocks).toBe(2);
    expect((await verify(root)).problems).toEqual([]);
    expect((await rejected(extend(root, made.rival[2] as Block))).code).toBe('block/unknown-parent');
  });

  it('gives up with a block all that stands on it', async () => {
    const root = await grown(...made.blocks.slice(1), ...made.lost);
    const pruned = await pruneDatabases(root, { ...options, branchBlocks: HEAD - FORKED - 1, stateBlocks: null });
    expect(pruned).toEqual({ blocks: made.lost.length, states: 0, stateParts: 0 });
    expect((await verify(root)).problems).toEqual([]);
    expect(await extend(root)).toBe(hashAt(HEAD));
  });
});

describe('a backup', () => {
  it('gives a node its chain back, and leaves alone what it has signed', async () => {
    const root = datadir();
    const target = join(temporary(), 'monday');
    expect(await backupChain(root, target, 0)).toMatchObject({ height: HEAD, engine: 'pow' });
    expect(readdirSync(target).sort()).toEqual(['backup.json', 'chaindata', 'genesis.json']);
    const signed = statSync(datadirPaths(root).consensus).ino;
    rmSync(datadirPaths(root).chain, { recursive: true });
    expect(await restoreBackup(root, target)).toMatchObject({ height: HEAD });
    expect(await openAgain(root)).toMatchObject({ head: HEAD });
    expect(statSync(datadirPaths(root).consensus).ino).toBe(signed);
    expect((await rejected(backupChain(root, target, 0))).code).toBe('backup/exists');
    expect((await rejected(backupChain(root, join(root, 'synod', 'monday'), 0))).code).toBe('backup/inside');
  });

  it('makes a node in a new directory, and sets nothing aside where a chain has only its genesis block', async () => {
    const target = join(temporary(), 'monday');
    await backupChain(datadir(), target, 0);
    const [root, begun] = [join(temporary(), 'new'), join(temporary(), 'begun')];
    await (await openOffline(begun, DOCUMENT)).close();
    for (const each of [root, begun]) {
      expect(await restoreBackup(each, target)).toMatchObject({ height: HEAD, setAside: null });
      expect(readdirSync(join(each, 'synod')).filter((name) => name.startsWith('chaindata'))).toEqual(['chaindata']);
      expect(readFileSync(join(each, 'genesis.json'), 'utf8')).toBe(readFileSync(join(target, 'genesis.json'), 'utf8'));
      expect(await openAgain(each)).toMatchObject({ head: HEAD });
    }
    expect(await restoreBackup(root, target)).toMatchObject({ setAside: `${datadirPaths(root).chain}.old` });
    const network = temporary();
    writeFileSync(join(network, 'testnet.json'), '{}');
    expect((await rejected(restoreBackup(network, target))).code).toBe('datadir/empty');
  });

  it('of a node that runs is made one at a time, and leaves nothing behind that a copy would have', async () => {
    const root = datadir();
    const [target, other] = ['monday', 'tuesday'].map((name) => join(temporary(), name)) as [string, string];
    const left = join(root, 'synod', 'backup', 'unfinished');
    mkdirSync(left, { recursive: true });
    writeFileSync(join(left, 'of one that was killed'), '');
    let second: unknown;
    const document = await backupRunning(root, target, 0, async (copy) => {
      copy();
      second = await rejected(backupRunning(root, other, 0, async (again) => again()));
    });
    expect([document.height, second, existsSync(other)]).toEqual([HEAD, expect.objectContaining({ code: 'backup/busy' }), false]);
    expect(existsSync(left)).toBe(false);
    expect(datadirFiles(root, '').filter(({ path }) => path.includes('backup'))).toEqual([]);
    expect(await backupRunning(root, other, 0, async (copy) => copy())).toMatchObject({ height: HEAD });
  });

  it('that was killed is cleared away when the node starts, and one that goes on is not', async () => {
    const root = datadir();
    const left = join(root, 'synod', 'backup', 'unfinished');
    const document = await backupRunning(root, join(temporary(), 'monday'), 0, async (copy) => {
      copy();
      expect(await extend(root)).toBe(hashAt(HEAD));
      expect(existsSync(left)).toBe(true);
    });
    expect(document.height).toBe(HEAD);
    mkdirSync(left);
    writeFileSync(join(left, 'of one that was killed'), '');
    await extend(root);
    expect(existsSync(left)).toBe(false);
  });

  it('is restored again after a restore that was interrupted', async () => {
    const root = datadir();
    const target = join(temporary(), 'monday');
    await backupChain(root, target, 0);
    const { chain } = datadirPaths(root);
    cpSync(chain, join(`${chain}.restored`, 'chaindata'), { recursive: true });
    expect(await restoreBackup(root, target)).toMatchObject({ height: HEAD });
    expect(existsSync(`${chain}.restored`)).toBe(false);
    expect(await openAgain(root)).toMatchObject({ head: HEAD });
  });

  it('is told from what is none', async () => {
    const nowhere = join(temporary(), 'nowhere');
    const nothing = { code: 'backup/none', message: `There is no ${nowhere}. Name the directory of a backup.` };
    expect(await rejected(restoreBackup(datadir(), nowhere))).toMatchObject(nothing);
    const message = expect.stringContaining('is no backup: it has no backup.json');
    expect(await rejected(restoreBackup(datadir(), temporary()))).toMatchObject({ code: 'backup/none', message });
  });

  it('is not taken of a test network, which has a data directory for each node', async () => {
    const network = temporary();
    writeFileSync(join(network, 'testnet.json'), '{}');
    const message = `${network} is the directory of a test network; name that of one of its nodes, such as ${join(network, 'node-0')}.`;
    expect(await rejected(backupChain(network, join(temporary(), 'monday'), 0))).toMatchObject({ code: 'datadir/empty', message });
  });

  it('is refused when it is damaged, of another version or of another network', async () => {
    const root = datadir();
    const target = join(temporary(), 'monday');
    await backupChain(root, target, 0);
    const document = join(target, 'backup.json');
    const text = readFileSync(document, 'utf8');
    const refused = async (change: (content: Record<string, unknown>) => unknown) => {
      writeFileSync(document, JSON.stringify(change(JSON.parse(text))));
      return (await rejected(restoreBackup(root, target))).code;
    };
    expect(await refused((content) => ({ ...content, version: 2 }))).toBe('backup/version');
    expect(await refused((content) => ({ ...content, genesisHash: `0x${'11'.repeat(32)}` }))).toBe('storage/wrong-genesis');
    expect(await refused((content) => ({ ...content, files: [{ path: '../../x', bytes: 0, crc32: 0 }] }))).toBe('backup/damaged');
    writeFileSync(document, text);
    writeFileSync(join(target, 'chaindata', 'CURRENT'), 'MANIFEST-000009\n');
    expect(await rejected(restoreBackup(root, target))).toMatchObject({
      code: 'backup/damaged',
      message: expect.stringContaining('CURRENT'),
    });
    expect(await openAgain(root)).toMatchObject({ head: HEAD });
  });
});
