/**
 * The cases of one engine on real processes: a test network as `synod testnet` makes it, on loopback and with fsync, that stays
 * up from case to case. Everything that is waited for has a bound; a network that does not recover ends the engine's cases.
 */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { explain, SynodError } from '../base/errors.ts';
import type { Json } from '../base/types.ts';
import type { Endpoints } from '../testnet/child.ts';
import { createManifest, type Manifest, type TestnetOptions } from '../testnet/manifest.ts';
import { type NodeReport, Supervisor } from '../testnet/supervisor.ts';
import { DEV_MNEMONIC, deriveAccounts } from '../wallet/mnemonic.ts';
import { LoadBook } from './book.ts';
import { type CaseResult, type Cases, figuresOf } from './figures.ts';
import { CASES, type CaseName, faultWindow, finalityOf, minoritySize } from './plan.ts';
import { ProcessClients } from './process-clients.ts';

export interface ProcessPlan {
  readonly engine: string;
  readonly nodes: number;
  readonly seconds: number;
  readonly clients: number;
  /** The engine's genesis document. */
  readonly template: unknown;
  /** How to run the `synod` command. */
  readonly command: readonly string[];
  readonly call: (endpoints: Endpoints, method: string, params: readonly Json[]) => Promise<Json>;
  readonly onCase: (name: CaseName) => void;
  /** Ends everything soon. */
  readonly signal: AbortSignal;
}

const CHAIN_ID = 31_337;
const BALANCE_ETHER = 10_000;
/** So that mining leaves the processors to the nodes. */
const HASH_RATE = 20_000;
const READY_TIMEOUT_MS = 60_000;
const DRAIN_TIMEOUT_MS = 30_000;
const RECOVERY_TIMEOUT_MS = 60_000;
const POLL_MS = 200;
const MS_PER_SECOND = 1_000;

/** Each case that was measured, or why it was not. Rejects with what the signal says when it is given. */
export async function runProcesses(plan: ProcessPlan): Promise<Cases> {
  const directory = await mkdtemp(join(tmpdir(), 'synod-compare-'));
  const net = await ComparedNetwork.make(plan, join(directory, 'network'));
  try {
    const results: Partial<Record<CaseName, CaseResult>> = {};
    let reason = await orWhyNot(() => net.start());
    for (const name of CASES) {
      plan.signal.throwIfAborted();
      if (name === 'byzantine') {
        results[name] = { figures: null, reason: 'real nodes do not lie: see the simulator' };
      } else if (reason === null) {
        plan.onCase(name);
        reason = await orWhyNot(async () => {
          results[name] = await net.measure(name);
          return await net.recover();
        });
      }
      results[name] ??= { figures: null, reason: reason ?? 'nothing was measured' };
    }
    return results;
  } finally {
    await net.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What prevents the next case; null when nothing does. */
async function orWhyNot(work: () => Promise<string | null>): Promise<string | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SynodError) return explain(error);
    throw error;
  }
}

class ComparedNetwork {
  readonly #plan: ProcessPlan;
  readonly #manifest: Manifest;
  readonly #supervisor: Supervisor;
  readonly #clients: ProcessClients;
  readonly #cutOff = new Set<number>();

