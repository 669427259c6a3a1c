/**
 * The process that `import.ts` measures: `import-side.ts synod|ethereumjs <workload>` loads everything, waits for the
 * word and then imports the workload's blocks once.
 *
 * - synod: as `synod import` does it, with the driver, the engine, the ledger and LevelDB with fsync;
 * - ethereumjs: @ethereumjs' runTx for each transaction and its state root for each block, in memory, with the same
 *   native recovery and WASM hash as ours. It checks no block and keeps none.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBlock } from '@ethereumjs/block';
import { MerklePatriciaTrie } from '@ethereumjs/mpt';
import { RLP } from '@ethereumjs/rlp';
import { Caches, MerkleStateManager } from '@ethereumjs/statemanager';
import { createTxFromRLP } from '@ethereumjs/tx';
import { createAccount, createAddressFromString } from '@ethereumjs/util';
import { createVM, runTx, type VM } from '@ethereumjs/vm';
import { fromHex } from '../../src/base/bytes.ts';
import { type Block, decodeBlock } from '../../src/chain/block.ts';
import type { Genesis } from '../../src/chain/params.ts';
import { commonFor } from '../../src/execution/common.ts';
import { parseGenesis } from '../../src/execution/genesis.ts';
import { openOffline } from '../../src/node/offline.ts';

export interface Imported {
  readonly type: 'imported';
  readonly blocks: number;
  readonly transactions: number;
  readonly ms: number;
}

const [side = '', workload = '', datadir = ''] = process.argv.slice(2);
const document: unknown = JSON.parse(readFileSync(join(workload, 'genesis.json'), 'utf8'));
const encoded = RLP.decode(readFileSync(join(workload, 'blocks.rlp'))) as Uint8Array[];

const prepare = side === 'synod' ? prepareSynod : prepareEthereumjs;
const { add, finish } = await prepare();
process.once('message', () => void run());
process.channel?.ref();
process.send?.({ type: 'loaded' });

async function run(): Promise<void> {
  let transactions = 0;
  const startedMs = performance.now();
  for (const bytes of encoded) {
    const block = decodeBlock(bytes);
    await add(block);
    transactions += block.transactions.length;
  }
  await finish();
  const imported: Imported = { type: 'imported', blocks: encoded.length, transactions, ms: performance.now() - startedMs };
  process.send?.(imported);
}

interface Importer {
  add(block: Block): Promise<unknown>;
  /** When it resolves, everything is as durable as it gets. */
  finish(): Promise<void>;
}

async function prepareSynod(): Promise<Importer> {
  const chain = await openOffline(datadir, document);
  return { add: (block) => chain.add(block), finish: () => chain.close() };
}

async function prepareEthereumjs(): Promise<Importer> {
  const genesis = parseGenesis(document);
  const common = commonFor(genesis, 'osaka');
  const trie = new MerklePatriciaTrie({ useKeyHashing: true, common });
  const stateManager = new MerkleStateManager({ common, trie, caches: new Caches() });
  await allocate(stateManager, genesis);
  const vm = await createVM({ common, stateManager });
  return { add: (block) => runBlock(vm, block), finish: async () => undefined };
}

async function allocate(state: MerkleStateManager, { alloc }: Genesis): Promise<void> {
  for (const [address, { balance, nonce, code }] of alloc) {
    await state.putAccount(createAddressFromString(address), createAccount({ balance, nonce }));
    if (code !== '0x') await state.putCode(createAddressFromString(address), fromHex(code));
  }
  await state.flush();
}

async function runBlock(vm: VM, { header, transactions }: Block): Promise<void> {
  const { common, stateManager } = vm;
  const fields = {
    number: header.number,
    timestamp: header.timestamp,
    coinbase: header.beneficiary,
    gasLimit: header.gasLimit,
    mixHash: header.mixHash,
    ...(header.baseFeePerGas !== undefined && { baseFeePerGas: header.baseFeePerGas }),
  };
  const block = createBlock({ header: fields }, { common, skipConsensusFormatValidation: true });
  let blockGasUsed = 0n;
  for (const bytes of transactions) {
    const tx = createTxFromRLP(bytes, { common });
    blockGasUsed += (await runTx(vm, { tx, block, blockGasUsed })).totalGasSpent;
  }
  if (blockGasUsed !== header.gasUsed) throw new RangeError(`@ethereumjs used ${blockGasUsed} gas, synod ${header.gasUsed}`);
  await stateManager.getStateRoot();
}
