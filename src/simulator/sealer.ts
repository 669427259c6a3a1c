/**
 * Mining without hashing. A proof takes as long as luck and hash rate have it (exponential waiting time), and is a tag
 * that cannot be forged: the oracle remembers the hash of every header that was honestly mined, and nothing else passes.
 * Changing one field of a mined header, its difficulty for instance, changes the hash and so loses the proof.
 */
import { RuleError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { Hash } from '../base/types.ts';
import { type Header, hashHeader } from '../chain/header.ts';
import type { RequestId } from '../consensus/engine.ts';
import { withProof } from '../consensus/pow/header80.ts';
import type { ProofCheck } from '../consensus/pow/rules.ts';
import type { SealerPort } from '../node/ports.ts';
import type { Scheduled } from './event-queue.ts';
import type { World } from './world.ts';

const US_PER_SECOND = 1_000_000;
const TWO_TO_256 = 2n ** 256n;

export class ProofOracle {
  readonly #sealed = new Set<Hash>();
  #count = 0;

  /** A proof for this header, as if the work had been done. Different every time. */
  seal(header: Header): Header {
    const extraNonce = `0x${(++this.#count).toString(16).padStart(64, '0')}` as Hash;
    const sealed = withProof(header, 0x2000_0000, this.#count >>> 0, extraNonce);
    this.#sealed.add(hashHeader(sealed));
    return sealed;
  }

  readonly check: ProofCheck = (header) => {
    if (this.#sealed.has(hashHeader(header))) return;
    throw new RuleError('header/proof', `Block ${header.number} has no proof: nobody did this work.`, { number: header.number });
  };
}

interface Job {
  readonly request: RequestId;
  readonly header: Header;
  readonly hashes: number;
  readonly done: (header: Header) => void;
  due: Scheduled | null;
}

export class VirtualMiner implements SealerPort {
  readonly #world: World;
  readonly #random: Random;
  readonly #oracle: ProofOracle;
  /** Hashes a second. */
  #rate: number;
  #job: Job | null = null;
  /** The templates of one head mostly have one target. */
  #last = { target: -1n, hashes: 0 };

  constructor(world: World, random: Random, oracle: ProofOracle, rate: number) {
    this.#world = world;
    this.#random = random;
    this.#oracle = oracle;
    this.#rate = rate;
  }

  seal(request: RequestId, header: Header, target: bigint, done: (header: Header) => void): void {
    this.#stop();
    if (target !== this.#last.target) this.#last = { target, hashes: Number(TWO_TO_256 / (target + 1n)) };
    this.#job = { request, header, hashes: this.#last.hashes, done, due: null };
    this.#search(this.#job);
  }

  unseal(request: RequestId): void {
    if (this.#job?.request === request) this.#stop();
  }

  /** Luck has no memory, so a search that goes on at another rate is drawn anew. */
  setRate(rate: number): void {
    this.#rate = rate;
    if (this.#job !== null) this.#search(this.#job);
  }

  /** Finds the proof at once. False when none is looked for. */
  find(): boolean {
    const job = this.#job;
    if (job === null) return false;
    this.#stop();
    job.done(this.#oracle.seal(job.header));
    return true;
  }

  stop(): void {
    this.#stop();
  }

  #search(job: Job): void {
    if (job.due !== null) this.#world.cancel(job.due);
    job.due = null;
    if (this.#rate <= 0) return;
    job.due = this.#world.after(this.#random.waiting(job.hashes / this.#rate) * US_PER_SECOND, () => {
      this.#job = null;
      job.done(this.#oracle.seal(job.header));
    });
  }

  #stop(): void {
    if (this.#job?.due) this.#world.cancel(this.#job.due);
    this.#job = null;
  }
}
