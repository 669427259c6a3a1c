/**
 * Nodes on hosts of their own: network namespaces with an address each, joined by a wire that delays every packet by 40 ms and loses
 * one in a hundred. What must hold under every engine: blocks go on and agree, also while a host is cut off in silence; it catches up
 * when the wire is whole again; and a host that comes back under another address is found.
 *
 * SYNOD_HOSTS_ENGINES names the engines, separated by commas, or `all`, makes the cut longer than any connection lives in silence, and
 * adds one that leaves no quorum; the test run of every change has one engine and a short cut. An engine takes two minutes:
 *
 *   SYNOD_HOSTS_ENGINES=all npx vitest run test/end-to-end/hosts.test.ts
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { ENGINE_NAMES } from '../../src/consensus/registry.ts';
import type { NodeEndpoints } from '../../src/node/node.ts';
import { completeOptions } from '../../src/testnet/launch.ts';
import { createManifest, type Manifest, paths } from '../../src/testnet/manifest.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { Hopeless, MAIN, TestProcess, until, useProcesses } from '../support/processes.ts';
import { Lab, whyNoHosts } from './hosts/lab.ts';
import { commonBlock, statusOf } from './rpc.ts';
import { roleOf } from './signers.ts';

const WEATHER = { delayMs: 40, loss: 0.01 };
const P2P_PORT = 30_303;
const HTTP_PORT = 8_545;
const TAIL_CHARACTERS = 6_000;
/** Raft is in the guide to three hosts, which is run as well. */
const USUAL_ENGINES = ['pow'];
const PATIENCE_MS = 180_000;
const STALL_MS = 10_000;

const wished = process.env.SYNOD_HOSTS_ENGINES;
const engines = wished === 'all' ? ENGINE_NAMES : (wished?.split(',') ?? USUAL_ENGINES);
/** Blocks, one a second or so, that the others must make while a host is cut off. */
const BLOCKS_MEANWHILE = wished === undefined ? 4 : 45;
const obstacle = whyNoHosts();
if (obstacle !== null)
  process.stderr.write(`Nodes on hosts of their own are not tested here, for want of network namespaces: ${obstacle}\n`);

/** `synod node` on each host of a lab, as an operator would start it. */
class Network {
  readonly lab: Lab;
  readonly #manifest: Manifest;
  readonly #directory: string;
  readonly #nodes: (TestProcess | null)[] = [];
  readonly #endpoints = new Map<number, NodeEndpoints>();
  #bootnode = '';

  constructor(lab: Lab, directory: string, manifest: Manifest) {
    this.lab = lab;
    this.#directory = directory;
    this.#manifest = manifest;
  }

  get size(): number {
    return this.lab.hosts.length;
  }

  /** Node 0 knows nobody; the others know its address, the last one only by multicast DNS. */
  async start(): Promise<void> {
    this.#bootnode = (await this.up(0)).addresses[0] ?? '';
    await Promise.all(this.lab.hosts.slice(1).map(({ index }) => this.up(index)));
  }