  private constructor(plan: ProcessPlan, directory: string, manifest: Manifest) {
    this.#plan = plan;
    this.#manifest = manifest;
    const { command, call } = plan;
    this.#supervisor = new Supervisor({
      directory,
      manifest,
      command,
      rpcPort: 0,
      call,
      onEvent: (event) => {
        if (event.type === 'node-up') this.#clients.links[event.index]?.follow(event.rpcUrl);
        if (event.type === 'node-down') this.#clients.links[event.index]?.leave();
      },
    });
    const wallets = deriveAccounts(DEV_MNEMONIC, plan.clients).map(({ address, privateKey }) => ({ address, secret: privateKey }));
    this.#clients = new ProcessClients(CHAIN_ID, wallets, plan.nodes, finalityOf(plan.engine));
  }

  static async make(plan: ProcessPlan, directory: string): Promise<ComparedNetwork> {
    const { engine, nodes, clients } = plan;
    const options: TestnetOptions = {
      nodes,
      miners: engine === 'pow' ? nodes : 0,
      validators: 2 * nodes,
      engine,
      blockTimeSeconds: 1,
      chainId: CHAIN_ID,
      mnemonic: DEV_MNEMONIC,
      accounts: clients,
      balance: BALANCE_ETHER,
      hashRateLimit: HASH_RATE,
    };
    return new ComparedNetwork(plan, directory, await createManifest(directory, options, plan.template, Date.now()));
  }

  /** Null when it runs and makes blocks, else why it does not. */
  async start(): Promise<string | null> {
    await Promise.race([this.#supervisor.start(), aborted(this.#plan.signal)]);
    const isReady = await this.#until(READY_TIMEOUT_MS, () => this.#clients.links.every(({ isUp, height }) => isUp && height > 0));
    return isReady ? null : `made no block within ${READY_TIMEOUT_MS / MS_PER_SECOND} s`;
  }

  async measure(name: CaseName): Promise<CaseResult> {
    const { seconds } = this.#plan;
    const book = new LoadBook();
    const hit = await this.#chooseHit(name);
    const startedMs = performance.now();
    const untilMs = async (ms: number) => {
      await delay(Math.max(0, startedMs + ms - performance.now()), undefined, { signal: this.#plan.signal });
    };
    this.#clients.begin(book, this.#cutOff);
    const window = faultWindow(name, seconds);
    if (window !== null) {
      await untilMs(window.fromMs);
      await this.#begin(name, hit);
      await untilMs(window.toMs);
      // Starting a node takes a while, and clients do not wait for it.
      await Promise.all([this.#end(name, hit), untilMs(seconds * MS_PER_SECOND)]);
    }
    await untilMs(seconds * MS_PER_SECOND);
    this.#clients.rest();
    await this.#until(DRAIN_TIMEOUT_MS, () => book.unfinished === 0);
    await this.#until(RECOVERY_TIMEOUT_MS, () => this.#missing(book).every((count) => count === 0));
    const broken = this.#missing(book).flatMap((count, node) =>
      count === 0 ? [] : [`node ${node} lacks ${count} transactions that were final elsewhere`],
    );
    return { figures: figuresOf({ name, seconds, book, hit, traffic: null, broken }), reason: null };
  }

  /** Null when all nodes go on together, else why not. */
  async recover(): Promise<string | null> {
    const { links } = this.#clients;
    const height = Math.max(...links.map((link) => link.height)) + 1;
    const isBack = await this.#until(RECOVERY_TIMEOUT_MS, () => links.every((link) => link.isUp && link.height >= height));
    return isBack ? null : `the network had not recovered ${RECOVERY_TIMEOUT_MS / MS_PER_SECOND} s after the case before`;
  }

  async stop(): Promise<void> {
    this.#clients.close();
    await this.#supervisor.stop();
  }

  async #begin(name: CaseName, hit: readonly number[]): Promise<void> {
    if (name !== 'partition') {
      for (const node of hit) await this.#supervisor.kill(node);
      return;
    }
    for (const node of hit) this.#cutOff.add(node);
    await this.#supervisor.partition([hit]);
  }

  async #end(name: CaseName, hit: readonly number[]): Promise<void> {
    if (name !== 'partition') {
      for (const node of hit) await this.#supervisor.restart(node);
      return;
    }
    await this.#supervisor.heal();
    this.#cutOff.clear();
  }

  /** Of what clients were told is final, how much each node does not have. */
  #missing(book: LoadBook): number[] {
    const final = [...book.entries()].filter(({ finalMs }) => finalMs !== null);
    return this.#clients.links.map((link) => final.filter(({ key }) => !link.has(key)).length);
  }

  async #chooseHit(name: CaseName): Promise<readonly number[]> {
    if (name === 'calm') return [];
    const { engine, nodes } = this.#plan;
    const leader = await this.#leader();
    if (name === 'leader') return [leader];
    if (name === 'crash') return [(leader + 1) % nodes];
    return Array.from({ length: Math.max(1, minoritySize(engine, nodes)) }, (_, i) => (leader + i) % nodes);
  }

  /** The member that leads; of engines without one, whoever made the newest block. */
  async #leader(): Promise<number> {
    const report = await this.#supervisor.report();
    const names = report.map(leaderNamedBy);
    const named = report.findIndex(({ peerId }) => peerId !== null && names.includes(peerId));
    if (named !== -1) return named;
    const maker = this.#clients.links.map(({ newestMaker }) => newestMaker).find((miner) => miner !== null);
    return Math.max(
      0,
      this.#manifest.nodes.findIndex(({ etherbase }) => etherbase === maker),
    );
  }

  /** Whether it came to be so within the time. */
  async #until(timeoutMs: number, isSo: () => boolean): Promise<boolean> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!isSo()) {
      if (performance.now() >= deadlineMs) return false;
      await delay(POLL_MS, undefined, { signal: this.#plan.signal });
    }
    return true;
  }
}

/** Rejects when the signal is given. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

function leaderNamedBy({ status }: NodeReport): string | null {
  const { consensus } = (status ?? {}) as { readonly consensus?: { readonly leader?: string | null } };
  return consensus?.leader ?? null;
}
