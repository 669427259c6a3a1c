/** Encodings: what is encoded comes back, what is decoded encodes to the same bytes, and hostile bytes are DecodeErrors. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/base/bytes.ts';
import { DecodeError } from '../../../src/base/errors.ts';
import type { Address, Hash } from '../../../src/base/types.ts';
import { MAX_PAYLOAD_BYTES } from '../../../src/chain/block.ts';
import { encodeRlp } from '../../../src/chain/rlp.ts';
import {
  decodeOffence,
  decodePayload,
  decodeSeal,
  encodeOffence,
  encodePayload,
  encodeSeal,
  MAX_EVIDENCE_BYTES,
} from '../../../src/consensus/pos/codec.ts';
import {
  MAX_ATTESTATIONS,
  MAX_COMMITTEE_SIZE,
  MAX_COMMITTEES_PER_SLOT,
  MAX_OFFENCES,
  MAX_REPORTS,
  MAX_REQUESTS,
  MAX_VALIDATORS,
  MAX_WITHDRAWALS,
} from '../../../src/consensus/pos/settings.ts';
import type { Attestation, Offence, Payload, Request } from '../../../src/consensus/pos/types.ts';

const numbers = fc.oneof(fc.nat(), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
const amounts = fc.bigInt({ min: 0n, max: 2n ** 96n - 1n });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hashes = bytes(32).map((each) => toHex(each) as Hash);
const addresses = bytes(20).map((each) => toHex(each) as Address);
const keys = bytes(48).map(toHex);
const signatures = bytes(96);
const checkpoints = fc.record({ epoch: numbers, root: hashes });
const data = fc.record({ slot: numbers, committee: numbers, head: hashes, source: checkpoints, target: checkpoints });
const attestations: fc.Arbitrary<Attestation> = fc.record({ data, bits: fc.uint8Array({ maxLength: 256 }), signature: signatures });
const indexed = fc.record({ data, indices: fc.array(numbers, { maxLength: 20 }), signature: signatures });
const proposals = fc.record({ proposer: numbers, slot: numbers, block: hashes, signature: signatures });
const offences: fc.Arbitrary<Offence> = fc.oneof(
  fc.record({ type: fc.constant('proposals' as const), first: proposals, second: proposals }),
  fc.record({ type: fc.constant('votes' as const), first: indexed, second: indexed }),
);
const requests: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ type: fc.constant('deposit' as const), publicKey: keys, depositor: addresses, amount: amounts, signature: signatures }),
  fc.record({ type: fc.constant('topUp' as const), publicKey: keys, amount: amounts }),
  fc.record({ type: fc.constant('exit' as const), publicKey: keys, sender: addresses }),
  fc.record({ type: fc.constant('withdraw' as const), publicKey: keys, sender: addresses }),
  fc.record({ type: fc.constant('report' as const), evidence: fc.uint8Array({ maxLength: 200 }), reporter: addresses }),
);
const payloads: fc.Arbitrary<Payload> = fc.record({
  randaoReveal: signatures,
  parentState: hashes,
  votersRoot: hashes,
  attestations: fc.array(attestations, { maxLength: 4 }),
  offences: fc.array(offences, { maxLength: 3 }),
  requests: fc.array(requests, { maxLength: 5 }),
  withdrawals: fc.array(fc.record({ validator: numbers, to: addresses, amount: amounts }), { maxLength: 4 }),
});
const seals = fc.record({ proposer: numbers, signature: signatures });

interface Codec {
  readonly name: string;
  readonly values: fc.Arbitrary<unknown>;
  readonly encode: (value: never) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}

const CODECS: readonly Codec[] = [
  { name: 'offence', values: offences, encode: encodeOffence, decode: decodeOffence },
  { name: 'payload', values: payloads, encode: encodePayload, decode: decodePayload },
  { name: 'seal', values: seals, encode: encodeSeal, decode: decodeSeal },
];

/** Whatever these bytes are: a DecodeError, or a value that encodes to them. */
function check({ encode, decode }: Codec, hostile: Uint8Array): void {
  let value: unknown;
  try {
    value = decode(hostile);
  } catch (error) {
    expect(error).toBeInstanceOf(DecodeError);
    return;
  }
  expect(encode(value as never)).toEqual(hostile);
}

/** One change of bytes that were an encoding. */
const damage = fc.oneof(
  fc.tuple(fc.constant('flip' as const), fc.nat(), fc.integer({ min: 1, max: 255 })),
  fc.tuple(fc.constant('cut' as const), fc.nat(), fc.constant(0)),
  fc.tuple(fc.constant('insert' as const), fc.nat(), fc.integer({ min: 0, max: 255 })),
);

function damaged(encoded: Uint8Array, [kind, place, byte]: readonly ['flip' | 'cut' | 'insert', number, number]): Uint8Array {
  const at = place % encoded.length;
  if (kind === 'cut') return encoded.slice(0, at);
  if (kind === 'insert') return Uint8Array.from([...encoded.slice(0, at), byte, ...encoded.slice(at)]);
  const changed = encoded.slice();
  changed[at] = (changed[at] ?? 0) ^ byte;
  return changed;
}

