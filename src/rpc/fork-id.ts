/** EIP-2124 and EIP-6122: a checksum over the genesis hash and every upgrade up to some time, by which clients compare rules. */
import { crc32 } from 'node:zlib';
import { fromHex, toHex } from '../base/bytes.ts';
import type { Hex } from '../base/types.ts';
import type { ChainParams } from '../chain/params.ts';

/** Seconds since 1970 at which the rules change, ascending; what holds from the beginning is not among them. */
export function forkTimes({ forks, blobs = [] }: ChainParams, genesisTime: number): readonly number[] {
  const times = [...forks, ...blobs].flatMap(({ time }) => (time === undefined || time <= genesisTime ? [] : [time]));
  return ascending(times);
}

/** With every upgrade by height, and those by time up to this one. */
export function forkId(params: ChainParams, genesisTime: number, time: number): Hex {
  const passed = [...forkHeights(params), ...forkTimes(params, genesisTime).filter((fork) => fork <= time)];
  const sum = passed.reduce((crc, at) => crc32(bigEndian(BigInt(at), 8), crc), crc32(fromHex(params.genesisHash)));
  return toHex(bigEndian(BigInt(sum), 4));
}

/** A chain that is replayed has upgrades that only moved its difficulty bomb, and counts them as Ethereum does. */
function forkHeights({ forks, engine }: ChainParams): readonly number[] {
  const glaciers = Object.entries(engine.settings).flatMap(([name, at]) =>
    /GlacierBlock$/.test(name) && typeof at === 'number' ? [at] : [],
  );
  return ascending([...forks.flatMap(({ block = 0 }) => (block > 0 ? [block] : [])), ...glaciers]);
}

function ascending(numbers: readonly number[]): readonly number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function bigEndian(value: bigint, bytes: number): Uint8Array {
  return fromHex(`0x${value.toString(16).padStart(2 * bytes, '0')}`);
}
