/**
 * A network's rules as @ethereumjs understands them. Its own schedule of forks is not used: synod decides which fork a
 * block is under (`forkAt`) and asks for a Common that is fixed to it.
 */
import { createHash } from 'node:crypto';
import { paramsBlock } from '@ethereumjs/block';
import { Common, Hardfork, type ParamsDict } from '@ethereumjs/common';
import { paramsEVM } from '@ethereumjs/evm';
import { paramsTx } from '@ethereumjs/tx';
import { paramsVM } from '@ethereumjs/vm';
import { concatBytes, equalBytes } from '../base/bytes.ts';
import { DecodeError } from '../base/errors.ts';
import { type BlobRules, GAS_PER_BLOB } from '../chain/blobs.ts';
import type { ChainParams, Fork } from '../chain/params.ts';
import { keccak256 } from './keccak.ts';
import { kzg } from './kzg.ts';
import { recovery } from './recovery.ts';

const HARDFORKS: Readonly<Record<Fork, Hardfork>> = {
  frontier: Hardfork.Chainstart,
  homestead: Hardfork.Homestead,
  tangerineWhistle: Hardfork.TangerineWhistle,
  spuriousDragon: Hardfork.SpuriousDragon,
  byzantium: Hardfork.Byzantium,
  constantinople: Hardfork.Constantinople,
  petersburg: Hardfork.Petersburg,
  istanbul: Hardfork.Istanbul,
  berlin: Hardfork.Berlin,
  london: Hardfork.London,
  paris: Hardfork.Paris,
  shanghai: Hardfork.Shanghai,
  cancun: Hardfork.Cancun,
  prague: Hardfork.Prague,
  osaka: Hardfork.Osaka,
};

/** Rules accumulate along this list, so it also names what our own list of forks skips. */
const CUMULATIVE = [
  Hardfork.Chainstart,
  Hardfork.Homestead,
  Hardfork.TangerineWhistle,
  Hardfork.SpuriousDragon,
  Hardfork.Byzantium,
  Hardfork.Constantinople,
  Hardfork.Petersburg,
  Hardfork.Istanbul,
  Hardfork.MuirGlacier,
  Hardfork.Berlin,
  Hardfork.London,
  Hardfork.Paris,
  Hardfork.Shanghai,
  Hardfork.Cancun,
  Hardfork.Prague,
  Hardfork.Osaka,
];

/**
 * Knows the gas prices and limits of all packages from the start. Left alone, each transaction, block and EVM puts those
 * of its own package into a Common once more, which makes the whole table anew: 0.1 ms a time (measured).
 */
class CompleteCommon extends Common {
  override updateParams(params: ParamsDict): void {
    if (!PARAMS.includes(params)) super.updateParams(params);
  }
}

/** Later ones win: of the two that know the window of EIP-2935 the VM has the right one, 8,191. */
const PARAMS: readonly ParamsDict[] = [paramsTx, paramsBlock, paramsEVM, paramsVM];
const ALL_PARAMS = PARAMS.reduce<ParamsDict>(merged, {});

/** Packages share upgrades: some numbers of one belong to the EVM, others to transactions. */
function merged(all: ParamsDict, some: ParamsDict): ParamsDict {
  return { ...all, ...Object.fromEntries(Object.entries(some).map(([upgrade, values]) => [upgrade, { ...all[upgrade], ...values }])) };
}

/** A fresh one for each EVM: those that share a Common leave listeners behind on it. */
export function commonFor(params: Pick<ChainParams, 'chainId'>, fork: Fork, blobs?: BlobRules): Common {
  return new CompleteCommon({
    params: blobs === undefined ? ALL_PARAMS : withBlobs(blobs),
    chain: {
      name: 'synod',
      chainId: params.chainId,
      genesis: { gasLimit: 0, difficulty: 0, nonce: '0x', extraData: '0x' },
      hardforks: CUMULATIVE.map((name) => ({ name, block: 0 })),
      bootstrapNodes: [],
      consensus: { type: 'pow', algorithm: 'ethash' },
    },
    hardfork: HARDFORKS[fork],
    customCrypto: { keccak256, sha256, ecrecover, kzg },
  });
}

/** The upgrades that have a say in the number of blobs, all with the same: that of the block. */
function withBlobs({ target, max, updateFraction }: BlobRules): ParamsDict {
  const rules = {
    targetBlobGasPerBlock: target * Number(GAS_PER_BLOB),
    maxBlobGasPerBlock: max * Number(GAS_PER_BLOB),
    blobGasPriceUpdateFraction: updateFraction,
  };
  return merged(ALL_PARAMS, { 4844: rules, 7691: rules });
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

/** For the precompile. `v` is 27 or 28, or 0 or 1. Throws when there is no such key, as the EVM expects. */
function ecrecover(message: Uint8Array, v: bigint, r: Uint8Array, s: Uint8Array): Uint8Array {
  const parity = v > 1n ? v - 27n : v;
  const signature = concatBytes(leftPad(r), leftPad(s));
  const key = parity === 0n || parity === 1n ? recovery.recover(signature, parity === 1n ? 1 : 0, message) : null;
  if (key === null || equalBytes(key, NO_KEY)) throw new DecodeError('decode/signature', 'The signature belongs to no key.');
  return key;
}

const NO_KEY = new Uint8Array(64);

function leftPad(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(32);
  out.set(bytes.subarray(-32), 32 - Math.min(bytes.length, 32));
  return out;
}
