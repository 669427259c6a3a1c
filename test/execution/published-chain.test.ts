/**
 * The chain that ethereum/execution-apis publishes for its RPC tests: 54 blocks from homestead to osaka. Its genesis must
 * have the hash that block 1 names, and every block from byzantium on must execute to what its header says.
 *
 * What synod's own blocks never have is added here: block and uncle rewards, withdrawals, and blob transactions (run by
 * the library on our state). Blocks 1 to 8 are older than our rules and are run by the library alone.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBlockFromRLP } from '@ethereumjs/block';
import { createCommonFromGethGenesis } from '@ethereumjs/common';
import { createMPT } from '@ethereumjs/mpt';
import { RLP } from '@ethereumjs/rlp';
import { MerkleStateManager } from '@ethereumjs/statemanager';
import { createBlob4844TxFromRLP } from '@ethereumjs/tx';
import { bytesToBigInt, MapDB, ValueEncoding } from '@ethereumjs/util';
import { createVM, runBlock, runTx } from '@ethereumjs/vm';
import { describe, expect, it } from 'vitest';
import { addressOf, fromHex, toHex, toQuantity } from '../../src/base/bytes.ts';
import { Address, type Hash } from '../../src/base/types.ts';
import { type Header, hashHeader, headerFromFields } from '../../src/chain/header.ts';
import { type ForkActivation, forkAt, isAtLeast } from '../../src/chain/params.ts';
import type { HeaderView } from '../../src/chain/tree.ts';
import type { Reward } from '../../src/consensus/engine.ts';
import { EMPTY_ACCOUNT } from '../../src/execution/account.ts';
import { admit } from '../../src/execution/admission.ts';
import { ancestorHashes } from '../../src/execution/ancestors.ts';
import { logsFrom, runInEvm } from '../../src/execution/block-run.ts';
import type { CallRequest } from '../../src/execution/call-types.ts';
import { runCallJob } from '../../src/execution/calls.ts';
import { type EnvironmentOptions, openEnvironment } from '../../src/execution/environment.ts';
import { Executor } from '../../src/execution/executor.ts';
import { genesisHeader, parseGenesis } from '../../src/execution/genesis.ts';
import { Pacer } from '../../src/execution/pacer.ts';
import { receiptsRoot } from '../../src/execution/roots.ts';
import { WorldState } from '../../src/execution/state.ts';
import { callAfterTransactions, callBeforeTransactions } from '../../src/execution/system-calls.ts';
import { decodeTransaction, type Tx } from '../../src/execution/transaction.ts';
import { executeTransfer, isPlainTransfer } from '../../src/execution/transfer.ts';
import type { Receipt } from '../../src/execution/types.ts';
import { MemoryState } from './support.ts';

const FOLDER = process.env.SYNOD_VECTORS ?? join(import.meta.dirname, '../../../shared/vectors');
const VECTORS = join(FOLDER, 'execution-apis');
const present = existsSync(join(VECTORS, 'chain.rlp'));
if (!present) console.log(`skipped: the published chain is not in ${VECTORS} (set SYNOD_VECTORS)`);

const LAST_FOREIGN_BLOCK = 8;
const BLOB = 3;
const GWEI = 10n ** 9n;

interface Published {
  readonly bytes: Uint8Array;
  readonly header: Header;
  readonly transactions: readonly Uint8Array[];
  readonly uncles: readonly Header[];
  readonly withdrawals: readonly { readonly address: Address; readonly gwei: bigint }[];
}

type Fields = readonly (readonly unknown[])[];

function readChain(): Published[] {
  const blocks: Published[] = [];
  let rest: Uint8Array = new Uint8Array(readFileSync(join(VECTORS, 'chain.rlp')));
  while (rest.length > 0) {
    const { data, remainder } = RLP.decode(rest, true);
    const [header, transactions, uncles, withdrawals] = data as unknown as readonly [unknown, Fields, Fields, Fields | undefined];
    blocks.push({
      bytes: rest.subarray(0, rest.length - remainder.length),
      header: headerFromFields(header),
      transactions: transactions.map((tx) => (tx instanceof Uint8Array ? tx : RLP.encode(tx as Uint8Array[]))),
      uncles: uncles.map((fields) => headerFromFields(fields)),
      withdrawals: (withdrawals ?? []).map((fields) => ({
        address: addressOf(fields[2] as Uint8Array),
        gwei: bytesToBigInt(fields[3] as Uint8Array),
      })),
    });
    rest = remainder;
  }
  return blocks;
}

function readGenesis() {
  const document = JSON.parse(readFileSync(join(VECTORS, 'genesis.json'), 'utf8'));
  return { document, genesis: parseGenesis({ ...document, config: { ...document.config, engine: { name: 'pow' } } }) };
}

/** The state after block 8, made by the library from the genesis document. */
async function foreignState(blocks: readonly Published[], source: MemoryState): Promise<void> {
  const { document, genesis } = readGenesis();
  const common = createCommonFromGethGenesis(document, { chain: 'published' });
  const { execution } = await genesisHeader(genesis);
  const db = new MapDB<string, Uint8Array>();
  for (const [hash, bytes] of execution.nodes) db._database.set(hash.slice(2), bytes);
  for (const [hash, bytes] of execution.codes) db._database.set(`63${hash.slice(2)}`, bytes);
  const trie = await createMPT({ useKeyHashing: true, db, valueEncoding: ValueEncoding.Bytes, common });
  const stateManager = new MerkleStateManager({ common, trie });
  const vm = await createVM({ common, stateManager, setHardfork: true });
  let root = fromHex((await genesisHeader(genesis)).header.stateRoot);
  for (const { bytes } of blocks.slice(0, LAST_FOREIGN_BLOCK)) {
    const block = createBlockFromRLP(bytes, { common, setHardfork: true });
    const { stateRoot } = await runBlock(vm, { block, root, skipBlockValidation: true });
    root = stateRoot;
  }
  for (const [key, bytes] of db._database) {
    if (key.length === 64) source.nodes.set(`0x${key}` as Hash, bytes);
    else source.codes.set(`0x${key.slice(2)}` as Hash, bytes);
  }
}

