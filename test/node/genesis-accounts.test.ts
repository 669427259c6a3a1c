/** What the settings of proof-of-stake and the staking contract's storage both say in a genesis document must be the same. */
import { expect, it } from 'vitest';
import { UsageError } from '../../src/base/errors.ts';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { MINIMUM_DEPOSIT_SLOT, STAKING_ADDRESS } from '../../src/consensus/pos/contract.ts';
import { parseGenesis } from '../../src/execution/genesis-document.ts';
import { openChain } from '../../src/node/chain.ts';
import { checkEngineAccounts, engineAccounts, engineAccountsAdvice } from '../../src/node/genesis-accounts.ts';
import { devValidatorKeys } from '../../src/wallet/validator-keys.ts';
import { temporaryDirectories } from '../support/directory.ts';

const temporary = temporaryDirectories();

interface Document {
  config: { engine: { [setting: string]: unknown; validators: object[] } };
  alloc: { [address: string]: { code?: string; storage: { [slot: string]: string } } };
}
function documentWith(change: (document: Document) => void): Document {
  const document = structuredClone(builtInGenesis('pos')) as Document;
  change(document);
  return document;
}
function refusal(change: (document: Document) => void): UsageError | null {
  try {
    checkEngineAccounts(parseGenesis(documentWith(change)));
    return null;
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
}
const stranger = { publicKey: devValidatorKeys(1, 30)[0]?.publicKey, depositor: `0x${'12'.repeat(20)}`, stakeEther: 32 };

it('takes the networks that synod ships', () => {
  for (const engine of ['pow', 'pos']) checkEngineAccounts(parseGenesis(builtInGenesis(engine)));
});

it('refuses another least deposit than that of the contract, and says what to write', () => {
  const error = refusal(({ config }) => {
    config.engine.minimumDepositEther = 16;
  });
  expect(error?.code).toBe('genesis/staking');
  expect(error?.message).toContain('minimumDepositEther');
  expect(error?.message).toContain(`slot ${MINIMUM_DEPOSIT_SLOT}`);
  expect(BigInt(String(error?.fields.expected))).toBe(16n * 10n ** 18n);
});

it('advises on a validator whose depositor the contract does not know, until the document has what it says', () => {
  const adviceOn = (change: (document: Document) => void) => engineAccountsAdvice(parseGenesis(documentWith(change)));
  const add = ({ config }: Document) => void config.engine.validators.push(stranger);
  expect(refusal(add)).toBeNull();
  const advice = adviceOn(add) ?? '';
  const [, slot = '', value = ''] = /slot (0x\w{64}) of 0x\w{40} to (0x\w{64})\./.exec(advice) ?? [];
  expect(BigInt(value)).toBe(BigInt(stranger.depositor));
  const mended = adviceOn((document) => {
    add(document);
    const account = document.alloc[STAKING_ADDRESS];
    if (account !== undefined) account.storage[slot] = value;
  });
  expect(mended).toBeNull();
  expect(adviceOn(() => undefined)).toBeNull();
});

it('leaves alone a contract that is another, or none', () => {
  const other = ({ config, alloc }: Document) => {
    config.engine.minimumDepositEther = 16;
    const account = alloc[STAKING_ADDRESS];
    if (account !== undefined) account.code = '0x00';
  };
  expect(refusal(other)).toBeNull();
  expect(refusal(({ alloc }) => void delete alloc[STAKING_ADDRESS])).toBeNull();
});

it('is asked before a chain is opened', async () => {
  const document = documentWith(({ config }) => {
    config.engine.minimumDepositEther = 16;
  });
  expect(engineAccounts(document.config.engine as never)[STAKING_ADDRESS]).toBeDefined();
  const node = { beneficiary: STAKING_ADDRESS, produce: false, signers: [] };
  await expect(openChain(temporary(), document, { node })).rejects.toMatchObject({ code: 'genesis/staking' });
});
