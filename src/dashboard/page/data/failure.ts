/** Why a question has no answer. The code is the JSON-RPC error's, or one of ours: `unreachable`, `timeout`, `busy`. */
import { plain } from '../model/text.ts';

export class Failure extends Error {
  readonly code: number | 'unreachable' | 'timeout' | 'busy';
  /** Bytes that a reverted call returned. */
  readonly data: string | null;
  /** The supervisor's own code, such as `testnet/token`; empty where there is none. */
  readonly kind: string;

  constructor(code: Failure['code'], message: string, data: string | null = null, kind = '') {
    super(message);
    this.name = 'Failure';
    this.code = code;
    this.data = data;
    this.kind = kind;
  }
}

/** JSON-RPC's word for a method that is not there, or not open to us. */
export const NO_METHOD = -32_601;

export function sentenceOf(error: unknown): string {
  return plain(error instanceof Error ? error.message : String(error));
}
