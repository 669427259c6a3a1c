/**
 * Recovery of secp256k1 public keys (SEC 1, section 4.1.6): the native library where its prebuilt binary loads, else WASM.
 * Never the `elliptic` fallback of the package `secp256k1`, which is slower by a factor of twenty and would not say so;
 * hence the binding itself is imported.
 */
import { createRequire } from 'node:module';
import type * as Native from 'secp256k1';

/** `signature` is r and s, 64 bytes; `message` is a hash. Answers 64 bytes (x and y), or null when there is no such key. */
type Recover = (signature: Uint8Array, parity: 0 | 1, message: Uint8Array) => Uint8Array | null;

export interface Recovery {
  /** For logs: which implementation runs. */
  readonly name: 'secp256k1 (native)' | 'libauth (WASM)';
  readonly recover: Recover;
}

export function nativeRecovery(): Recovery | null {
  try {
    const native = createRequire(import.meta.url)('secp256k1/bindings.js') as typeof Native;
    return {
      name: 'secp256k1 (native)',
      recover: (signature, parity, message) => {
        try {
          return native.ecdsaRecover(signature, parity, message, false).subarray(1);
        } catch {
          return null;
        }
      },
    };
  } catch {
    return null; // No binary for this platform.
  }
}

export async function wasmRecovery(): Promise<Recovery> {
  const { instantiateSecp256k1 } = await import('@bitauth/libauth');
  const wasm = await instantiateSecp256k1();
  return {
    name: 'libauth (WASM)',
    recover: (signature, parity, message) => {
      const key = wasm.recoverPublicKeyUncompressed(signature, parity, message);
      return typeof key === 'string' ? null : key.subarray(1);
    },
  };
}

export const recovery: Recovery = nativeRecovery() ?? (await wasmRecovery());
