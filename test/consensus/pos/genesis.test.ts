import { describe, expect, it } from 'vitest';
import { hashHeader } from '../../../src/chain/header.ts';
import { proofMessage } from '../../../src/consensus/pos/contract.ts';
import { checkGenesisKeys, genesisState } from '../../../src/consensus/pos/genesis.ts';
import { parseSettings } from '../../../src/consensus/pos/settings.ts';
import { stateRoot } from '../../../src/consensus/pos/state-codec.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { codeOf, depositorAt, ETHER, header, signerAt } from './stake-chain.ts';

const validator = (index: number, fields: object = {}) => ({
  publicKey: signerAt(index).publicKey,
  depositor: depositorAt(index),
  ...fields,
});
const proof = (index: number, depositor = depositorAt(index)): string =>
  `0x${Buffer.from(signerAt(index).sign(proofMessage(1337, depositor, signerAt(index).publicKey))).toString('hex')}`;

describe('consensus/pos genesis', () => {
  it('starts with the validators of the file, active, and genesis justified and final', () => {
    const settings = parseSettings({ validators: [validator(0), validator(1, { stakeEther: 3_000 })] });
    const state = genesisState(settings, header());
    const genesis = { epoch: 0, root: hashHeader(header()) };
    expect(state).toMatchObject({ slot: 0, block: genesis.root, currentJustified: genesis, finalized: genesis, justificationBits: 1 });
    expect(state.balances).toEqual([32n * ETHER, 3_000n * ETHER]);
    expect(state.validators.map(({ effectiveBalance, activationEpoch }) => [effectiveBalance, activationEpoch])).toEqual([
      [32n * ETHER, 0],
      [2_048n * ETHER, 0],
    ]);
    expect([state.randaoMixes.length, state.slashings.length, state.blockRoots.length]).toEqual([8, 64, 32]);
  });

  it('is another state for another genesis block', () => {
    const settings = parseSettings({ validators: [validator(0)] });
    expect(stateRoot(genesisState(settings, header()))).not.toBe(stateRoot(genesisState(settings, header({ timestamp: 1 }))));
  });

  it('takes keys with a proof of possession, and without one', () => {
    const settings = parseSettings({ validators: [validator(0), validator(1, { signature: proof(1) })] });
    expect(codeOf(() => checkGenesisKeys(settings, 1337, TAG_KEYS.signatures))).toBeUndefined();
  });

  it.each<[string, string, object]>([
    ['genesis/pos-key', 'no public key', { publicKey: `0x${'00'.repeat(48)}` }],
    ['genesis/pos-proof', 'a proof for another depositor', { signature: proof(1, depositorAt(2)) }],
    ['genesis/pos-proof', 'a proof by another key', { signature: proof(2) }],
  ])('%s: %s', (code, _, fields) => {
    const settings = parseSettings({ validators: [validator(0), validator(1, fields)] });
    expect(codeOf(() => checkGenesisKeys(settings, 1337, TAG_KEYS.signatures))).toBe(code);
    expect(() => checkGenesisKeys(settings, 1337, TAG_KEYS.signatures)).toThrow(/validators\[1\]/);
  });
});
