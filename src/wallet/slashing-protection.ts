/**
 * What validators have signed, as a file that moves with their keys from one program to another: EIP-3076 ("Slashing
 * Protection Interchange Format", version 5).
 *
 * Here it is kept as low watermarks ("Advice for Minimal Databases"): of everything a file says about a key the greatest
 * slot, source and target, below which nothing is signed any more. That refuses at least what a complete history would.
 */
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { PUBLIC_KEY_BYTES, type PublicKey } from '../base/signatures.ts';
import { type Hash, quote } from '../base/types.ts';

/** Of one key; each -1 while it has signed nothing of the kind. */
export interface Watermark {
  /** Of the last proposal. */
  readonly slot: number;
  /** The greatest of all votes, each for itself. */
  readonly source: number;
  readonly target: number;
}

/** The JSON document. `genesis_validators_root` names the network; here it is the hash of the genesis block. */
export interface Interchange {
  readonly metadata: { readonly interchange_format_version: '5'; readonly genesis_validators_root: string };
  readonly data: readonly {
    readonly pubkey: string;
    readonly signed_blocks: readonly { readonly slot: string }[];
    readonly signed_attestations: readonly { readonly source_epoch: string; readonly target_epoch: string }[];
  }[];
}

const FORMAT_VERSION = '5';
/** Slots and epochs of the format have 64 bits; what does not fit a double can be no time of ours, but may be an attack. */
const MAX_TIME = Number.MAX_SAFE_INTEGER - 1;
const NOTHING: Watermark = { slot: -1, source: -1, target: -1 };

const Time = z
  .string()
  .regex(/^\d{1,20}$/, 'expected a number in decimal')
  .transform(Number)
  .refine((value) => value <= MAX_TIME, `expected at most ${MAX_TIME}`);
const Document = z.object({
  metadata: z.object({ interchange_format_version: z.string(), genesis_validators_root: z.string() }),
  data: z.array(
    z.object({
      pubkey: z
        .string()
        .regex(new RegExp(`^0x[0-9a-fA-F]{${2 * PUBLIC_KEY_BYTES}}$`), `expected 0x and ${2 * PUBLIC_KEY_BYTES} hex digits`),
      signed_blocks: z.array(z.object({ slot: Time })),
      signed_attestations: z.array(z.object({ source_epoch: Time, target_epoch: Time })),
    }),
  ),
});

/**
 * What the document (JSON, parsed) says of each key. Throws UsageError `slashing-protection/malformed`,
 * `slashing-protection/version` and, for a file of another network, `slashing-protection/wrong-network`.
 */
export function readInterchange(document: unknown, network: Hash): Map<PublicKey, Watermark> {
  const result = Document.safeParse(document);
  if (!result.success) {
    const { path = [], message = '' } = result.error.issues[0] ?? {};
    throw new UsageError('slashing-protection/malformed', `Not a file of EIP-3076: ${path.join('.') || 'it'}: ${message}.`);
  }
  const { metadata, data } = result.data;
  if (metadata.interchange_format_version !== FORMAT_VERSION) {
    const message = `The file has version ${quote(metadata.interchange_format_version)} of the format; expected ${FORMAT_VERSION}.`;
    throw new UsageError('slashing-protection/version', message);
  }
  if (metadata.genesis_validators_root.toLowerCase() !== network) {
    const message = `The file is about the network ${quote(metadata.genesis_validators_root)}, and not about ${network}. Nothing was taken from it.`;
    throw new UsageError('slashing-protection/wrong-network', message, { expected: network });
  }
  const watermarks = new Map<PublicKey, Watermark>();
  for (const { pubkey, signed_blocks, signed_attestations } of data) {
    const key = pubkey.toLowerCase() as PublicKey;
    // A key may come more than once.
    let mark = watermarks.get(key) ?? NOTHING;
    for (const { slot } of signed_blocks) mark = greaterOf(mark, { ...NOTHING, slot });
    for (const { source_epoch: source, target_epoch: target } of signed_attestations)
      mark = greaterOf(mark, { ...NOTHING, source, target });
    watermarks.set(key, mark);
  }
  return watermarks;
}

/** In the minimal form: one block and one vote of each key, as if it had signed the greatest of everything. */
export function writeInterchange(watermarks: Iterable<readonly [PublicKey, Watermark]>, network: Hash): Interchange {
  return {
    metadata: { interchange_format_version: FORMAT_VERSION, genesis_validators_root: network },
    data: [...watermarks].map(([pubkey, { slot, source, target }]) => ({
      pubkey,
      signed_blocks: slot < 0 ? [] : [{ slot: String(slot) }],
      // Both are set by the same votes.
      signed_attestations: target < 0 ? [] : [{ source_epoch: String(Math.max(0, source)), target_epoch: String(target) }],
    })),
  };
}

export function greaterOf(a: Watermark, b: Watermark): Watermark {
  return { slot: Math.max(a.slot, b.slot), source: Math.max(a.source, b.source), target: Math.max(a.target, b.target) };
}
