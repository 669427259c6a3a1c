/**
 * Compiles the staking contract: `node native/staking/build.ts` writes the code that genesis files carry and the engine
 * expects (`src/consensus/pos/contract-code.ts`), and the contract's interface for tools (`abi.json`). A test compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { InternalError } from '../../src/base/errors.ts';

const SOURCE = new URL('Staking.sol', import.meta.url);
const CODE = new URL('../../src/consensus/pos/contract-code.ts', import.meta.url);
const ABI = new URL('abi.json', import.meta.url);
const MAX_LINE_DIGITS = 120;

interface Compiled {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts: { readonly [file: string]: { readonly Staking: { readonly abi: unknown; readonly evm: Evm } } };
}
interface Evm {
  readonly deployedBytecode: { readonly object: string };
}

/** The two files as they should be. */
export function buildStaking(): { readonly code: string; readonly abi: string } {
  const solc = createRequire(import.meta.url)('solc') as { compile(input: string): string };
  const settings = {
    evmVersion: 'prague',
    optimizer: { enabled: true, runs: 200 },
    // Nothing of the machine that compiled it.
    metadata: { bytecodeHash: 'none', appendCBOR: false },
    outputSelection: { '*': { '*': ['abi', 'evm.deployedBytecode.object'] } },
  };
  const sources = { 'Staking.sol': { content: readFileSync(SOURCE, 'utf8') } };
  const { errors = [], contracts } = JSON.parse(solc.compile(JSON.stringify({ language: 'Solidity', sources, settings }))) as Compiled;
  const grave = errors.find(({ severity }) => severity === 'error');
  const contract = contracts?.['Staking.sol']?.Staking;
  if (grave !== undefined || contract === undefined) {
    throw new InternalError('native/staking', grave?.formattedMessage ?? 'The compiler gave no contract.');
  }
  return { code: codeModule(contract.evm.deployedBytecode.object), abi: `${JSON.stringify(contract.abi, null, 2)}\n` };
}

function codeModule(hex: string): string {
  const lines = hex.match(new RegExp(`.{1,${MAX_LINE_DIGITS}}`, 'g')) ?? [];
  return `/** The staking contract's code. Made by \`node native/staking/build.ts\` from \`native/staking/Staking.sol\`. */
import type { Hex } from '../../base/types.ts';

export const STAKING_CODE: Hex = \`0x\${[
${lines.map((line) => `  '${line}',`).join('\n')}
].join('')}\`;
`;
}

if (import.meta.main) {
  const { code, abi } = buildStaking();
  writeFileSync(CODE, code);
  writeFileSync(ABI, abi);
}
