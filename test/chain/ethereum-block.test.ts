/** Blocks in Ethereum's form: what geth wrote comes back to the byte, what synod adds is kept, the rest is refused. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RLP } from '@ethereumjs/rlp';
import { describe, expect, it } from 'vitest';
import { EMPTY } from '../../src/base/bytes.ts';
import { DecodeError } from '../../src/base/errors.ts';
import { type Hash, ZERO_HASH } from '../../src/base/types.ts';
import { type Block, MAX_BLOCK_BYTES } from '../../src/chain/block.ts';
import { decodeEthereumBlock, encodeEthereumBlock, listLength } from '../../src/chain/ethereum-block.ts';
import { EMPTY_TRIE_ROOT, hashHeader, headerFields } from '../../src/chain/header.ts';
import { ALICE, BOB, sign, transaction } from '../execution/support.ts';
import { buildChild, buildGenesis } from '../support/chain.ts';

const FOLDER = process.env.SYNOD_VECTORS ?? join(import.meta.dirname, '../../../shared/vectors');
const PUBLISHED = join(FOLDER, 'execution-apis', 'chain.rlp');
const present = existsSync(PUBLISHED);
if (!present) console.log(`skipped: the published chain is not at ${PUBLISHED} (set SYNOD_VECTORS)`);

type Rlp = Uint8Array | Rlp[];

const SHANGHAI = { withdrawalsRoot: EMPTY_TRIE_ROOT };
const PRAGUE = { ...SHANGHAI, blobGasUsed: 0n, excessBlobGas: 0n, parentBeaconBlockRoot: ZERO_HASH, requestsHash: ZERO_HASH };
const FEES = { nonce: 1, to: BOB.address, gasLimit: 21_000n };
const LEGACY = sign({ type: 0, ...FEES, gasPrice: 10n ** 10n }, ALICE);
const ACCESS_LIST = sign({ type: 1, ...FEES, gasPrice: 10n ** 10n, accessList: [] }, ALICE);
const DYNAMIC_FEE = transaction(ALICE, 0, BOB.address);
const TRANSACTIONS = [LEGACY, DYNAMIC_FEE, ACCESS_LIST];

/** Without a seal, unless one is named: proof-of-work has none. */
function block(fields: Partial<Block> = {}, header: object = PRAGUE): Block {
  const child = buildChild(buildGenesis(), { header }).block;
  return { ...child, seal: EMPTY, transactions: TRANSACTIONS, ...fields };
}

/** The RLP of a block whose parts behind the header are these. */
function bytesWith(...parts: Rlp[]): Uint8Array {
  return RLP.encode([headerFields(block().header) as Rlp, ...parts]);
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof DecodeError) return error.code;
    throw error;
  }
  return 'none';
}

describe('a block of Ethereum', () => {
  it.each([
    { since: 'London', header: {}, parts: 3 },
    { since: 'Shanghai', header: SHANGHAI, parts: 4 },
    { since: 'Prague', header: PRAGUE, parts: 4 },
  ])('since $since comes back as it was', ({ header, parts }) => {
    const whole = block({}, header);
    const bytes = encodeEthereumBlock(whole);
    expect(RLP.decode(bytes)).toHaveLength(parts);
    expect(decodeEthereumBlock(bytes)).toEqual(whole);
  });

  it('holds legacy transactions as lists and typed ones as byte strings', () => {
    const [, transactions] = RLP.decode(encodeEthereumBlock(block())) as Rlp[];
    expect(transactions).toEqual([RLP.decode(LEGACY), DYNAMIC_FEE, ACCESS_LIST]);
  });

  it('may be empty', () => {
    const empty = block({ transactions: [] });
    expect(decodeEthereumBlock(encodeEthereumBlock(empty))).toEqual(empty);
  });
});

describe('a block of an engine with a seal or a payload', () => {
  it.each([
    { what: 'both', fields: { seal: Uint8Array.of(1, 2, 3), payload: Uint8Array.of(4) } },
    { what: 'a seal', fields: { seal: Uint8Array.of(0) } },
    { what: 'a payload', fields: { payload: new Uint8Array(300).fill(7) } },
  ])('keeps $what as further items', ({ fields }) => {
    for (const header of [{}, PRAGUE]) {
      const whole = block(fields, header);
      const bytes = encodeEthereumBlock(whole);
      expect(RLP.decode(bytes)).toHaveLength(6);
      expect(decodeEthereumBlock(bytes)).toEqual(whole);
    }
  });
});

