/**
 * What makes a header valid under proof-of-stake, as far as it and its parent can say; who may propose and what the payload may
 * contain needs the state: `transition.ts`. Sources: consensus-specs phase0 "process_block_header", p2p-interface
 * "MAXIMUM_GOSSIP_CLOCK_DISPARITY"; EIP-3675 (difficulty and nonce are zero), EIP-4399 (mixHash is the RANDAO mix).
 *
 * Invariants: a block's slot is above its parent's, and its timestamp is exactly when the slot begins.
 */
import { RuleError } from '../../base/errors.ts';
import type { Signatures } from '../../base/signatures.ts';
import { EMPTY_NONCE, type Header, hashHeader, type SealedHeader } from '../../chain/header.ts';
import type { ChainParams } from '../../chain/params.ts';
import { checkHeader } from '../../chain/rules.ts';
import type { Facts, HeaderNode } from '../../chain/tree.ts';
import type { TrustedBlock } from '../engine.ts';
import { decodeSeal, type Seal } from './codec.ts';
import type { PosSettings } from './settings.ts';
import type { Slot } from './types.ts';

/** Everything that the rules of one network depend on. */
export interface PosRules {
  readonly params: ChainParams;
  readonly settings: PosSettings;
  readonly signatures: Signatures;
  /** Of this node, not of the network: a block that its operator knows to be final. */
  readonly trusted?: TrustedBlock;
}

/** Code of the one rule that time alone can mend. */
export const FUTURE = 'pos/future';

/** How far the clocks of honest nodes may differ. */
export const MAX_CLOCK_DISPARITY_MS = 500;
/** keccak of the payload; there always is one. */
const COMMITMENT_DIGITS = 64;

/**
 * `carried` is the slot, `weight` the height. Throws RuleError; last of all with `blame: false` for a slot that has not begun by this
 * clock, so that a header that is only early is known to be right in everything else.
 */
export function verifyHeader({ params, settings, trusted }: PosRules, sealed: SealedHeader, parent: HeaderNode, wallMs: number): Facts {
  const { header } = sealed;
  checkHeader(header, parent.header, params);
  checkUnusedFields(header);
  verifySeal(sealed);
  const slots = (header.timestamp - parent.header.timestamp) / settings.slotSeconds;
  if (!Number.isSafeInteger(slots) || slots <= 0) {
    refuse(
      header,
      'slot',
      `time ${header.timestamp}`,
      `${parent.header.timestamp} (its parent's) and whole slots of ${settings.slotSeconds} s`,
    );
  }
  if (trusted !== undefined) checkTrusted(header, trusted);
  checkNotEarly(header, wallMs);
  return { weight: parent.facts.weight + 1n, carried: parent.facts.carried + BigInt(slots) };
}

/** Genesis is at height 0, in slot 0. */
export function genesisFacts(): Facts {
  return { weight: 0n, carried: 0n };
}

/** The slot of a header whose facts are known. */
export function slotOf({ facts }: { readonly facts: Facts }): Slot {
  return Number(facts.carried);
}

/** That the seal is well-formed; whose it must be, only the state says. Throws RuleError. */
export function verifySeal({ seal }: SealedHeader): Seal {
  return decodeSeal(seal);
}

function checkUnusedFields(header: Header): void {
  if (header.difficulty !== 0n) refuse(header, 'difficulty', `difficulty ${header.difficulty}`, '0');
  if (header.nonce !== EMPTY_NONCE) refuse(header, 'nonce', `nonce ${header.nonce}`, EMPTY_NONCE);
  if (header.extraData.length !== 2 + COMMITMENT_DIGITS)
    refuse(header, 'payload', `extraData ${header.extraData}`, 'the hash of a payload');
}

/** Nobody is to blame for another history than the operator's; but it is not followed. */
function checkTrusted(header: Header, trusted: TrustedBlock): void {
  const { number } = header;
  const hash = hashHeader(header);
  if ((number === trusted.number) === (hash === trusted.hash)) return;
  const message = `Block ${number} is ${hash}; the block that this node was told to trust is ${trusted.hash}, number ${trusted.number}.`;
  throw new RuleError('pos/checkpoint', message, { number }, { blame: false });
}

function checkNotEarly(header: Header, wallMs: number): void {
  const earlyMs = header.timestamp * 1_000 - wallMs;
  if (earlyMs <= MAX_CLOCK_DISPARITY_MS) return;
  throw new RuleError(
    FUTURE,
    `Block ${header.number} is of a slot that begins in ${earlyMs} ms by this node's clock; at most ${MAX_CLOCK_DISPARITY_MS} are allowed.`,
    { number: header.number, earlyMs },
    { blame: false },
  );
}

function refuse(header: Header, rule: string, got: string, expected: string): never {
  throw new RuleError(`pos/${rule}`, `Block ${header.number} has ${got}; expected ${expected}.`, { number: header.number });
}