  async up(index: number): Promise<NodeEndpoints> {
    const host = this.lab.host(index);
    const datadir = paths.datadir(this.#directory, index);
    // Node 1 is as in a container: it listens at addresses that nobody else knows, and tells the one that they do.
    const listening = index === 1 ? ['--addr', '0.0.0.0', '--nat', `extip:${host.address}`] : ['--addr', host.address];
    const command = ['--datadir', datadir, '--genesis', paths.genesis(this.#directory), ...listening];
    const rpc = ['--port', String(P2P_PORT), '--http.addr', host.testAddress, '--http.port', String(HTTP_PORT)];
    const peers = index === 0 || index === this.size - 1 ? ['--mdns'] : ['--bootnodes', this.#bootnode];
    const role = await roleOf(this.#manifest, index, datadir);
    const [file, args] = Lab.on(host, [process.execPath, MAIN, 'node', ...command, ...rpc, ...peers, ...role]);
    const node = new TestProcess(file, args, { channel: true });
    this.#nodes[index] = node;
    const endpoints = await until(`node ${index} is ready`, () => {
      if (!node.running) throw new Hopeless(`Node ${index} ended: ${node.tail()}`);
      return node.messages.find((message) => (message as { type?: string }).type === 'ready') as NodeEndpoints | undefined;
    });
    this.#endpoints.set(index, endpoints);
    return endpoints;
  }

  async kill(index: number): Promise<void> {
    await this.#nodes[index]?.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node?.end('SIGTERM')));
  }

  /** Where the node says that it is. */
  addresses(index: number): readonly string[] {
    return this.#endpoints.get(index)?.addresses ?? [];
  }

  url(index: number): string {
    return `http://${this.lab.host(index).testAddress}:${HTTP_PORT}`;
  }

  urls(): string[] {
    return this.lab.hosts.map(({ index }) => this.url(index));
  }

  statuses() {
    return Promise.all(this.urls().map(statusOf));
  }

  /** The end of what each node logged. */
  tails(): string {
    return this.#nodes.map((node, index) => `node ${index}:\n${node?.stderr.slice(-TAIL_CHARACTERS)}`).join('\n');
  }

  /** Every node is connected to every other. */
  async untilConnected(): Promise<void> {
    await until(
      `all ${this.size} nodes know each other`,
      async () => {
        const peers = (await this.statuses()).map((status) => status.peers);
        if (peers.some((count) => count < this.size - 1)) throw new Error(`peers: ${peers}`);
        return true;
      },
      PATIENCE_MS,
    );
  }

  /** A block of at least this height that all have. */
  async untilAgreed(height: number): Promise<number> {
    return await until(
      `all agree above height ${height}`,
      async () => {
        const block = await commonBlock(this.urls());
        if (block !== undefined && Number(block.number) >= height) return Number(block.number);
        throw new Error(`heads: ${(await this.statuses()).map(({ head }) => `${head.number} ${head.hash.slice(0, 8)}`)}`);
      },
      PATIENCE_MS,
    );
  }

  async untilHead(index: number, height: number): Promise<void> {
    await until(
      `node ${index} reaches ${height}`,
      async () => {
        const { head } = await statusOf(this.url(index));
        if (head.number < height) throw new Error(`head ${head.number}`);
        return true;
      },
      PATIENCE_MS,
    );
  }
}

const directory = temporaryDirectories();
useProcesses();
vi.setConfig({ testTimeout: 3 * PATIENCE_MS });

describe.skipIf(obstacle !== null)(
  `hosts with addresses of their own (${obstacle ?? `${WEATHER.delayMs} ms, loss ${WEATHER.loss}`})`,
  () => {
    describe.each(engines)('%s', (engine) => {
      let network: Network;

      beforeAll(async () => {
        const at = directory();
        // Under the others a quorum is left when one host is cut off.
        const nodes = engine === 'pbft' || engine === 'pos' ? 4 : 3;
        const options = completeOptions({ engine, nodes, miners: nodes, blockTimeSeconds: 1, hashRateLimit: 20_000 });
        const manifest = await createManifest(at, options, builtInGenesis(engine), Date.now());
        network = new Network(await Lab.build(nodes, WEATHER), at, manifest);
        await network.start();
      });
      afterEach(({ task }) => {
        if (task.result?.state === 'fail') process.stderr.write(`${network?.tails()}\n`);
      });
      afterAll(async () => {
        await network?.stop();
        network?.lab.close();
      });

      it('meets by address and by multicast DNS, and makes blocks that all have', async () => {
        await network.untilConnected();
        for (const { index, address } of network.lab.hosts) {
          expect(network.addresses(index)).toEqual([expect.stringMatching(`^/ip4/${address}/tcp/${P2P_PORT}/p2p/`)]);
        }
        await network.untilAgreed(3);
        expect(await network.lab.roundTripMs(1, 0, P2P_PORT)).toBeGreaterThanOrEqual(2 * WEATHER.delayMs);
      });

      it('goes on while a host is cut off in silence, which learns nothing; one chain again when the wire is whole', async () => {
        const last = network.size - 1;
        const before = await statusOf(network.url(last));
        network.lab.cut(last);
        await network.untilHead(0, before.head.number + BLOCKS_MEANWHILE);
        const [ours, theirs] = [await statusOf(network.url(0)), await statusOf(network.url(last))];
        if (engine === 'pow') expect(ours.head.hash).not.toBe(theirs.head.hash);
        else expect(theirs.finalized.number).toBeLessThan(ours.head.number);
        network.lab.heal();
        await network.untilAgreed(ours.head.number + 1);
        await network.untilConnected();
      });

      const stalls = wished !== undefined && engine !== 'pow';
      it.runIf(stalls)('decides nothing while no host reaches another (only where SYNOD_HOSTS_ENGINES is set)', async () => {
        network.lab.cut(...network.lab.hosts.map(({ index }) => index));
        const final = async () => (await network.statuses()).map(({ finalized }) => finalized.number);
        // What does not happen cannot be awaited.
        await delay(STALL_MS / 2);
        const before = await final();
        await delay(STALL_MS / 2);
        expect(await final()).toEqual(before);
        network.lab.heal();
        await network.untilAgreed(Math.max(...before) + 2);
        await network.untilConnected();
      });

      it('finds a host that lost power and comes back under another address, be it the one that all others started from', async () => {
        // No connection ends: the others hear nothing more.
        network.lab.cut(0);
        await network.kill(0);
        network.lab.move(0, '10.0.0.200');
        network.lab.heal();
        await network.up(0);
        await network.untilConnected();
        const { head } = await statusOf(network.url(0));
        await network.untilAgreed(head.number + 2);
      });
    });
  },
);