/**
 * What the protocol credits besides fees: rewards of the block and its uncles (EIP-649, EIP-1234; Yellow Paper 11.3), or
 * withdrawals (EIP-4895).
 */
function creditsOf({ header, uncles, withdrawals }: Published, forks: readonly ForkActivation[]): Reward[] {
  const paid = withdrawals.filter(({ gwei }) => gwei > 0n).map(({ address, gwei }) => ({ to: address, amount: gwei * GWEI }));
  if (header.difficulty === 0n) return paid;
  const whole = (isAtLeast(forkAt(forks, header.number, header.timestamp), 'constantinople') ? 2n : 3n) * 10n ** 18n;
  const nephews = uncles.map((uncle) => ({ to: uncle.beneficiary, amount: (whole * BigInt(uncle.number + 8 - header.number)) / 8n }));
  return [...nephews, { to: header.beneficiary, amount: whole + (whole / 32n) * BigInt(uncles.length) }];
}

const typeOf = ([first = 0]: Uint8Array): number => (first < 0x80 ? first : 0);

/** The loop of BlockRun, with blob transactions. */
async function executeWithBlobs(published: Published, options: EnvironmentOptions, credits: readonly Reward[]) {
  const { header, transactions } = published;
  const environment = await openEnvironment(options);
  const { state, fork, vm, block } = environment;
  await callBeforeTransactions(environment);
  const receipts: Receipt[] = [];
  let gasUsed = 0n;
  for (const bytes of transactions) {
    const outcome = typeOf(bytes) === BLOB ? await runBlob(bytes) : await runOurs(decodeTransaction(bytes, options.params, fork));
    gasUsed += outcome.gasUsed;
    receipts.push({ type: typeOf(bytes), ...outcome, cumulativeGasUsed: gasUsed, contractAddress: null });
  }
  for (const { to, amount } of credits) {
    const account = state.account(to) ?? EMPTY_ACCOUNT;
    state.setAccount(to, { ...account, balance: account.balance + amount });
  }
  const requestsHash = await callAfterTransactions(environment, receipts);
  const change = await state.finish();
  expect({ number: header.number, gasUsed, requestsHash, stateRoot: change.root, receiptsRoot: receiptsRoot(receipts) }).toEqual({
    number: header.number,
    gasUsed: header.gasUsed,
    requestsHash: header.requestsHash,
    stateRoot: header.stateRoot,
    receiptsRoot: header.receiptsRoot,
  });
  return change;

  async function runBlob(bytes: Uint8Array): Promise<Outcome> {
    const tx = createBlob4844TxFromRLP(bytes, { common: vm.common });
    const { execResult, totalGasSpent } = await runTx(vm, { tx, block, blockGasUsed: gasUsed });
    return { success: execResult.exceptionError === undefined, gasUsed: totalGasSpent, logs: logsFrom(execResult.logs) };
  }

  async function runOurs(tx: Tx): Promise<Outcome> {
    admit(tx, { state, context: header, fork, gasUsed });
    return isPlainTransfer(tx, state)
      ? { success: true, gasUsed: executeTransfer(tx, state, header, fork), logs: [] }
      : runInEvm(tx, environment, gasUsed);
  }
}

