/** A chain fed by hand: every block is answered for, whatever becomes of the branches around it. */
import { expect, onTestFinished, test } from 'vitest';
import { RuleError } from '../../src/base/errors.ts';
import type { Hash } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { hashHeader } from '../../src/chain/header.ts';
import { openOffline } from '../../src/node/offline.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { easyDocument, MinedChain } from '../support/mined-chain.ts';

const temporary = temporaryDirectories();
const WRONG_ROOT = `0x${'11'.repeat(32)}` as Hash;
const DOCUMENT = easyDocument();

async function open(datadir = temporary()) {
  const chain = await openOffline(datadir, DOCUMENT);
  onTestFinished(() => chain.close());
  return chain;
}

async function refusal(adding: Promise<unknown>): Promise<RuleError> {
  const error = await adding.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RuleError);
  return error as RuleError;
}

test('blocks are added once and executed', async () => {
  const mined = await MinedChain.start(DOCUMENT);
  const blocks = await mined.mineChain(mined.genesis, 3);
  const chain = await open();
  for (const block of blocks) expect(await chain.add(block)).toBe(true);
  for (const block of [mined.genesis, ...blocks]) expect(await chain.add(block)).toBe(false);
  expect(chain.store.view.head.hash).toBe(hashHeader((blocks[2] as Block).header));
});

test('a block whose stored ancestor turns out invalid is refused with what the ancestor broke', async () => {
  const mined = await MinedChain.start(DOCUMENT);
  const good = await mined.mine(mined.genesis);
  const bad = await mined.mine(mined.genesis, { beneficiary: 2, stateRoot: WRONG_ROOT });
  const onBad = await mined.mine(bad, { beneficiary: 2 });
  const onGood = await mined.mine(good);
  const chain = await open();

  expect(await chain.add(good)).toBe(true);
  // As heavy as the head, but later: kept without being executed.
  expect(await chain.add(bad)).toBe(true);
  const error = await refusal(chain.add(onBad));
  expect(error.code).toBe('block/invalid-ancestor');
  expect(error.fields.ancestor).toBe(hashHeader(bad.header));
  expect((error.cause as RuleError).code).toBe('block/stateRoot');

  expect((await refusal(chain.add(bad))).code).toBe('block/stateRoot');
  expect((await refusal(chain.add(await mined.mine(onBad)))).code).toBe('block/invalid-ancestor');
  expect(await chain.add(onGood)).toBe(true);
  expect(chain.store.view.head.hash).toBe(hashHeader(onGood.header));
});

test('a block that breaks a rule itself is refused, and known as invalid after a restart', async () => {
  const mined = await MinedChain.start(DOCUMENT);
  const bad = await mined.mine(mined.genesis, { stateRoot: WRONG_ROOT });
  const datadir = temporary();
  const first = await openOffline(datadir, DOCUMENT);
  expect((await refusal(first.add(bad))).code).toBe('block/stateRoot');
  await first.close();
  expect((await refusal((await open(datadir)).add(bad))).code).toBe('block/invalid');
});

test('a heavier branch that waited is executed before the next block is answered for', async () => {
  const mined = await MinedChain.start(DOCUMENT);
  const [a1, a2] = (await mined.mineChain(mined.genesis, 2)) as [Block, Block];
  const b1 = await mined.mine(mined.genesis, { beneficiary: 2 });
  const b2 = await mined.mine(b1, { beneficiary: 2 });
  const b3 = await mined.mine(b2, { beneficiary: 2 });
  const chain = await open();
  for (const block of [a1, a2, b1, b2]) expect(await chain.add(block)).toBe(true);
  expect(chain.store.view.status(hashHeader(b2.header))).toBe('stored');
  // Two at once: the second overtakes the first while it is being executed.
  const onA = await mined.mine(a2);
  const added = await Promise.all([chain.add(b3), chain.add(onA)]);
  expect(added).toEqual([true, true]);
  expect(chain.store.view.head.hash).toBe(hashHeader(b3.header));
  expect(chain.store.view.status(hashHeader(b3.header))).toBe('executed');
  expect(chain.store.view.status(hashHeader(onA.header))).toBe('stored');
});

test('what cannot be stored says why', async () => {
  const mined = await MinedChain.start(DOCUMENT);
  const [first, second] = (await mined.mineChain(mined.genesis, 2)) as [Block, Block];
  const chain = await open();
  expect((await refusal(chain.add(second))).code).toBe('block/unknown-parent');
  expect((await refusal(chain.add({ ...first, transactions: [Uint8Array.of(1)] }))).code).toBe('block/transactionsRoot');
  expect((await refusal(chain.add({ ...first, seal: Uint8Array.of(1) }))).code).toBe('header/seal');
  const early = await mined.mine(mined.genesis, { timestamp: 2 ** 32 - 1 });
  expect((await refusal(chain.add(early))).code).toBe('header/future');
  expect(await chain.add(first)).toBe(true);
});
