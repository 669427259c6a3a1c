/** What a miner is told to stop, it is told to begin again; and a node that refuses is not said to do as it was told. */
import { describe, expect, it } from 'vitest';
import { InternalError, type SynodError } from '../../src/base/errors.ts';
import type { Json } from '../../src/base/types.ts';
import type { Network } from '../../src/network/host.ts';
import type { OpenChain } from '../../src/node/chain.ts';
import type { Driver } from '../../src/node/driver.ts';
import { FaultBench } from '../../src/node/fault-bench.ts';

/** A miner as far as commands to it are concerned. */
function miner() {
  const told: string[] = [];
  let producing = true;
  let refusal: SynodError | null = null;
  const driver = {
    inspect: () => ({ mining: { producing } }),
    admin({ name }: { readonly name: string }, reply: (result: Json | SynodError) => void) {
      told.push(name);
      if (refusal === null) producing = name === 'miner_start';
      reply(refusal ?? true);
    },
  };
  const network = { setPartition() {}, setLinkFaults() {}, announceStatus() {}, stats: () => ({ links: {} }) };
  const clock = { nowMs: () => 0, monotonicMs: () => 0 };
  const bench = new FaultBench({ engine: { name: 'pow' } } as unknown as OpenChain, [], clock as never, {
    network: () => network as unknown as Network,
    driver: () => driver as unknown as Driver,
  });
  const refuse = (error: SynodError | null) => {
    refusal = error;
  };
  return { bench, told, refuse };
}

const IDLE = { allowed: null, links: [], clockOffsetMs: 0, isIdle: true, isWithholding: false };

describe('a miner that is made idle', () => {
  it('is told once, and to mine again when it is well, whatever came in between', async () => {
    const { bench, told } = miner();
    await bench.set(IDLE);
    await bench.set({ ...IDLE, clockOffsetMs: 5 });
    expect(told).toEqual(['miner_stop']);
    await bench.heal();
    expect(told).toEqual(['miner_stop', 'miner_start']);
    expect(bench.status().isIdle).toBe(false);
  });

  it('is not called idle, or well, when it refuses', async () => {
    const { bench, refuse, told } = miner();
    refuse(new InternalError('node/busy', 'Too many commands wait; try again.'));
    await expect(bench.set(IDLE)).rejects.toMatchObject({ code: 'node/busy' });
    expect(bench.status().isIdle).toBe(false);
    refuse(null);
    await bench.set(IDLE);
    refuse(new InternalError('node/busy', 'Too many commands wait; try again.'));
    await expect(bench.heal()).rejects.toMatchObject({ code: 'node/busy' });
    expect(bench.status().isIdle).toBe(true);
    refuse(null);
    await bench.heal();
    expect(told.at(-1)).toBe('miner_start');
  });
});
