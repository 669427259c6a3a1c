/**
 * The official RPC tests of ethereum/execution-apis: their chain is imported, a node serves it, and every reply is compared
 * with geth's. SYNOD_VECTORS names another folder that holds `execution-apis`, such as a newer version of the suite.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { difference, readConversations } from '../rpc/conformance/exchanges.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { useProcesses } from '../support/processes.ts';
import { startNode } from './networks.ts';

const FOLDER = process.env.SYNOD_VECTORS ?? join(import.meta.dirname, '../../../shared/vectors');
const VECTORS = join(FOLDER, 'execution-apis');
const GENESIS = join(VECTORS, 'genesis.json');
const CHAIN = join(VECTORS, 'chain.rlp');
const present = existsSync(CHAIN);
if (!present) console.log(`skipped: the RPC tests of ethereum/execution-apis are not in ${VECTORS} (set SYNOD_VECTORS)`);

const processes = useProcesses();
const temporary = temporaryDirectories();

describe.skipIf(!present)('the RPC tests of ethereum/execution-apis', () => {
  const datadir = temporary();
  const [head] = present ? JSON.parse(readFileSync(join(VECTORS, 'headfcu.json'), 'utf8')).params : [];
  let url = '';

  beforeAll(async () => {
    const imported = await processes.runSynod('import', '--genesis', GENESIS, '--datadir', datadir, '--json', CHAIN);
    expect(imported).toMatchObject({ code: 0 });
    expect(JSON.parse(imported.stdout)).toMatchObject({ known: 0, head: { hash: head.headBlockHash } });
    const apis = ['--http.api', 'eth,net,web3,txpool,debug,testing'];
    // The document as it came, without an engine: the datadir knows better by now.
    ({ url } = await startNode(processes, datadir, GENESIS, ...apis));
  });

  it('are answered as geth answers them', async () => {
    const counts = new Map<string, { passed: number; all: number }>();
    const failures: string[] = [];
    for (const { method, name, speconly, exchanges } of readConversations(VECTORS)) {
      const count = counts.get(method) ?? { passed: 0, all: 0 };
      counts.set(method, count);
      count.all++;
      const differences: (string | null)[] = [];
      for (const { request, reply } of exchanges) differences.push(difference(reply, await ask(url, request), speconly));
      const found = differences.find((one) => one !== null);
      if (found === undefined) count.passed++;
      else failures.push(`${method}/${name} ${found}`);
    }
    console.log([...counts].map(([method, { passed, all }]) => `${method} ${passed}/${all}`).join('\n'));
    expect(failures).toEqual([]);
    expect(counts.size).toBeGreaterThan(20);
  });

  it('are of a chain that traces, under every fork, to the gas, logs and outcome of its receipts', async () => {
    const call = async (method: string, ...params: unknown[]) =>
      ((await ask(url, { jsonrpc: '2.0', id: 1, method, params })) as { result: never }).result;
    const height = Number(await call('eth_blockNumber'));
    for (let number = 1; number <= height; number++) {
      const block = `0x${number.toString(16)}`;
      const receipts: Receipt[] = await call('eth_getBlockReceipts', block);
      const traces: { txHash: string; result: Frame }[] = await call('debug_traceBlockByNumber', block, TRACER);
      const traced = traces.map(({ txHash, result }) => ({
        txHash,
        gasUsed: result.gasUsed,
        failed: 'error' in result,
        logs: indices(result),
      }));
      const executed = receipts.map(({ transactionHash: txHash, gasUsed, status, logs }) => {
        return { txHash, gasUsed, failed: status === '0x0', logs: logs.map(({ logIndex }) => Number(logIndex)) };
      });
      expect(traced, `block ${number}`).toEqual(executed);
    }
  });
});

const TRACER = { tracer: 'callTracer', tracerConfig: { withLog: true } };

interface Receipt {
  readonly transactionHash: string;
  readonly gasUsed: string;
  readonly status: string;
  readonly logs: readonly { readonly logIndex: string }[];
}

interface Frame {
  readonly gasUsed: string;
  readonly logs?: readonly { readonly index: string }[];
  readonly calls?: readonly Frame[];
}

/** Of the logs of a frame and all below it. */
function indices({ logs = [], calls = [] }: Frame): number[] {
  return [...logs.map(({ index }) => Number(index)), ...calls.flatMap(indices)].sort((a, b) => a - b);
}

describe.skipIf(!present)('a chain that was made elsewhere', () => {
  it('is not followed by a node before it is imported', async () => {
    const document = JSON.parse(readFileSync(GENESIS, 'utf8'));
    const file = join(temporary(), 'genesis.json');
    writeFileSync(file, JSON.stringify({ ...document, config: { ...document.config, engine: { name: 'replay' } } }));
    const refused = await processes.runSynod('node', '--datadir', temporary(), '--genesis', file, '--port', '0', '--http.port', '0');
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain('[node/not-imported]');
  });
});

async function ask(url: string, request: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(request) });
  expect(response.status).toBe(200);
  return await response.json();
}
