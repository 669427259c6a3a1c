/** Jobs, real Bitcoin headers, and a pool whose answers can be awaited. */
import { fromHex } from '../../src/base/bytes.ts';
import { MinerPool, type MinerPoolOptions, type MinerPoolSeams, type SealJob, type SealResult } from '../../src/mining/pool.ts';

/** Real blocks of Bitcoin: the 80 bytes, and the hash as block explorers display it. */
export const BITCOIN_BLOCKS = [
  {
    height: 0,
    header:
      '0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c',
    hash: '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f',
  },
  {
    height: 1,
    header:
      '010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299',
    hash: '00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048',
  },
  {
    height: 2,
    header:
      '010000004860eb18bf1b1620e37e9490fc8a427514416fd75159ab86688e9a8300000000d5fdcc541e25de1c7a5addedf24858b8bb665c9f36ef744ee42c316022c90f9bb0bc6649ffff001d08d2bd61',
    hash: '000000006a625f06636b8bb6ac7b960a8d03705d1ace08b1a19da3fdcc99ddbd',
  },
  {
    height: 170,
    header:
      '0100000055bd840a78798ad0da853f68974f3d183e2bd1db6a842c1feecf222a00000000ff104ccb05421ab93e63f8c3ce5c2c2e9dbb37de2764b3a3175c8166562cac7d51b96a49ffff001d283e9e70',
    hash: '00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee',
  },
  {
    height: 125552,
    header:
      '0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695',
    hash: '00000000000000001e8d6829a8a21adc5d38d0a473b144b6765798e61f98bd1d',
  },
].map(({ height, header, hash }) => {
  const bytes = fromHex(`0x${header}`);
  return { height, header: bytes, nonce: new DataView(bytes.buffer, bytes.byteOffset).getUint32(76, true), hash: BigInt(`0x${hash}`) };
});

/** One hash in 2^16 meets it. */
export const EASY = 2n ** 240n;
/** No hash meets it. */
export const IMPOSSIBLE = 0n;

export function jobOf(id: number, target: bigint): SealJob {
  return {
    id,
    version: 0x2000_0000,
    parentHash: new Uint8Array(32).fill(0xaa),
    sealHash: new Uint8Array(32).fill(id),
    time: 1_700_000_000,
    bits: 0x1f00ffff,
    target,
  };
}

/** Takes what comes, in order; `next` waits for the next one. */
export class Inbox<T> {
  readonly #items: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];

  push(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#items.push(item);
    else waiting(item);
  }

  next(): Promise<T> {
    const item = this.#items.shift();
    return item === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(item);
  }

  get size(): number {
    return this.#items.length;
  }
}

export interface TestPool extends AsyncDisposable {
  readonly pool: MinerPool;
  readonly sealed: Inbox<SealResult>;
  readonly errors: Inbox<Error>;
}

export function testPool(options: Partial<MinerPoolOptions> = {}, seams: MinerPoolSeams = {}): TestPool {
  const sealed = new Inbox<SealResult>();
  const errors = new Inbox<Error>();
  const pool = new MinerPool(
    { threads: 1, ...options, onSealed: (result) => sealed.push(result), onError: (error) => errors.push(error) },
    seams,
  );
  return { pool, sealed, errors, [Symbol.asyncDispose]: () => pool.close() };
}

export function script(name: string): URL {
  return new URL(`./scripts/${name}.ts`, import.meta.url);
}
