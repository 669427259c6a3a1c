/**
 * What the settings of every permissioned engine have in common: its members, and when blocks are made.
 *   "members": [{ "node": "<peer id>", "publicKey": "0x..", "proofOfPossession": "0x.." }, ...]
 */
import { toHex } from '../../base/bytes.ts';
import { UsageError } from '../../base/errors.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, type Signatures } from '../../base/signatures.ts';
import { NodeId } from '../../base/types.ts';
import type { SettingsReader } from '../settings-reader.ts';
import { MAX_MEMBERS } from '../votes.ts';
import { MAX_NODE_CHARACTERS } from './changes.ts';
import { type Faults, type Member, Membership } from './membership.ts';
import { possessionMessage } from './possession.ts';

/** Names of the settings that are read here, for `SettingsReader`. */
export const COMMON_SETTINGS = ['members', 'blockIntervalMs', 'emptyBlockMs'] as const;

export interface CommonSettings {
  readonly membership: Membership;
  /** The least time from one block to the next. 0: as soon as there is work. */
  readonly blockIntervalMs: number;
  /** A block is made after so long even without transactions. 0: never. */
  readonly emptyBlockMs: number;
}

const KNOWN_OF_MEMBER = ['node', 'publicKey', 'proofOfPossession'];
const MAX_INTERVAL_MS = 3_600_000;
/** With fewer, the loss of one stops the network: f crashed need 2f + 1, f Byzantine 3f + 1. */
const FEWEST = { crash: 3, byzantine: 4 } as const;

/** Throws UsageError: `members/too-few`, `members/even`, `members/duplicate`, `members/key`, or `genesis/<engine>` for what is malformed. */
export function readCommonSettings(reader: SettingsReader, faults: Faults, signatures: Signatures): CommonSettings {
  const members = reader.list('members', MAX_MEMBERS, KNOWN_OF_MEMBER).map((item) => memberOf(item, faults, signatures));
  checkMembers(members, faults);
  return {
    membership: new Membership(members, faults),
    blockIntervalMs: reader.integer('blockIntervalMs', 0, 0, MAX_INTERVAL_MS),
    emptyBlockMs: reader.integer('emptyBlockMs', 0, 0, MAX_INTERVAL_MS),
  };
}

function memberOf(reader: SettingsReader, faults: Faults, signatures: Signatures): Member {
  const node = NodeId(reader.text('node', MAX_NODE_CHARACTERS));
  const publicKey = toHex(reader.bytes('publicKey', PUBLIC_KEY_BYTES));
  if (!signatures.isPublicKey(publicKey)) {
    throw new UsageError('members/key', `The key ${publicKey} of member ${node} is no BLS public key; expected a point of G1.`, { node });
  }
  // Where members may lie, one could name a key that cancels those of others in a sum.
  if (faults === 'byzantine' || reader.has('proofOfPossession')) {
    const signature = reader.bytes('proofOfPossession', SIGNATURE_BYTES);
    if (!signatures.verify({ publicKeys: [publicKey], message: possessionMessage(publicKey), signature })) {
      throw new UsageError('members/possession', `The proof of possession of member ${node} is not one for its key ${publicKey}.`, {
        node,
      });
    }
  }
  return { node, publicKey };
}

function checkMembers(members: readonly Member[], faults: Faults): void {
  const { length } = members;
  if (length < FEWEST[faults]) {
    const message = `${length} members are named; expected at least ${FEWEST[faults]}, so that the network bears the fault of one.`;
    throw new UsageError('members/too-few', message, { members: length });
  }
  if (faults === 'crash' && length % 2 === 0) {
    const message = `${length} members are named; expected an odd number: ${length} bear the loss of no more than ${length - 1} do.`;
    throw new UsageError('members/even', message, { members: length });
  }
  for (const field of ['node', 'publicKey'] as const) {
    const twice = members.find((member, i) => members.findIndex((other) => other[field] === member[field]) !== i);
    if (twice === undefined) continue;
    throw new UsageError('members/duplicate', `The ${field} ${twice[field]} is named twice; every member has its own.`, {
      [field]: twice[field],
    });
  }
}
