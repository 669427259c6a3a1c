/**
 * A disk that forgets what was not synced. A file is a sequence of batches: each becomes durable some time after it was
 * written, in order. A crash tears the file where the seed says, somewhere in what was not acknowledged. What a node finds
 * then is what LevelDB finds in a torn log: the batches before the tear, whole. The one in whose middle it is fails its
 * checksum and is dropped, however much of it had been written, and so is all that came after it.
 *
 * Two files of one disk promise nothing to each other: what was written to one first may survive second.
 */
import { StorageError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { Scheduled } from './event-queue.ts';
import { US_PER_MS, type World } from './world.ts';

export interface DiskSpeed {
  /** An fsync takes this long, and up to twice as long. */
  readonly writeUs: number;
}

interface Batch {
  readonly apply: () => void;
  readonly done: () => void;
}

/** What a crash made of the batches that were written and not acknowledged. */
export interface Torn {
  readonly kept: number;
  readonly lost: number;
  /** Both in one file: the tear went through the midst of what was under way. */
  readonly isTorn: boolean;
}

export interface DiskEvents {
  /** A write failed: the file takes no more, and its owner must stop (reliability rule e). */
  readonly onError: (error: StorageError) => void;
}

export class Disk {
  readonly #world: World;
  readonly #random: Random;
  readonly #writeUs: number;
  readonly #files: DiskFile[] = [];
  #slowness = 1;
  #failing = false;
  #hasFailed = false;

  constructor(world: World, random: Random, speed: DiskSpeed) {
    this.#world = world;
    this.#random = random;
    this.#writeUs = speed.writeUs;
  }

  /** One life of a file: what is durable belongs to the caller, who changes it in `apply`. */
  open(events: DiskEvents): DiskFile {
    if (this.#files.length === 0) this.#hasFailed = false;
    const file = new DiskFile(this.#world, this, events);
    this.#files.push(file);
    return file;
  }

  /** Makes every write this many times slower, what is left of those under way too. */
  setSlowness(factor: number): void {
    for (const file of this.#files) file.hurry(this.#slowness === 0 ? 0 : factor / this.#slowness);
    this.#slowness = factor;
  }

  /** While set, every write fails. */
  setFailing(failing: boolean): void {
    this.#failing = failing;
  }

  get isFailing(): boolean {
    return this.#failing;
  }

  /** A write has failed since the node's last start, so it may stop at any time. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  failed(): void {
    this.#hasFailed = true;
  }

  latencyUs(): number {
    return this.#writeUs * this.#slowness * (1 + this.#random.float());
  }

  /** Whether a write that failed is on the disk all the same: nobody can know. */
  keepsFailedWrite(): boolean {
    return this.#random.chance(0.5);
  }

  /** Power loss: closes all files. */
  crash(): Torn {
    let [kept, lost, isTorn] = [0, 0, false];
    for (const file of this.#files) {
      const { pending } = file;
      const left = this.#random.below(pending + 1);
      kept += left;
      lost += pending - left;
      isTorn ||= left > 0 && left < pending;
      file.close(left);
    }
    this.#files.length = 0;
    return { kept, lost, isTorn };
  }
}

export class DiskFile {
  readonly #world: World;
  readonly #disk: Disk;
  readonly #events: DiskEvents;
  /** Written, not acknowledged; oldest first. */
  #batches: Batch[] = [];
  #due: Scheduled | null = null;
  #isOpen = true;

  constructor(world: World, disk: Disk, events: DiskEvents) {
    this.#world = world;
    this.#disk = disk;
    this.#events = events;
  }

  get pending(): number {
    return this.#batches.length;
  }

  /** `apply` changes what is durable; `done` follows in the same instant, unless the node is dead by then. */
  write(apply: () => void, done: () => void): void {
    if (!this.#isOpen) return;
    this.#batches.push({ apply, done });
    if (this.#due === null) this.#begin();
  }

  /** Of what was not acknowledged, the first `kept` batches stay. */
  close(kept: number): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#due !== null) this.#world.cancel(this.#due);
    for (const { apply } of this.#batches.slice(0, kept)) apply();
    this.#batches = [];
  }

  /** The write under way takes this many times as long as it would have, from now on. */
  hurry(factor: number): void {
    if (this.#due === null) return;
    const leftUs = this.#due.atUs - this.#world.nowUs;
    this.#world.cancel(this.#due);
    this.#due = this.#world.after(leftUs * factor, () => this.#finish());
  }

  #begin(): void {
    this.#due = this.#world.after(this.#disk.latencyUs(), () => this.#finish());
  }

  #finish(): void {
    this.#due = null;
    if (this.#disk.isFailing) return this.#fail();
    const batch = this.#batches.shift();
    batch?.apply();
    if (this.#batches.length > 0) this.#begin();
    batch?.done();
  }

  #fail(): void {
    this.#disk.failed();
    this.close(this.#disk.keepsFailedWrite() ? 1 : 0);
    this.#events.onError(
      new StorageError('storage/write', `A write failed at ${this.#world.nowUs / US_PER_MS} ms, as the schedule wants it.`),
    );
  }
}
