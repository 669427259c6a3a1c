/** The history of keys in and out of a datadir, and the engine that starts with it. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { PublicKey } from '../../src/base/signatures.ts';
import { Lsn, NodeId, ZERO_ADDRESS, ZERO_HASH } from '../../src/base/types.ts';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { registerValidator } from '../../src/cli/validator.ts';
import { openHistory } from '../../src/cli/validator-history.ts';
import type { Context, Effect } from '../../src/consensus/engine.ts';
import { type History, mayPropose, mayVote, type Signed } from '../../src/consensus/pos/protection.ts';
import { decodeRecord, encodeRecord } from '../../src/consensus/pos/records.ts';
import { buildGenesis, parseGenesis } from '../../src/execution/genesis.ts';
import { openChain } from '../../src/node/chain.ts';
import { blsSigner } from '../../src/wallet/bls.ts';
import { devValidatorKeys, type ValidatorKey } from '../../src/wallet/validator-keys.ts';
import { rejectionOf, temporaryDirectory } from '../wallet/support.ts';
import { runCommand } from './run-command.ts';

const SLOT_MS = 1_000;
const SLOTS_PER_EPOCH = 4;
const GENESIS_SECONDS = 1_700_000_000;
const [KEY, OTHER] = devValidatorKeys(2) as [ValidatorKey, ValidatorKey];

/** A network of one validator, which so has every duty. */
const GENESIS = oneValidator(builtInGenesis('pos') as Record<string, Record<string, Record<string, unknown>>>);
const NETWORK = (await buildGenesis(parseGenesis(GENESIS))).params.genesisHash;

function oneValidator(template: Record<string, Record<string, Record<string, unknown>>>): object {
  const engine = {
    name: 'pos',
    slotSeconds: SLOT_MS / 1_000,
    slotsPerEpoch: SLOTS_PER_EPOCH,
    validators: [{ publicKey: KEY.publicKey, depositor: ZERO_ADDRESS, stakeEther: 32 }],
  };
  return { ...template, config: { ...template.config, engine }, timestamp: `0x${GENESIS_SECONDS.toString(16)}` };
}

/** The log is never to fail here. */
function refuse(error: unknown): void {
  throw error;
}

let datadir = '';
let genesis = '';
beforeEach(async () => {
  const directory = await temporaryDirectory();
  datadir = join(directory, 'node');
  genesis = join(directory, 'genesis.json');
  await writeFile(genesis, JSON.stringify(GENESIS));
});

const protection = (...args: string[]) => runCommand(registerValidator, 'validator', 'slashing-protection', ...args);

/** Of EIP-3076, from what each key has signed. */
async function historyFile(entries: readonly [PublicKey, Signed][], network: string = NETWORK): Promise<string> {
  const path = join(datadir, '..', 'history.json');
  const data = entries.map(([pubkey, { slot, source, target }]) => ({
    pubkey,
    signed_blocks: [{ slot: String(slot) }],
    signed_attestations: [{ source_epoch: String(source), target_epoch: String(target) }],
  }));
  const metadata = { interchange_format_version: '5', genesis_validators_root: network };
  await writeFile(path, JSON.stringify({ metadata, data }));
  await chmod(path, 0o600);
  return path;
}

async function imported(...entries: [PublicKey, Signed][]) {
  const { exitCode, stdout, stderr } = await protection(
    'import',
    await historyFile(entries),
    '--datadir',
    datadir,
    '--genesis',
    genesis,
    '--json',
  );
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout);
}

async function exported(...keys: PublicKey[]) {
  const { stdout, exitCode } = await protection('export', ...keys, '--datadir', datadir);
  expect(exitCode).toBe(0);
  return JSON.parse(stdout);
}

const SIGNED = { slot: 11, source: 0, target: 2 };

