/** EIP-3076: the published vectors against the engine's own rule of what may be signed, and files that are wrong. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PublicKey } from '../../src/base/signatures.ts';
import { Hash } from '../../src/base/types.ts';
import { type History, mayPropose, mayVote, noteProposal, noteSigned, noteVote } from '../../src/consensus/pos/protection.ts';
import { greaterOf, readInterchange, writeInterchange } from '../../src/wallet/slashing-protection.ts';
import { codeOf } from './support.ts';

const FOLDER = join(process.env.SYNOD_VECTORS ?? join(import.meta.dirname, '../../../shared/vectors'), 'slashing-protection');

interface Expectation {
  readonly pubkey: PublicKey;
  /** Of a database with watermarks, and of one with everything. */
  readonly should_succeed: boolean;
  readonly should_succeed_complete: boolean;
}
interface Vector {
  readonly genesis_validators_root: string;
  readonly steps: readonly {
    readonly should_succeed: boolean;
    readonly interchange: unknown;
    readonly blocks: readonly (Expectation & { readonly slot: string })[];
    readonly attestations: readonly (Expectation & { readonly source_epoch: string; readonly target_epoch: string })[];
  }[];
}

function imported(history: History, document: unknown, network: Hash): boolean {
  try {
    for (const [key, mark] of readInterchange(document, network)) noteSigned(history, key, mark);
    return true;
  } catch {
    return false;
  }
}

// The vectors are not part of the repository; SYNOD_VECTORS names their folder.
describe.skipIf(!existsSync(FOLDER))('the vectors of EIP-3076', () => {
  const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith('.json')) : [];

  test('are all there', () => {
    expect(files.length).toBeGreaterThanOrEqual(26);
  });

  test.each(files)('%s', (file) => {
    const vector = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Vector;
    const history: History = new Map();
    for (const { should_succeed, interchange, blocks, attestations } of vector.steps) {
      expect(imported(history, interchange, Hash(vector.genesis_validators_root))).toBe(should_succeed);
      for (const { pubkey, slot, ...expected } of blocks) {
        const allowed = mayPropose(history, pubkey, Number(slot));
        check(`block ${slot}`, allowed, expected);
        if (allowed) noteProposal(history, pubkey, Number(slot));
      }
      for (const { pubkey, source_epoch, target_epoch, ...expected } of attestations) {
        const [source, target] = [Number(source_epoch), Number(target_epoch)];
        const allowed = mayVote(history, pubkey, source, target);
        check(`vote ${source} to ${target}`, allowed, expected);
        if (allowed) noteVote(history, pubkey, source, target);
      }
    }
  });

  function check(what: string, allowed: boolean, { should_succeed, should_succeed_complete }: Omit<Expectation, 'pubkey'>): void {
    expect({ what, allowed }).toEqual({ what, allowed: should_succeed });
    // Watermarks may refuse more than a complete history, but never less.
    if (allowed) expect({ what, complete: should_succeed_complete }).toEqual({ what, complete: true });
  }
});

const NETWORK = Hash(`0x${'4e'.repeat(32)}`);
const KEY = `0x${'a1'.repeat(48)}` as PublicKey;
const OTHER = `0x${'b2'.repeat(48)}` as PublicKey;

function document(changes: object = {}, data: unknown = [entry()]): unknown {
  return { metadata: { interchange_format_version: '5', genesis_validators_root: NETWORK, ...changes }, data };
}

function entry(changes: object = {}): object {
  return { pubkey: KEY, signed_blocks: [{ slot: '7' }], signed_attestations: [{ source_epoch: '2', target_epoch: '3' }], ...changes };
}

describe('a file', () => {
  test('is read as the greatest of everything that it says of a key', () => {
    const data = [
      entry({ signed_blocks: [{ slot: '9' }, { slot: '7', signing_root: '0x00' }] }),
      entry({ pubkey: OTHER, signed_blocks: [], signed_attestations: [] }),
      entry({
        pubkey: `0x${'A1'.repeat(48)}`,
        signed_attestations: [
          { source_epoch: '1', target_epoch: '8' },
          { source_epoch: '4', target_epoch: '5' },
        ],
      }),
    ];
    expect([...readInterchange(document({}, data), NETWORK)]).toEqual([
      [KEY, { slot: 9, source: 4, target: 8 }],
      [OTHER, { slot: -1, source: -1, target: -1 }],
    ]);
  });

  test('is about its network, in any case of its digits', () => {
    expect(readInterchange(document({ genesis_validators_root: NETWORK.toUpperCase().replace('X', 'x') }), NETWORK).size).toBe(1);
    const other = document({ genesis_validators_root: `0x${'00'.repeat(32)}` });
    expect(codeOf(() => readInterchange(other, NETWORK))).toBe('slashing-protection/wrong-network');
  });

  test.each(['4', '6', ''])('of version "%s" is refused', (version) => {
    expect(codeOf(() => readInterchange(document({ interchange_format_version: version }), NETWORK))).toBe('slashing-protection/version');
  });

  test.each<[string, unknown]>([
    ['nothing', null],
    ['a list', []],
    ['no metadata', { data: [] }],
    ['no data', { metadata: { interchange_format_version: '5', genesis_validators_root: NETWORK } }],
    ['a version that is a number', document({ interchange_format_version: 5 })],
    ['a short key', document({}, [entry({ pubkey: '0xa1' })])],
    ['a key without 0x', document({}, [entry({ pubkey: 'a1'.repeat(48) })])],
    ['no list of blocks', document({}, [entry({ signed_blocks: undefined })])],
    ['no list of votes', document({}, [entry({ signed_attestations: null })])],
    ['a slot that is a number', document({}, [entry({ signed_blocks: [{ slot: 7 }] })])],
    ['a negative slot', document({}, [entry({ signed_blocks: [{ slot: '-1' }] })])],
    ['a slot in hex', document({}, [entry({ signed_blocks: [{ slot: '0x7' }] })])],
    ['a slot beyond counting', document({}, [entry({ signed_blocks: [{ slot: '18446744073709551615' }] })])],
    ['a slot of many digits', document({}, [entry({ signed_blocks: [{ slot: '9'.repeat(100_000) }] })])],
    ['half a vote', document({}, [entry({ signed_attestations: [{ source_epoch: '2' }] })])],
  ])('with %s is refused whole', (_name, bad) => {
    expect(codeOf(() => readInterchange(bad, NETWORK))).toBe('slashing-protection/malformed');
  });

  test('that is written says the same when it is read', () => {
    const marks = new Map([
      [KEY, { slot: 9, source: 4, target: 8 }],
      [OTHER, { slot: -1, source: 0, target: 0 }],
      [`0x${'c3'.repeat(48)}` as PublicKey, { slot: 0, source: -1, target: -1 }],
    ]);
    const written = writeInterchange(marks, NETWORK);
    expect(readInterchange(JSON.parse(JSON.stringify(written)), NETWORK)).toEqual(marks);
    expect(written.data[0]).toEqual({
      pubkey: KEY,
      signed_blocks: [{ slot: '9' }],
      signed_attestations: [{ source_epoch: '4', target_epoch: '8' }],
    });
  });
});

test('of two watermarks the greater is taken field by field', () => {
  expect(greaterOf({ slot: 1, source: 5, target: -1 }, { slot: 2, source: 3, target: 0 })).toEqual({ slot: 2, source: 5, target: 0 });
});
