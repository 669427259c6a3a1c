import { beforeEach, describe, expect, test } from 'vitest';
import type { PublicKey } from '../../src/base/signatures.ts';
import { registerValidator } from '../../src/cli/validator.ts';
import { createDevValidators } from '../../src/wallet/validator-dev.ts';
import { devValidatorKeys } from '../../src/wallet/validator-keys.ts';
import { temporaryDirectory } from '../wallet/support.ts';
import { runCommand } from './run-command.ts';
import { fakeNode } from './wallet-support.ts';

const [FIRST, SECOND, THIRD] = devValidatorKeys(3).map(({ publicKey }) => publicKey) as [PublicKey, PublicKey, PublicKey];
const ACTIVE = {
  index: 0,
  publicKey: FIRST,
  status: 'active_ongoing',
  balance: '32000116765',
  effectiveBalance: '32000000000',
  slashed: false,
  activationEpoch: 0,
  exitEpoch: null,
  withdrawableEpoch: null,
};
const LEAVING = { ...ACTIVE, index: 1, publicKey: THIRD, status: 'exited_slashed', slashed: true, exitEpoch: 9, withdrawableEpoch: 265 };

let directory = '';
beforeEach(async () => {
  directory = await temporaryDirectory();
});

async function status(args: string[], answer: unknown = [ACTIVE, LEAVING]) {
  const { url, calls } = await fakeNode({ synod_getValidators: answer });
  return { ...(await runCommand(registerValidator, 'validator', 'status', '--datadir', directory, '--rpc', url, ...args)), calls };
}

describe('status', () => {
  test('is of the keys that are here, with those that no deposit was made for', async () => {
    await createDevValidators(directory, devValidatorKeys(2));
    const { exitCode, stdout } = await status(['--json']);
    expect(exitCode).toBe(0);
    const rows = JSON.parse(stdout);
    expect(rows).toHaveLength(2);
    expect(rows).toEqual(expect.arrayContaining([ACTIVE, { publicKey: SECOND, status: 'unknown' }]));
  });

  test('is of the keys that are named, and of all', async () => {
    expect(JSON.parse((await status([THIRD.toUpperCase().slice(2), '--json'])).stdout)).toEqual([LEAVING]);
    expect(JSON.parse((await status(['--all', '--json'])).stdout)).toEqual([ACTIVE, LEAVING]);
    const lines = (await status(['--all'])).stdout.split('\n');
    expect(lines[1]).toMatch(new RegExp(`^ +0  ${FIRST}  active_ongoing  32.000116765 +32 +0 +- +-$`));
    expect(lines[2]).toMatch(/exited_slashed +32.000116765 +32 +0 +9 +265$/);
  });

  test.each([
    [[], 1, 'wallet/no-validators'],
    [['--all', FIRST], 2, 'arguments/all'],
    [['0x12'], 2, 'arguments/publicKey'],
  ])('of %j is refused before a node is asked', async (args, exitCode, code) => {
    expect(await status(args)).toMatchObject({ exitCode, calls: [], stderr: expect.stringContaining(`[${code}]`) });
  });

  test.each([
    ['nothing', null],
    ['no list', {}],
    ['a balance that is a number', [{ ...ACTIVE, balance: 32 }]],
    ['a list of texts', ['x']],
  ])('is not believed when the node says %s', async (_name, answer) => {
    expect(await status(['--all'], answer)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('[rpc/bad-reply]') });
  });
});
