/** What sync's answers go through: nothing arrives that a node could not read, and nothing arrives changed. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { MAX_BLOCK_TRANSACTIONS, MAX_CERTIFICATE_BYTES, MAX_PAYLOAD_BYTES, type ProvenBlock } from '../../src/chain/block.ts';
import { MAX_SEAL_BYTES } from '../../src/chain/header.ts';
import { makeGenesis } from '../../src/simulator/genesis.ts';
import { drawOptions } from '../../src/simulator/options.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { TAG_KEYS } from '../../src/simulator/tags.ts';
import { blockByWire, headerByWire } from '../../src/simulator/wire.ts';

const options = drawOptions(new Random('wire'), powSubject, {}, TAG_KEYS);
/** With a header of its own. */
function newBlock(other: Partial<ProvenBlock> = {}): ProvenBlock {
  return { ...makeGenesis(powSubject, options).block, certificate: null, ...other };
}
const refused = expect.objectContaining({ code: 'decode/length' });

describe('a block on the wire', () => {
  it('arrives as it was sent, with its certificate', () => {
    const block = newBlock({ certificate: new Uint8Array(MAX_CERTIFICATE_BYTES), transactions: [Uint8Array.of(1, 2)] });
    expect(blockByWire(block)).toBe(block);
    expect(blockByWire({ ...block })).toEqual(block);
  });

  it('does not arrive because its header did', () => {
    const block = newBlock({ transactions: [Uint8Array.of(1, 2)] });
    headerByWire({ header: block.header, seal: block.seal });
    expect(blockByWire(block)).toBe(block);
    expect(() => blockByWire({ ...block, certificate: new Uint8Array(MAX_CERTIFICATE_BYTES + 1) })).toThrow(refused);
    expect(() => blockByWire({ ...block, payload: new Uint8Array(MAX_PAYLOAD_BYTES + 1) })).toThrow(refused);
    const transactions = Array.from({ length: MAX_BLOCK_TRANSACTIONS + 1 }, () => new Uint8Array(0));
    expect(() => blockByWire({ ...block, transactions })).toThrow(expect.objectContaining({ code: 'decode/too-many' }));
  });

  it('does not arrive with a certificate that nobody reads, whatever came with the same header before', () => {
    const block = newBlock();
    expect(blockByWire(block)).toBe(block);
    expect(() => blockByWire({ ...block, certificate: new Uint8Array(MAX_CERTIFICATE_BYTES + 1) })).toThrow(refused);
    expect(() => blockByWire({ ...block, seal: new Uint8Array(MAX_SEAL_BYTES + 1) })).toThrow(refused);
  });
});

it('a header does not arrive with a seal that nobody reads', () => {
  const { header, seal } = newBlock();
  expect(headerByWire({ header, seal })).toEqual({ header, seal });
  expect(() => headerByWire({ header, seal: new Uint8Array(MAX_SEAL_BYTES + 1) })).toThrow(refused);
});