describe('consensus/pos codec', () => {
  it.each(CODECS)('$name: comes back as it was', ({ values, encode, decode }) => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decode(encode(value as never))).toEqual(value);
      }),
    );
  });

  it.each(CODECS)('$name: damaged encodings are refused or are other encodings', (codec) => {
    fc.assert(
      fc.property(codec.values, damage, (value, change) => check(codec, damaged(codec.encode(value as never), change))),
      {
        numRuns: 400,
      },
    );
  });

  it.each(CODECS)('$name: any bytes and any RLP are refused or are its encoding', (codec) => {
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof({ depthSize: 'small' }, fc.uint8Array({ maxLength: 40 }), fc.array(tie('tree'), { maxLength: 7 })),
    }));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (hostile) => check(codec, hostile)));
    fc.assert(fc.property(tree, (value) => check(codec, encodeRlp(value as never))));
  });

  it('refuses what is too large before it decodes it', () => {
    const codes = [
      [decodeOffence, MAX_EVIDENCE_BYTES],
      [decodePayload, MAX_PAYLOAD_BYTES],
      [decodeSeal, 128],
    ].map(([decode, limit]) => {
      try {
        (decode as (bytes: Uint8Array) => unknown)(new Uint8Array((limit as number) + 1));
        return undefined;
      } catch (error) {
        return (error as DecodeError).code;
      }
    });
    expect(codes).toEqual(['decode/length', 'decode/length', 'decode/length']);
  });

  it('has room for all that a payload may have to carry, each as large as can be', () => {
    const far = Number.MAX_SAFE_INTEGER;
    const root = `0x${'ff'.repeat(32)}` as Hash;
    const point = { epoch: far, root };
    const full = { slot: far, committee: MAX_COMMITTEES_PER_SLOT, head: root, source: point, target: point };
    const signature = new Uint8Array(96);
    const [publicKey, depositor] = [`0x${'ab'.repeat(48)}`, `0x${'cd'.repeat(20)}` as Address] as const;
    const vote = { data: full, indices: Array.from({ length: MAX_COMMITTEE_SIZE }, (_, i) => MAX_VALIDATORS - 1 - i).reverse(), signature };
    const offence: Offence = { type: 'votes', first: vote, second: vote };
    expect(encodeOffence(offence).length).toBeLessThanOrEqual(MAX_EVIDENCE_BYTES);
    const report: Request = { type: 'report', evidence: new Uint8Array(MAX_EVIDENCE_BYTES), reporter: depositor };
    const deposit: Request = { type: 'deposit', publicKey, depositor, amount: 2n ** 96n - 1n, signature };
    const bits = new Uint8Array(MAX_COMMITTEE_SIZE / 8).fill(255);
    const largest: Payload = {
      randaoReveal: signature,
      parentState: root,
      votersRoot: root,
      attestations: Array.from({ length: MAX_ATTESTATIONS }, () => ({ data: full, bits, signature })),
      offences: Array.from({ length: MAX_OFFENCES }, () => offence),
      requests: Array.from({ length: MAX_REQUESTS }, (_, i) => (i < MAX_REPORTS ? report : deposit)),
      withdrawals: Array.from({ length: MAX_WITHDRAWALS }, () => ({ validator: MAX_VALIDATORS, to: depositor, amount: 2n ** 96n - 1n })),
    };
    const encoded = encodePayload(largest);
    expect(encoded.length).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
    expect(decodePayload(encoded).requests).toHaveLength(MAX_REQUESTS);
  });

  const [payload] = fc.sample(payloads, { numRuns: 1, seed: 1 }) as [Payload];
  const [attestation] = fc.sample(attestations, { numRuns: 1, seed: 1 }) as [Attestation];
  const proposal = { proposer: 1, slot: 2, block: `0x${'00'.repeat(32)}` as Hash, signature: new Uint8Array(96) };

  it.each<[string, Partial<Payload>]>([
    ['attestations', { attestations: Array.from({ length: MAX_ATTESTATIONS + 1 }, () => attestation) }],
    [
      'offences',
      { offences: Array.from({ length: MAX_OFFENCES + 1 }, () => ({ type: 'proposals' as const, first: proposal, second: proposal })) },
    ],
    [
      'requests',
      {
        requests: Array.from({ length: MAX_REQUESTS + 1 }, () => ({
          type: 'topUp' as const,
          publicKey: `0x${'00'.repeat(48)}` as const,
          amount: 1n,
        })),
      },
    ],
  ])('refuses more %s than a payload has room for', (_, changes) => {
    expect(() => decodePayload(encodePayload({ ...payload, ...changes }))).toThrow(/at most/);
  });

  it('has room for evidence against two of the largest committees', () => {
    const indices = Array.from({ length: MAX_COMMITTEE_SIZE }, (_, i) => 262_143 - i);
    const root = `0x${'ff'.repeat(32)}` as Hash;
    const checkpoint = { epoch: 2 ** 50, root };
    const vote = {
      data: { slot: 2 ** 50, committee: 63, head: root, source: checkpoint, target: checkpoint },
      indices,
      signature: new Uint8Array(96),
    };
    const encoded = encodeOffence({ type: 'votes', first: vote, second: vote });
    expect(encoded.length).toBeLessThanOrEqual(MAX_EVIDENCE_BYTES);
    expect(decodeOffence(encoded)).toEqual({ type: 'votes', first: vote, second: vote });
  });

  it('refuses kinds that there are not', () => {
    expect(() => decodeOffence(encodeRlp([2, [], []]))).toThrow(/kind/);
    const unknown = encodeRlp([payload.randaoReveal, new Uint8Array(32), new Uint8Array(32), [], [], [[5, new Uint8Array(48)]], []]);
    expect(() => decodePayload(unknown)).toThrow(/kind/);
  });
});
