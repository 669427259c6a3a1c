/** A signature is good for one kind of message, on one chain, in one epoch. */
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/base/bytes.ts';
import { attestationRoot, proposalRoot, randaoRoot, selectionRoot } from '../../../src/consensus/pos/signing.ts';
import type { AttestationData } from '../../../src/consensus/pos/types.ts';
import { someHash } from './stake-chain.ts';

const CHAIN = { chainId: 1337, genesisHash: someHash(1) };
const DATA: AttestationData = {
  slot: 9,
  committee: 0,
  head: someHash(2),
  source: { epoch: 1, root: someHash(3) },
  target: { epoch: 2, root: someHash(4) },
};

describe('consensus/pos signing', () => {
  it('gives every message its own root', () => {
    const roots = [
      proposalRoot(CHAIN, 2, 9, someHash(2)),
      proposalRoot(CHAIN, 2, 8, someHash(2)),
      proposalRoot(CHAIN, 2, 9, someHash(3)),
      attestationRoot(CHAIN, DATA),
      attestationRoot(CHAIN, { ...DATA, slot: 10 }),
      attestationRoot(CHAIN, { ...DATA, committee: 1 }),
      attestationRoot(CHAIN, { ...DATA, head: someHash(5) }),
      attestationRoot(CHAIN, { ...DATA, source: { ...DATA.source, epoch: 0 } }),
      attestationRoot(CHAIN, { ...DATA, source: { ...DATA.source, root: someHash(5) } }),
      attestationRoot(CHAIN, { ...DATA, target: { ...DATA.target, epoch: 3 } }),
      attestationRoot(CHAIN, { ...DATA, target: { ...DATA.target, root: someHash(5) } }),
      randaoRoot(CHAIN, 2),
      randaoRoot(CHAIN, 9),
      selectionRoot(CHAIN, 2, 9),
      selectionRoot(CHAIN, 2, 8),
    ];
    for (const root of roots) expect(root.length).toBe(32);
    expect(new Set(roots.map(toHex)).size).toBe(roots.length);
  });

  it.each([
    ['chain id', { ...CHAIN, chainId: 1 }],
    ['genesis', { ...CHAIN, genesisHash: someHash(9) }],
  ])('differs by %s', (_, chain) => {
    const all = (of: typeof CHAIN): string[] =>
      [proposalRoot(of, 2, 9, someHash(2)), attestationRoot(of, DATA), randaoRoot(of, 2), selectionRoot(of, 2, 9)].map(toHex);
    const here = all(CHAIN);
    for (const [i, root] of all(chain).entries()) expect(root).not.toBe(here[i]);
  });
});
