/** The driver's sealer port over the mining pool: turns a header into a job, and a miner's answer into a header. */
import { fromHex, hashOf } from '../base/bytes.ts';
import type { Header } from '../chain/header.ts';
import type { RequestId } from '../consensus/engine.ts';
import { sealJobOf, withProof } from '../consensus/pow/header80.ts';
import { MinerPool, type MinerStats, type SealResult } from '../mining/pool.ts';
import type { MiningConfig } from './config.ts';
import type { SealerPort } from './ports.ts';

interface Sealing {
  readonly request: RequestId;
  readonly header: Header;
  readonly version: number;
  readonly done: (header: Header) => void;
}

export class MinerSealer implements SealerPort {
  readonly #pool: MinerPool;
  #current: Sealing | null = null;

  /** `onError` is told of lost threads, and of having none left. */
  constructor(config: MiningConfig, onError: (error: Error) => void) {
    this.#pool = new MinerPool({
      threads: config.threads,
      hashRateLimit: config.hashRateLimit,
      kernel: config.kernel,
      onSealed: (result) => this.#sealed(result),
      onError,
    });
  }

  seal(request: RequestId, header: Header, _target: bigint, done: (header: Header) => void): void {
    const job = sealJobOf(header);
    this.#current = { request, header, version: job.version, done };
    const { version, time, bits, target } = job;
    this.#pool.mine({ id: request, version, parentHash: fromHex(job.parentHash), sealHash: fromHex(job.sealHash), time, bits, target });
  }

  unseal(request: RequestId): void {
    if (this.#current?.request !== request) return;
    this.#current = null;
    this.#pool.cancel(request);
  }

  setThreads(threads: number): void {
    this.#pool.setThreads(threads);
  }

  stats(): MinerStats {
    return this.#pool.stats();
  }

  async stop(): Promise<void> {
    this.#current = null;
    await this.#pool.close();
  }

  #sealed({ id, nonce, extraNonce }: SealResult): void {
    const current = this.#current;
    if (current === null || current.request !== id) return;
    this.#current = null;
    current.done(withProof(current.header, current.version, nonce, hashOf(extraNonce)));
  }
}