describe('a history', () => {
  test('goes in, again without effect, and out as it was', async () => {
    const keys = [{ publicKey: KEY.publicKey, ...SIGNED }];
    expect(await imported([KEY.publicKey, SIGNED])).toEqual({ raised: 1, keys });
    expect(await imported([KEY.publicKey, SIGNED])).toEqual({ raised: 0, keys });
    expect(await exported()).toEqual({
      metadata: { interchange_format_version: '5', genesis_validators_root: NETWORK },
      data: [
        {
          pubkey: KEY.publicKey,
          signed_blocks: [{ slot: '11' }],
          signed_attestations: [{ source_epoch: '0', target_epoch: '2' }],
        },
      ],
    });
  });

  test('is never lowered, and only the keys that are asked for come out', async () => {
    await imported([KEY.publicKey, { slot: 11, source: 1, target: 2 }], [OTHER.publicKey, SIGNED]);
    const { raised, keys } = await imported([KEY.publicKey, { slot: 5, source: 0, target: 3 }]);
    expect({ raised, keys }).toEqual({ raised: 1, keys: [{ publicKey: KEY.publicKey, slot: 11, source: 1, target: 3 }] });
    expect((await exported(OTHER.publicKey)).data.map(({ pubkey }: { pubkey: string }) => pubkey)).toEqual([OTHER.publicKey]);
    expect((await exported()).data).toHaveLength(2);
  });

  test('is what every kind of record says', async () => {
    await imported([KEY.publicKey, SIGNED]);
    const chain = await openChain(datadir, GENESIS, { node: { beneficiary: ZERO_ADDRESS, produce: false, signers: [] } });
    const { log, lsn } = await chain.datadir.openLog(refuse);
    const point = { epoch: 5, root: ZERO_HASH };
    const data = { slot: 21, committee: 0, head: ZERO_HASH, source: { epoch: 4, root: ZERO_HASH }, target: point };
    const vote = { data, bits: Uint8Array.of(1), signature: new Uint8Array(96) };
    const records = [
      encodeRecord({ type: 'proposal', key: KEY.publicKey, slot: 20, block: ZERO_HASH }),
      encodeRecord({ type: 'vote', keys: [KEY.publicKey, OTHER.publicKey], vote }),
    ];
    await new Promise<void>((done) => log.append(Lsn(lsn + 2), records, undefined, done));
    await chain.close();
    const history = await openHistory(datadir, GENESIS);
    expect([...history.signed]).toEqual([
      [KEY.publicKey, { slot: 20, source: 4, target: 5 }],
      [OTHER.publicKey, { slot: -1, source: 4, target: 5 }],
    ]);
    await history.close();
    expect((await exported(OTHER.publicKey)).data[0].signed_blocks).toEqual([]);
  });

  test('is refused whole when it is of another network, and by another engine', async () => {
    const foreign = await historyFile([[KEY.publicKey, SIGNED]], `0x${'00'.repeat(32)}`);
    const outcome = await protection('import', foreign, '--datadir', datadir, '--genesis', genesis);
    expect(outcome).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining('[slashing-protection/wrong-network]') });
    expect((await exported()).data).toEqual([]);
    await writeFile(genesis, JSON.stringify(builtInGenesis('pow')));
    const other = await protection('import', foreign, '--datadir', join(datadir, 'pow'), '--genesis', genesis);
    expect(other).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('[arguments/engine]') });
  });

  test('is not to be had where no node ever was, nor from a file that is none', async () => {
    expect(await protection('export', '--datadir', datadir)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('[slashing-protection/no-datadir]'),
    });
    for (const [text, code] of [
      ['{', 'cli/not-json'],
      ['{}', 'slashing-protection/malformed'],
    ] as const) {
      const path = join(datadir, '..', 'bad.json');
      await writeFile(path, text);
      const outcome = await protection('import', path, '--datadir', datadir, '--genesis', genesis);
      expect(outcome).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`[${code}]`) });
    }
  });

  test('is not touched while somebody has the datadir', async () => {
    await imported([KEY.publicKey, SIGNED]);
    const open = await openHistory(datadir, GENESIS);
    for (const args of [['export'], ['import', await historyFile([])]]) {
      expect(await protection(...args, '--datadir', datadir)).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('[storage/locked]'),
      });
    }
    expect((await rejectionOf(openHistory(datadir, GENESIS))).code).toBe('storage/locked');
    await open.close();
  });
});