describe('what is refused', () => {
  const header = headerFields(block().header) as Rlp;
  const deep = (levels: number): Rlp => (levels === 0 ? [] : [deep(levels - 1)]);
  it.each([
    { what: 'uncles', bytes: bytesWith([], [header]), code: 'decode/uncles' },
    { what: 'withdrawals', bytes: bytesWith([], [], [[EMPTY, EMPTY, new Uint8Array(20), EMPTY]]), code: 'decode/withdrawals' },
    { what: 'too few parts', bytes: bytesWith([]), code: 'decode/block' },
    { what: 'too many parts', bytes: bytesWith([], [], [], EMPTY, EMPTY, EMPTY), code: 'decode/too-many' },
    { what: 'uncles that are no list', bytes: bytesWith([], EMPTY), code: 'decode/rlp' },
    { what: 'transactions that are no list', bytes: bytesWith(EMPTY, []), code: 'decode/rlp' },
    { what: 'a seal that is a list', bytes: bytesWith([], [], [], []), code: 'decode/rlp' },
    { what: 'a payload that is a list', bytes: bytesWith([], [], [], EMPTY, []), code: 'decode/rlp' },
    { what: 'a header that is no list', bytes: RLP.encode([EMPTY, [], []]), code: 'decode/header' },
    { what: 'lists in lists', bytes: bytesWith([], deep(2_000)), code: 'decode/too-deep' },
    { what: 'a byte string', bytes: RLP.encode(Uint8Array.of(1, 2)), code: 'decode/rlp' },
    { what: 'nothing', bytes: EMPTY, code: 'decode/rlp' },
    { what: 'a byte too many', bytes: Buffer.concat([encodeEthereumBlock(block()), Buffer.of(0)]), code: 'decode/rlp' },
    { what: 'more bytes than a block may have', bytes: new Uint8Array(MAX_BLOCK_BYTES + 1), code: 'decode/block-size' },
  ])('$what', ({ bytes, code }) => {
    expect(codeOf(() => decodeEthereumBlock(bytes))).toBe(code);
  });

  it('a block that is cut off anywhere', () => {
    const bytes = encodeEthereumBlock(block());
    for (let length = 0; length < bytes.length; length++) {
      expect(codeOf(() => decodeEthereumBlock(bytes.subarray(0, length)))).toMatch(/^decode\//);
    }
  });
});

describe('the length of the list that begins here', () => {
  it.each([0, 1, 55, 56, 255, 256, 65_535, 65_536])('is right for %i bytes, however few of them are there', (content) => {
    const list = RLP.encode([new Uint8Array(content).fill(0x80)]);
    let answers = 0;
    for (let known = 0; known <= Math.min(list.length, 9); known++) {
      const length = listLength(list.subarray(0, known), MAX_BLOCK_BYTES);
      if (length === null) expect(answers).toBe(0);
      else expect(length).toBe(list.length);
      if (length !== null) answers++;
    }
    expect(answers).toBeGreaterThan(0);
  });

  it('is bounded, and only lists have one', () => {
    expect(codeOf(() => listLength(Buffer.alloc(9, 0xff), MAX_BLOCK_BYTES))).toBe('decode/block-size');
    expect(codeOf(() => listLength(Buffer.of(0xf8, 101), 100))).toBe('decode/block-size');
    expect(listLength(Buffer.of(0xf8, 100), 100)).toBe(102);
    for (const byte of [0x00, 0x7f, 0x80, 0xb8, 0xbf]) expect(codeOf(() => listLength(Buffer.of(byte), 100))).toBe('decode/rlp');
  });
});

describe.skipIf(!present)('the chain that geth wrote', () => {
  it('comes back to the byte, linked from block to block, but for what synod has not', () => {
    let rest: Uint8Array = readFileSync(PUBLISHED);
    let parent: Hash | null = null;
    const refused = new Map<string, number>();
    let same = 0;
    while (rest.length > 0) {
      const length = listLength(rest, MAX_BLOCK_BYTES) ?? rest.length;
      const bytes = rest.subarray(0, length);
      rest = rest.subarray(length);
      // As it came, whatever it has.
      expect(Buffer.compare(encodeEthereumBlock(decodeEthereumBlock(bytes, { foreign: true })), bytes)).toBe(0);
      const code = codeOf(() => decodeEthereumBlock(bytes));
      if (code !== 'none') {
        refused.set(code, (refused.get(code) ?? 0) + 1);
        parent = null;
        continue;
      }
      const decoded = decodeEthereumBlock(bytes);
      expect(Buffer.compare(encodeEthereumBlock(decoded), bytes)).toBe(0);
      if (parent !== null) expect(decoded.header.parentHash).toBe(parent);
      parent = hashHeader(decoded.header);
      same++;
    }
    expect([...refused.keys()].filter((code) => code !== 'decode/uncles' && code !== 'decode/withdrawals')).toEqual([]);
    expect(same).toBeGreaterThan(20);
  });
});
