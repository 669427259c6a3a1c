/** A chain goes from one engine to another on real processes: under load, killed in the middle of it, and nothing of the ledger changes. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/base/types.ts';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { devMembers, devNodeId } from '../../src/node/dev-nodes.ts';
import { datadirPaths } from '../../src/storage/datadir.ts';
import { createManifest, paths } from '../../src/testnet/manifest.ts';
import { DEV_MNEMONIC } from '../../src/wallet/mnemonic.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { PATIENCE_MS, until, useProcesses } from '../support/processes.ts';
import { send } from './contracts.ts';
import { CHAIN_ID, Testnet } from './networks.ts';
import { balanceOf, receiptOf, statusOf } from './rpc.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const RECIPIENT = `0x${'5e5d'.repeat(10)}` as const;
const ALL = [0, 1, 2, 3];

/** Of a change that is not approved yet. */
interface Proposal {
  readonly approvedBy: readonly (string | null)[];
}

async function membersOf(nodes: number): Promise<Json[]> {
  const ids = await Promise.all(Array.from({ length: nodes }, (_, index) => devNodeId(DEV_MNEMONIC, index)));
  return devMembers(DEV_MNEMONIC, ids);
}

async function untilEngine(net: Testnet, engine: string, indices: readonly number[] = ALL): Promise<void> {
  await until(`nodes ${indices} have the engine ${engine}`, async () => {
    const all = await Promise.all(net.urls(...indices).map(statusOf));
    return all.every((status) => status.engine === engine) || undefined;
  });
}

/** Payments that were acknowledged: what each of them is in, for ever. */
class Payments {
  readonly #net: Testnet;
  readonly #mined = new Map<string, string>();

  constructor(net: Testnet) {
    this.#net = net;
  }

  async pay(index: number, account = 0): Promise<void> {
    const url = this.#net.url(index);
    const hash = await send(url, account, { to: RECIPIENT, value: 1n });
    const { blockHash } = await until(`the payment ${hash} is in a block`, () => receiptOf(url, hash));
    this.#mined.set(hash, blockHash);
  }

  /** On every node: the same blocks, receipts and balances. */
  async check(indices: readonly number[] = ALL): Promise<void> {
    for (const url of this.#net.urls(...indices)) {
      for (const [hash, blockHash] of this.#mined) {
        const receipt = await until(`node ${url} has ${hash}`, () => receiptOf(url, hash));
        expect(receipt.blockHash).toBe(blockHash);
      }
      expect(await balanceOf(url, RECIPIENT)).toBe(BigInt(this.#mined.size));
    }
  }
}

describe('a network that members move', { timeout: 5 * PATIENCE_MS }, () => {
  const directory = temporary();
  let net: Testnet;
  let payments: Payments;

  it('goes from raft to pbft, though all nodes are killed as it happens', async () => {
    net = await Testnet.start(processes, directory, '--engine', 'raft', '--nodes', '4', '--rpc-port', '0');
    payments = new Payments(net);
    await payments.pay(3);
    const pbft = { name: 'pbft', emptyBlockMs: 1_000, members: await membersOf(4) };
    const changed = net.command(0, 'consensus_transition', pbft).catch(() => undefined);
    await until('some node goes on with pbft', async () => {
      const all = await Promise.all(net.urls(...ALL).map(statusOf));
      return all.some(({ engine }) => engine === 'pbft') || undefined;
    });
    await Promise.all(ALL.map((index) => net.control('kill', index)));
    await changed;
    await Promise.all(ALL.map((index) => net.control('restart', index)));
    await untilEngine(net, 'pbft');
    for (const index of ALL) await payments.pay(index);
    await payments.check();
  });

  it('goes back to raft under payments, once the operators of a quorum have approved', async () => {
    const raft = { name: 'raft', emptyBlockMs: 1_000, members: await membersOf(3) };
    const underWay = payments.pay(3, 1);
    expect(await net.command(0, 'consensus_transition', raft)).toMatchObject({ isApproved: false, approvals: 1, needed: 3 });
    expect(await net.command(1, 'consensus_transition', raft)).toMatchObject({ isApproved: false, needed: 3 });
    await until('the third member has heard of both approvals', async () => {
      const { changes } = await net.command<{ readonly changes: readonly Proposal[] }>(2, 'consensus_status');
      return changes.some(({ approvedBy }) => approvedBy.length === 2);
    });
    expect(await net.command(2, 'consensus_transition', raft)).toMatchObject({ engine: 'raft', phase: 2 });
    await untilEngine(net, 'raft');
    await underWay;
    await payments.pay(0);
    await payments.check();
  });

  it('takes a node that has nothing from genesis through both changes', async () => {
    await net.control('kill', 3);
    rmSync(datadirPaths(paths.datadir(directory, 3)).synod, { recursive: true });
    await net.control('restart', 3);
    await untilEngine(net, 'raft', [3]);
    await payments.check([3]);
    await payments.pay(3);
    expect(await net.command(3, 'consensus_status')).toMatchObject({ phase: 2, role: 'observer' });
  });

  it('refuses what nobody can go on with', async () => {
    const code = async (engine: Json) => {
      const error = await net.command(0, 'consensus_transition', engine).catch((reason: unknown) => reason);
      return String(error);
    };
    expect(await code({ name: 'raft', emptyBlockMs: 1_000, members: await membersOf(3) })).toMatch(/has already/);
    expect(await code({ name: 'pow' })).toMatch(/has none/);
    expect(await code({ name: 'zab', members: await membersOf(2) })).toMatch(/at least 3/);
  });
});

describe('a network of stake whose genesis file names the end of it, and its return', { timeout: 5 * PATIENCE_MS }, () => {
  const directory = temporary();

  it('goes on with members above that height, and with stake again above another', async () => {
    const options = { nodes: 4, miners: 0, engine: 'pos', validators: 8, blockTimeSeconds: 1, chainId: CHAIN_ID, mnemonic: DEV_MNEMONIC };
    await createManifest(directory, { ...options, accounts: 10, balance: 10_000, hashRateLimit: 0 }, builtInGenesis('pos'), Date.now());
    const file = paths.genesis(directory);
    const genesis = JSON.parse(readFileSync(file, 'utf8'));
    const { engine } = genesis.config;
    genesis.config.engine = {
      ...engine,
      transitions: [
        { height: 4, engine: { name: 'pbft', emptyBlockMs: 1_000, members: await membersOf(4) } },
        { height: 8, engine },
      ],
    };
    writeFileSync(file, JSON.stringify(genesis));
    const net = await Testnet.start(processes, directory, '--rpc-port', '0');
    const payments = new Payments(net);
    await payments.pay(0);
    await untilEngine(net, 'pbft');
    await payments.pay(1);
    await until('blocks are made by stake again', async () => {
      const { engine, head } = await statusOf(net.url(0));
      return (engine === 'pos' && head.number > 8) || undefined;
    });
    await untilEngine(net, 'pos');
    await payments.pay(2);
    await payments.check();
  });
});
