/**
 * A certificate for a block by one of its descendants: whoever proves a block final proves all before it. RLP after the mark 0xff:
 * [descendant's hash, its certificate]. Whoever checks it has the headers in between, as with every certificate of a finality gadget.
 */
import { concatBytes, fromHex, hashOf } from '../../base/bytes.ts';
import { DecodeError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import { bytesField, decodeRlp, encodeRlp, listField } from '../../chain/rlp.ts';
import type { HeaderNode, HeaderView } from '../../chain/tree.ts';
import type { Certificate } from '../engine.ts';
import { MARK } from './change.ts';

export interface Descent {
  readonly descendant: Hash;
  readonly certificate: Certificate;
}

/** Headers between the two, at most: carriers of some epochs, or blocks between two certificates of the next phase. */
const MAX_STEPS = 4_096;
const FIELDS = 2;

export function isDescent(certificate: Certificate): boolean {
  return certificate[0] === MARK;
}

export function encodeDescent(descendant: Hash, certificate: Certificate): Certificate {
  return concatBytes(Uint8Array.of(MARK), encodeRlp([fromHex(descendant), certificate]));
}

/** Throws DecodeError. */
export function decodeDescent(bytes: Certificate): Descent {
  const fields = listField(decodeRlp(bytes.subarray(1), 'a certificate by a descendant', 1), 'a certificate by a descendant', FIELDS);
  if (!isDescent(bytes) || fields.length !== FIELDS) {
    throw new DecodeError('decode/descent', 'Expected the hash of a descendant and its certificate.');
  }
  return { descendant: hashOf(bytesField(fields[0], 'descendant')), certificate: bytesField(fields[1], 'certificate') };
}

/** The ancestor at this height; undefined where a header on the way is missing, or too many are. */
export function ancestorAt(view: HeaderView, from: HeaderNode | undefined, height: number): HeaderNode | undefined {
  let at = from;
  for (let i = 0; at !== undefined && at.header.number > height; i++) {
    if (i === MAX_STEPS) return undefined;
    at = view.get(at.header.parentHash);
  }
  return at?.header.number === height ? at : undefined;
}