type Outcome = Pick<Receipt, 'success' | 'gasUsed' | 'logs'>;

describe.skipIf(!present)('the published chain', () => {
  it('has the genesis that we compute', async () => {
    const [first] = readChain();
    expect(hashHeader((await genesisHeader(readGenesis().genesis)).header)).toBe(first?.header.parentHash);
  });

  it('executes to its own headers from byzantium to osaka, and answers calls as geth does', async () => {
    const { source, params, view, head } = await replay();
    const host = { params, source, gasCap: 50_000_000n, randomness: head.mixHash, ancestorHash: ancestorHashes(head, view) };
    for (const { method, call, answer } of readCalls()) {
      const request: CallRequest = {
        header: head,
        from: Address(call.from),
        to: Address(call.to),
        data: fromHex(call.input ?? '0x'),
        value: 0n,
        ...(call.gas !== undefined && { gas: BigInt(call.gas) }),
      };
      if (method === 'eth_call') {
        const { returnData, failure } = await runCallJob('call', host, request);
        expect({ call, data: toHex(returnData), failed: failure !== null }).toEqual({ call, ...answer });
      } else {
        const { gas, returnData, failure } = await runCallJob('estimateGas', host, request);
        const data = failure === null ? toQuantity(gas) : toHex(returnData);
        expect({ call, data, failed: failure !== null }).toEqual({ call, ...answer });
      }
    }
  });
});

interface Exchange {
  readonly method: string;
  readonly call: { readonly from: string; readonly to: string; readonly input?: string; readonly gas?: string };
  readonly answer: { readonly data: string; readonly failed: boolean };
}

/** The published questions that are about execution; blob transactions are not for us. */
function readCalls(): Exchange[] {
  const exchanges = ['eth_call', 'eth_estimateGas'].flatMap((folder) =>
    readdirSync(join(VECTORS, folder)).map((name) => {
      const lines = readFileSync(join(VECTORS, folder, name), 'utf8').split('\n');
      const [question, reply] = ['>> ', '<< '].map((mark) => JSON.parse(lines.find((line) => line.startsWith(mark))?.slice(3) ?? 'null'));
      return {
        method: question.method,
        call: question.params[0],
        answer: { data: reply.result ?? reply.error.data, failed: 'error' in reply },
      };
    }),
  );
  return exchanges.filter(({ call }) => !('blobVersionedHashes' in call));
}

async function replay() {
  const blocks = readChain();
  const { genesis } = readGenesis();
  const params = {
    chainId: genesis.chainId,
    forks: genesis.forks,
    engine: genesis.engine,
    genesisHash: blocks[0]?.header.parentHash as Hash,
  };
  const source = new MemoryState();
  await foreignState(blocks, source);
  const byHash = new Map(blocks.map((block) => [hashHeader(block.header), block]));
  const view: HeaderView = {
    get(hash) {
      const header = byHash.get(hash)?.header;
      return header && { hash, header, seal: new Uint8Array(0), facts: { weight: 0n, carried: 0n } };
    },
  };
  const randomness = ({ mixHash }: Header) => mixHash;
  const credits = ({ header }: { readonly header: Header }) => creditsOf(byHash.get(hashHeader(header)) as Published, params.forks);
  const executor = new Executor(params, source, { randomness, rewards: credits }, view);
  for (const published of blocks.slice(LAST_FOREIGN_BLOCK)) {
    const { header, transactions } = published;
    const parent = byHash.get(header.parentHash)?.header as Header;
    if (transactions.some((bytes) => typeOf(bytes) === BLOB)) {
      const state = new WorldState(source, parent.stateRoot);
      const ancestorHash = ancestorHashes(parent, view);
      const options = { params, context: header, randomness: header.mixHash, state, ancestorHash, pacer: new Pacer() };
      source.write(await executeWithBlobs(published, options, credits({ header })));
    } else {
      source.write(await executor.execute({ header, seal: new Uint8Array(0), transactions, payload: new Uint8Array(0) }, parent));
    }
  }
  return { source, params, view, head: blocks.at(-1)?.header as Header };
}