describe('the engine that starts with it', () => {
  /** What the only validator of the network does in an epoch: it may propose in each slot, and votes in one of them. */
  async function dutiesIn(epoch: number): Promise<{ readonly effects: readonly Effect<unknown>[]; readonly history: History }> {
    const chain = await openChain(datadir, GENESIS, {
      node: { beneficiary: ZERO_ADDRESS, produce: true, signers: [blsSigner(KEY.secret)] },
    });
    try {
      const { records, incarnation, lsn } = await chain.datadir.openLog(refuse);
      const { engine, store } = chain;
      const at = (sinceGenesisMs: number): Context => ({
        self: NodeId('self'),
        nowMs: sinceGenesisMs,
        wallMs: GENESIS_SECONDS * 1_000 + sinceGenesisMs,
        random: () => 0,
        chain: store.view,
      });
      const first = epoch * SLOTS_PER_EPOCH;
      // After a long pause an engine listens for two slots before it signs.
      const startMs = (first - 3) * SLOT_MS;
      const state = engine.init(at(startMs));
      engine.step(state, { type: 'start', incarnation, records, lsn }, at(startMs));
      const effects: Effect<unknown>[] = [];
      for (let slot = first; slot < first + SLOTS_PER_EPOCH; slot++) {
        effects.push(...engine.step(state, { type: 'timer', id: 'slot' }, at(slot * SLOT_MS)));
        effects.push(...engine.step(state, { type: 'timer', id: 'vote' }, at((slot + 1 / 3) * SLOT_MS)));
      }
      return { effects, history: state.history };
    } finally {
      await chain.close();
    }
  }

  const built = (effects: readonly Effect<unknown>[]) => effects.filter(({ type }) => type === 'build').length;
  const signed = (effects: readonly Effect<unknown>[]) =>
    effects.flatMap((effect) => (effect.type === 'persist' ? effect.records.map(decodeRecord) : []));
  const notSigned = (effects: readonly Effect<unknown>[]) =>
    effects.flatMap((effect) => (effect.type === 'trace' && effect.name === 'notSigned' ? [effect.data.duty] : []));

  test('neither proposes nor votes where its key has signed', async () => {
    await imported([KEY.publicKey, SIGNED]);
    const { effects, history } = await dutiesIn(2);
    expect({ built: built(effects), signed: signed(effects) }).toEqual({ built: 0, signed: [] });
    expect(effects.some(({ type }) => type === 'send')).toBe(false);
    expect(notSigned(effects).filter((duty) => duty === 'proposal')).toHaveLength(SLOTS_PER_EPOCH);
    expect(mayPropose(history, KEY.publicKey, SIGNED.slot)).toBe(false);
    expect(mayVote(history, KEY.publicKey, SIGNED.source, SIGNED.target)).toBe(false);
  });

  test('does both from the next epoch on', async () => {
    await imported([KEY.publicKey, SIGNED]);
    const { effects } = await dutiesIn(3);
    expect(built(effects)).toBe(SLOTS_PER_EPOCH);
    expect(signed(effects)).toMatchObject([{ type: 'vote', keys: [KEY.publicKey], vote: { data: { target: { epoch: 3 } } } }]);
  });

  test('would have done both without a history', async () => {
    const { effects } = await dutiesIn(2);
    expect(built(effects)).toBe(SLOTS_PER_EPOCH);
    expect(signed(effects)).toMatchObject([{ type: 'vote', vote: { data: { target: { epoch: 2 } } } }]);
  });
});
