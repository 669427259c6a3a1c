/**
 * How fast a follower takes in blocks that others made: every transaction decoded, its sender recovered, executed, its
 * block's roots compared and the whole written with fsync. Each run is a process of its own, so no sender is known
 * beforehand. Alone: `node test/benchmarks/import.ts`
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RLP } from '@ethereumjs/rlp';
import { present } from '../../src/base/assert.ts';
import { encodeBlock } from '../../src/chain/block.ts';
import { ChainMaker } from './chain.ts';
import type { Imported } from './import-side.ts';
import { startScript, temporaryDirectory } from './processes.ts';
import { type BenchRow, interleave, median, printRows, ratioOf } from './row.ts';
import { TOKEN, TOKEN_CODE, tokenTransfer } from './token.ts';
import { type Call, genesisDocument, recipient, senders, signed } from './transfers.ts';

const SENDERS = 200;
const CHAIN_AGE_SECONDS = 86_400;
const ETHEREUMJS = '@ethereumjs in memory';

interface Workload {
  readonly blocks: number;
  readonly transactionsPerBlock: number;
  readonly call: (index: number) => Call;
}

const transfer = (index: number): Call => ({ to: recipient(index) });
const WORKLOADS = {
  transfers: { blocks: 8, transactionsPerBlock: 1_000, call: transfer },
  fewTransfers: { blocks: 2, transactionsPerBlock: 1_000, call: transfer },
  blocks: { blocks: 400, transactionsPerBlock: 1, call: transfer },
  calls: { blocks: 4, transactionsPerBlock: 250, call: (index) => tokenTransfer(recipient(index)) },
} satisfies Record<string, Workload>;

export async function benchImport(): Promise<BenchRow[]> {
  const directory = temporaryDirectory();
  for (const [name, workload] of Object.entries(WORKLOADS)) await makeWorkload(join(directory, name), workload);
  const late: { p99Ms: number; maxMs: number }[] = [];
  const run = async (side: 'synod' | 'ethereumjs', name: keyof typeof WORKLOADS): Promise<Imported> => {
    const child = startScript('import-side.ts', side, join(directory, name), temporaryDirectory());
    await child.next('loaded');
    await child.loopDelay();
    child.send({ type: 'go' });
    const imported = await child.next<Imported>('imported');
    if (side === 'synod' && name === 'transfers') late.push(await child.loopDelay());
    await child.stop();
    return imported;
  };
  const transactionsPerSecond = ({ transactions, ms }: Imported) => (transactions * 1000) / ms;
  const blocksPerSecond = ({ blocks, ms }: Imported) => (blocks * 1000) / ms;
  const rates = await interleave({
    transfers: async () => transactionsPerSecond(await run('synod', 'transfers')),
    transfersEthereumjs: async () => transactionsPerSecond(await run('ethereumjs', 'fewTransfers')),
    calls: async () => transactionsPerSecond(await run('synod', 'calls')),
    callsEthereumjs: async () => transactionsPerSecond(await run('ethereumjs', 'calls')),
    blocks: async () => blocksPerSecond(await run('synod', 'blocks')),
  });
  const unit = 'tx/s';
  return [
    {
      name: 'plain transfers, 1,000 a block',
      value: rates.transfers,
      unit,
      ratio: ratioOf(rates.transfers, rates.transfersEthereumjs, ETHEREUMJS),
      note: 'wanted: 2,000',
    },
    {
      name: 'token transfers, 250 a block',
      value: rates.calls,
      unit,
      ratio: ratioOf(rates.calls, rates.callsEthereumjs, ETHEREUMJS),
    },
    { name: 'blocks of one transfer', value: rates.blocks, unit: 'blocks/s' },
    {
      name: 'event loop late, 99th percentile',
      value: median(late.map(({ p99Ms }) => p99Ms)),
      unit: 'ms',
      note: 'while importing the full blocks',
    },
    { name: 'event loop late, worst', value: median(late.map(({ maxMs }) => maxMs)), unit: 'ms' },
  ];
}

async function makeWorkload(directory: string, { blocks, transactionsPerBlock, call }: Workload): Promise<void> {
  const rich = senders(SENDERS);
  const document = genesisDocument(rich, Math.floor(Date.now() / 1000) - CHAIN_AGE_SECONDS, 1, {
    [TOKEN]: { balance: '0', code: TOKEN_CODE },
  });
  const maker = await ChainMaker.open(document);
  for (let block = 0; block < blocks; block++) {
    const transactions = Array.from({ length: transactionsPerBlock }, (_, place) => {
      const index = block * transactionsPerBlock + place;
      return signed(present(rich[index % SENDERS], 'a sender'), Math.floor(index / SENDERS), call(index));
    });
    await maker.add(transactions);
  }
  mkdirSync(directory);
  writeFileSync(join(directory, 'genesis.json'), JSON.stringify(document));
  writeFileSync(join(directory, 'blocks.rlp'), RLP.encode(maker.blocks.map(encodeBlock)));
}

if (import.meta.main) printRows('Import by a follower', await benchImport());
