import { createBlock } from '@ethereumjs/block';
import type { Common } from '@ethereumjs/common';
import { createEVM } from '@ethereumjs/evm';
import { createTx } from '@ethereumjs/tx';
import { createVM } from '@ethereumjs/vm';
import { expect, test } from 'vitest';
import { FORKS, isAtLeast } from '../../src/chain/params.ts';
import { commonFor } from '../../src/execution/common.ts';

const FORKS_TO_EXECUTE = FORKS.filter((fork) => isAtLeast(fork, 'byzantium'));

/** What is in force, by name: the library keeps it in a field of its own. */
function paramsOf(common: Common): unknown {
  return structuredClone((common as unknown as { readonly _paramsCache: unknown })._paramsCache);
}

test.each(FORKS_TO_EXECUTE)('the rules of %s are what the library puts together by itself', async (fork) => {
  const ours = commonFor({ chainId: 1 }, fork);
  const theirs = commonFor({ chainId: 1 }, fork);
  // As it was before our own way of keeping them.
  theirs.updateParams = Object.getPrototypeOf(Object.getPrototypeOf(theirs)).updateParams;
  theirs.resetParams({});
  const evm = await createEVM({ common: theirs });
  const { common } = await createVM({ common: theirs, evm });
  const block = createBlock({}, { common, skipConsensusFormatValidation: true });
  const tx = createTx({}, { common: block.common });

  expect(paramsOf(ours)).toEqual(paramsOf(tx.common));
});

test('a Common that is copied needs nothing more', () => {
  const common = commonFor({ chainId: 1 }, 'osaka');
  const { common: copy } = createTx({}, { common });

  expect(copy).not.toBe(common);
  expect(paramsOf(copy)).toEqual(paramsOf(common));
  expect(copy.param('txGas')).toBe(21_000n);
  expect(common.param('historyServeWindow')).toBe(8_191n);
});
