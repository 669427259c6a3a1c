/**
 * A change that members agree on while the chain runs: the phase that it ends, the engine that goes on (whole settings, as in a
 * genesis file), and the members who approve of it. It rides in the payload of a block; that block, once final, is the anchor.
 *
 * One member's approval is enough where members only crash: whoever operates one may change them, as with etcd. Where they may lie,
 * a quorum has to approve, so that no faulty member can take the chain anywhere.
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { concatBytes } from '../../base/bytes.ts';
import { DecodeError, RuleError, SynodError } from '../../base/errors.ts';
import type { Signatures } from '../../base/signatures.ts';
import type { Json } from '../../base/types.ts';
import type { ChainParams, EngineSettings } from '../../chain/params.ts';
import { bytesField, decodeRlp, encodeRlp, listField, safeNumber } from '../../chain/rlp.ts';
import type { Faults, Membership } from '../members/membership.ts';
import { readCommonSettings } from '../members/settings.ts';
import { SettingsReader } from '../settings-reader.ts';
import { Electorate, type Votes } from '../votes.ts';
import { engineFrom } from './plan.ts';

export interface Change {
  /** The number of the phase that it ends. */
  readonly phase: number;
  readonly engine: EngineSettings;
}

export interface ApprovedChange extends Change {
  /** Of members of that phase, over `statementOf`. */
  readonly votes: Votes;
}

/** No payload of an engine and none of its messages begin with it: as RLP it would announce a list of 2^56 bytes. */
export const MARK = 0xff;
const FORMAT = 1;
const FIELDS = 4;
/** 255 members with their keys and proofs, twice over. */
export const MAX_ENGINE_BYTES = 256 * 1024;
export const STATEMENT_BYTES = 32;

export function isChange(payload: Uint8Array): boolean {
  return payload[0] === MARK;
}

/** The same for the same settings, however they were written down. */
export function engineBytes({ name, settings }: EngineSettings): Uint8Array {
  return utf8ToBytes(JSON.stringify(ordered({ ...settings, name })));
}

export function statementOf({ phase, engine }: Change): Uint8Array {
  return keccak_256(encodeRlp([utf8ToBytes('synod/change'), phase, engineBytes(engine)]));
}

export function encodeChange(council: Electorate, { phase, engine, votes }: ApprovedChange): Uint8Array {
  return concatBytes(Uint8Array.of(MARK), encodeRlp([FORMAT, phase, engineBytes(engine), council.encode(votes)]));
}

/** Throws DecodeError for what is no change. Whether it holds is another question. */
export function decodeChange(council: Electorate, payload: Uint8Array): ApprovedChange {
  const fields = listField(decodeRlp(payload.subarray(1), 'a change', 1), 'a change', FIELDS);
  if (!isChange(payload) || fields.length !== FIELDS || safeNumber(bytesField(fields[0], 'format'), 'format') !== FORMAT) {
    throw new DecodeError('phases/change-encoding', `Expected a change of format ${FORMAT}.`);
  }
  const phase = safeNumber(bytesField(fields[1], 'phase'), 'phase');
  return { phase, engine: decodeEngine(bytesField(fields[2], 'engine')), votes: council.decode(bytesField(fields[3], 'approvals')) };
}

/** Throws DecodeError `phases/change-encoding` unless these are the bytes that `engineBytes` writes. */
export function decodeEngine(bytes: Uint8Array): EngineSettings {
  try {
    if (bytes.length > MAX_ENGINE_BYTES) throw new DecodeError('phases/change-encoding', `${bytes.length} bytes of settings.`);
    const engine = engineFrom(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json, 'engine');
    if (engineBytes(engine).length === bytes.length) return engine;
  } catch (cause) {
    if (!(cause instanceof SynodError || cause instanceof SyntaxError || cause instanceof TypeError)) throw cause;
  }
  throw new DecodeError('phases/change-encoding', 'The settings of a change are not those of an engine, in canonical JSON.');
}

/** Those who decide under these settings. Throws UsageError for settings without members, and as `readCommonSettings` does. */
export function membershipOf({ name, settings }: EngineSettings, faults: Faults, signatures: Signatures): Membership {
  return readCommonSettings(new SettingsReader(name, settings, Object.keys(settings)), faults, signatures).membership;
}

/** Who may approve of a change that ends a phase with these members. */
export function approversOf(params: ChainParams, membership: Membership, signatures: Signatures): Electorate {
  const { members, faults, quorum } = membership;
  return new Electorate({
    params: { genesisHash: params.genesisHash, engine: { name: 'change', settings: {} } },
    signatures,
    keys: members.map(({ publicKey }) => publicKey),
    quorum: faults === 'crash' ? 1 : quorum,
    statementBytes: STATEMENT_BYTES,
  });
}

export function notApproved(detail: string): RuleError {
  return new RuleError('phases/change-unapproved', `A block carries a change of engine that members did not approve: ${detail}.`);
}

function ordered(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(ordered);
  const fields = value as { readonly [key: string]: Json };
  return Object.fromEntries(
    Object.keys(fields)
      .sort()
      .map((key) => [key, ordered(fields[key] ?? null)]),
  );
}
