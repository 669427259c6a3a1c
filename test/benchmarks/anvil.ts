/**
 * The peer to compare with: anvil of Foundry, if it is installed (`npm install --no-save @foundry-rs/anvil`) or if
 * `SYNOD_BENCH_ANVIL` names its binary. It is one process in native code that mines by the clock and checks no proofs.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import type { Address } from '../../src/base/types.ts';
import { freePorts, track } from './processes.ts';

const START_TIMEOUT_MS = 20_000;
const POLL_MS = 50;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
/** In wei: more than any benchmark spends. */
const BALANCE = `0x${(10n ** 24n).toString(16)}`;

export interface Anvil {
  readonly url: string;
  stop(): Promise<void>;
}

export interface AnvilOptions {
  readonly chainId: number;
  readonly gasLimit: bigint;
  /** Null where it mines only what and when it is told. */
  readonly blockTimeSeconds: number | null;
  readonly rich: readonly Address[];
}

/** Null when there is none. */
export function findAnvil(): string | null {
  const named = process.env.SYNOD_BENCH_ANVIL;
  if (named !== undefined) return existsSync(named) ? named : null;
  try {
    const architecture = ARCHITECTURES[process.arch] ?? process.arch;
    return createRequire(import.meta.url).resolve(`@foundry-rs/anvil-${process.platform}-${architecture}/bin/anvil`);
  } catch {
    return null;
  }
}

export async function startAnvil(binary: string, { chainId, gasLimit, blockTimeSeconds, rich }: AnvilOptions): Promise<Anvil> {
  const [port] = await freePorts(1);
  const pace = blockTimeSeconds === null ? ['--no-mining'] : ['--block-time', String(blockTimeSeconds)];
  const network = ['--chain-id', String(chainId), '--gas-limit', String(gasLimit), ...pace];
  const child = track(spawn(binary, ['--silent', '--port', String(port), '--accounts', '1', ...network], { stdio: 'ignore' }));
  const url = `http://127.0.0.1:${port}`;
  await fund(url, rich);
  return {
    url,
    stop: async () => {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Gives each account its money, as soon as anvil answers. */
async function fund(url: string, rich: readonly Address[]): Promise<void> {
  const calls = rich.map((address, id) => ({ jsonrpc: '2.0', id, method: 'anvil_setBalance', params: [address, BALANCE] }));
  const body = JSON.stringify(calls);
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  let response: Response | undefined;
  while (response === undefined) {
    response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body }).catch(() => undefined);
    if (response === undefined && performance.now() > deadlineMs) throw new Error(`anvil does not answer at ${url}`);
    if (response === undefined) await delay(POLL_MS);
  }
  const failed = ((await response.json()) as readonly { readonly error?: unknown }[]).find(({ error }) => error !== undefined);
  if (failed !== undefined) throw new Error(`anvil would not fund an account: ${JSON.stringify(failed.error)}`);
}
