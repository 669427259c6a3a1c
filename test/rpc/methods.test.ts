import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../../src/base/bytes.ts';
import { RuleError } from '../../src/base/errors.ts';
import { type Json, ZERO_HASH } from '../../src/base/types.ts';
import { hashHeader } from '../../src/chain/header.ts';
import { decodeLightBlock } from '../../src/chain/light-block.ts';
import { describeMethods } from '../../src/rpc/describe.ts';
import { METHODS, NAMESPACES } from '../../src/rpc/methods.ts';
import { serve } from './client.ts';
import { RECIPIENT } from './fake-node.ts';

describe('the table of methods', () => {
  it('is what METHODS.md says (node src/rpc/describe.ts > src/rpc/METHODS.md)', () => {
    expect(readFileSync(new URL('../../src/rpc/METHODS.md', import.meta.url), 'utf8')).toBe(describeMethods());
  });

  it('has every method that wallets and tools need to connect, read, send, call, wait and watch', () => {
    const eth =
      'chainId blockNumber syncing accounts gasPrice maxPriorityFeePerGas feeHistory blobBaseFee getBalance getCode getStorageAt ' +
      'getTransactionCount getProof getAccountInfo call estimateGas createAccessList sendRawTransaction getBlockByNumber getBlockByHash ' +
      'getBlockReceipts getBlockTransactionCountByHash getBlockTransactionCountByNumber getUncleCountByBlockHash ' +
      'getUncleCountByBlockNumber getUncleByBlockHashAndIndex getUncleByBlockNumberAndIndex getTransactionByHash ' +
      'getTransactionByBlockHashAndIndex getTransactionByBlockNumberAndIndex getRawTransactionByHash getTransactionReceipt getLogs ' +
      'sendRawTransactionSync fillTransaction simulateV1 config getHeaderByNumber getHeaderByHash getTransactionBySenderAndNonce ' +
      'newFilter newBlockFilter newPendingTransactionFilter getFilterChanges getFilterLogs uninstallFilter subscribe unsubscribe ' +
      'mining hashrate coinbase';
    const others =
      'net_version net_listening net_peerCount web3_clientVersion web3_sha3 txpool_status txpool_content txpool_contentFrom txpool_inspect ' +
      'admin_nodeInfo admin_peers admin_addPeer admin_removePeer miner_start miner_stop miner_setEtherbase miner_hashrate ' +
      'synod_status synod_partition synod_heal rpc_discover rpc_modules testing_buildBlockV1 debug_getRawBlock evm_mine';
    const wanted = [...eth.split(' ').map((name) => `eth_${name}`), ...others.split(' ')];
    expect(wanted.filter((name) => !METHODS.has(name))).toEqual([]);
  });

  it('answers every method with a result or an error of its own, never an internal one, when called without parameters', async () => {
    const { call } = await serve({ namespaces: NAMESPACES });
    for (const name of METHODS.keys()) {
      const { error } = await call(name);
      expect([undefined, -32602, -32601, -32004], `${name}: ${error?.message}`).toContain(error?.code);
    }
  });
});

describe('questions that the engine answers', () => {
  const QUESTIONS = ['Validators', 'Duties', 'Votes', 'Checkpoints', 'Participation', 'Slashings'];

  it('are passed on to it under proof-of-stake', async () => {
    const { ask, node } = await serve();
    node.engineName = 'pos';
    node.engineAnswer = { known: true };
    for (const question of QUESTIONS) expect(await ask(`synod_get${question}`)).toEqual({ known: true });
    await ask('synod_getDuties', 7);
    expect(node.asked.at(-1)).toEqual(['getDuties', { epoch: 7 }]);
    expect(node.asked[0]).toEqual(['getValidators', undefined]);
  });

  it('do not exist under another engine', async () => {
    const { call } = await serve();
    for (const question of QUESTIONS) expect((await call(`synod_get${question}`)).error?.code).toBe(-32601);
  });

  it('synod_getHistory tells of moments without repeating their fields', async () => {
    const { ask, node } = await serve();
    node.history = { intervalMs: 5_000, moments: [{ timeMs: 7, head: 5, finalized: 3, hashesPerSecond: 0, participation: null }] };
    expect(await ask('synod_getHistory')).toEqual({
      intervalMs: 5_000,
      fields: ['timeMs', 'head', 'finalized', 'hashesPerSecond', 'participation'],
      moments: [[7, 5, 3, 0, null]],
    });
  });

  it('synod_getForks tells of every branch by its tip', async () => {
    const { ask, node } = await serve();
    for (let number = 1; number <= 4; number++) node.mine();
    const left = node.chain.head;
    node.replace(2, [[], [], []]);
    const { head } = node.chain;
    const active = { number: '0x5', hash: head.hash, weight: '0x5', status: 'active', length: 0, root: '0x5' };
    const lost = { number: '0x4', hash: left.hash, weight: '0x4', status: 'executed', length: 2, root: '0x2' };
    expect(await ask('synod_getForks')).toEqual([active, lost]);
    expect(await ask('synod_getForks', 1)).toEqual([active, { ...lost, length: 1, root: null }]);
  });

  it('have certificates beside them, or null', async () => {
    const { ask, node } = await serve();
    const block = node.mine();
    expect(await ask('synod_getCertificate', block.hash)).toBe('0x01');
    expect(await ask('synod_getCertificate', node.chain.genesis.hash)).toBeNull();
  });
});

describe('what light verification reads', () => {
  const light = (bytes: Json) => decodeLightBlock(fromHex(bytes as string));

  it('is a block without its transactions, by its hash', async () => {
    const { ask, node } = await serve();
    node.engineName = 'pos';
    const block = node.mine();
    expect(hashHeader(light(await ask('synod_getLightBlock', block.hash)).header)).toBe(block.hash);
    expect(await ask('synod_getLightBlock', ZERO_HASH)).toBeNull();
  });

  it('is a range of canonical blocks, as far as there are any', async () => {
    const { ask, call, node } = await serve();
    node.engineName = 'pos';
    for (let i = 0; i < 5; i++) node.mine();
    const numbers = async (...range: Json[]) =>
      ((await ask('synod_getLightBlocks', ...range)) as Json[]).map((each) => light(each).header.number);
    expect(await numbers(2, 3)).toEqual([2, 3, 4]);
    expect(await numbers('0x4', 1_000_000)).toEqual([4, 5]);
    expect(await numbers(6, 1)).toEqual([]);
    expect(await numbers(0, 0)).toEqual([]);
    expect(await numbers('0xffffffffffffffff', 10)).toEqual([]);
    expect((await call('synod_getLightBlocks', -1, 1)).error?.code).toBe(-32602);
  });

  it('is never more than a reply has room for', async () => {
    const { ask, node } = await serve();
    node.engineName = 'pos';
    for (let i = 0; i < 300; i++) node.mine();
    expect(await ask('synod_getLightBlocks', 1, 300)).toHaveLength(256);
  });

  it('is a state that the engine has', async () => {
    const { ask, node } = await serve();
    node.engineName = 'pos';
    node.engineAnswer = '0x01';
    const { hash } = node.mine();
    expect(await ask('synod_getConsensusState', hash)).toBe('0x01');
    expect(node.asked).toEqual([['getState', { block: hash }]]);
  });
});

describe('namespaces', () => {
  it('that change the node are not there unless asked for', async () => {
    const { call } = await serve();
    for (const method of ['admin_peers', 'miner_stop', 'synod_heal', 'debug_setHead']) {
      const { error } = await call(method);
      expect(error).toEqual({ code: -32601, message: `the method ${method} does not exist/is not available` });
    }
  });

  it('are open when listed', async () => {
    const { ask } = await serve({ namespaces: ['admin'] });
    expect(await ask('admin_peers')).toHaveLength(1);
  });

  it('that are not listed are closed, even the usual ones', async () => {
    const { call } = await serve({ namespaces: ['net'] });
    expect((await call('eth_chainId')).error?.code).toBe(-32601);
  });

  it('that do not exist are an error of whoever lists them', async () => {
    await expect(serve({ namespaces: ['eth', 'etc'] })).rejects.toMatchObject({ code: 'rpc/namespace' });
  });
});

describe('web3 and net', () => {
  it('say who and where', async () => {
    const { ask } = await serve();
    expect(await ask('web3_clientVersion')).toBe('synod/v0.0.0/test');
    expect(await ask('web3_sha3', '0x68656c6c6f20776f726c64')).toBe('0x47173285a8d7341e5e972fc677286384f802f8ef42a5ec5f03bbfa254cb01fad');
    expect(await ask('net_version')).toBe('31337');
    expect(await ask('net_listening')).toBe(true);
    expect(await ask('net_peerCount')).toBe('0x1');
  });
});

describe('admin', () => {
  it('shows the node and its peers, and connects and disconnects', async () => {
    const { ask, call, node } = await serve({ namespaces: ['admin'] });
    const { genesis } = node.chain;
    expect(await ask('admin_nodeInfo')).toMatchObject({
      id: 'self',
      enode: '/ip4/127.0.0.1/tcp/30303',
      protocols: { synod: { network: 31337, genesis: genesis.hash } },
    });
    expect(await ask('admin_peers')).toMatchObject([{ id: 'peer', network: { inbound: true } }]);
    expect(await ask('admin_addPeer', '/ip4/127.0.0.1/tcp/1')).toBe(true);
    expect((await call('admin_addPeer', 'nonsense')).error).toEqual({
      code: -32000,
      message: 'expected a multiaddr',
      data: { reason: 'network/address' },
    });
    expect(await ask('admin_removePeer', 'peer')).toBe(true);
    expect(await ask('admin_removePeer', 'stranger')).toBe(false);
  });
});

describe('miner', () => {
  it('does not exist under an engine that does not mine, where eth_mining is false', async () => {
    const { ask, call } = await serve({ namespaces: ['miner', 'eth'] });
    expect((await call('miner_start')).error?.code).toBe(-32601);
    expect((await call('eth_coinbase')).error?.code).toBe(-32601);
    expect(await ask('eth_mining')).toBe(false);
    expect(await ask('eth_hashrate')).toBe('0x0');
  });

  it('starts, stops, pays and counts', async () => {
    const { ask, call, node } = await serve({ namespaces: ['miner', 'eth'] });
    const done: unknown[] = [];
    node.miner = {
      status: () => ({ mining: true, threads: 2, hashrate: 1_000.4, beneficiary: RECIPIENT }),
      start: (threads) => void done.push(['start', threads]),
      stop: () => void done.push('stop'),
      setBeneficiary: async (address) => void done.push(address),
    };
    expect(await ask('miner_start', 2)).toBe(null);
    expect(await ask('miner_start', '0x2')).toBe(null);
    expect(await ask('miner_start')).toBe(null);
    expect(await ask('miner_stop')).toBe(null);
    expect(await ask('miner_setEtherbase', RECIPIENT)).toBe(true);
    expect(done).toEqual([['start', 2], ['start', 2], ['start', undefined], 'stop', RECIPIENT]);
    expect(await ask('eth_mining')).toBe(true);
    expect(await ask('eth_hashrate')).toBe('0x3e8');
    expect(await ask('eth_coinbase')).toBe(RECIPIENT);
    expect((await call('miner_start', 0)).error?.code).toBe(-32602);
    expect((await call('miner_start', 1e9)).error?.code).toBe(-32602);
  });
});

describe('synod', () => {
  it('shows the status', async () => {
    const { ask, node } = await serve();
    expect(await ask('synod_status')).toEqual({ head: node.chain.head.hash });
  });

  it('makes faults only on a test network, and only where asked for', async () => {
    const { call, ask, node } = await serve({ namespaces: ['synod', 'fault'] });
    expect((await call('synod_heal')).error?.code).toBe(-32601);
    const done: unknown[] = [];
    node.faults = {
      partition: (allowed) => void done.push(allowed),
      heal: () => void done.push('heal'),
      set: (faults) => void done.push(faults),
      equivocate: (what) => {
        if (what === 'vote') throw new RuleError('fault/cannot-lie', 'No votes here.');
        done.push(what);
      },
    };
    expect(await ask('synod_partition', ['a', 'b'])).toBe(true);
    expect(await ask('synod_heal')).toBe(true);
    expect(done).toEqual([['a', 'b'], 'heal']);
    expect((await call('synod_partition', 'a')).error?.code).toBe(-32602);
    expect((await call('synod_partition', [''])).error?.code).toBe(-32602);
    expect(await ask('synod_equivocate')).toBe(true);
    expect((await call('synod_equivocate', 'vote')).error?.data).toEqual({ reason: 'fault/cannot-lie' });
    expect(await ask('synod_setFaults', { links: [{ from: 'a', loss: 0.5 }], isIdle: true })).toBe(true);
    const link = { from: 'a', isCut: false, delayMs: 0, jitterMs: 0, loss: 0.5 };
    expect(done.slice(2)).toEqual(['proposal', { allowed: null, links: [link], clockOffsetMs: 0, isIdle: true, isWithholding: false }]);
  });

  it.each([
    [{ links: [{ from: 'a', loss: 1.5 }] }],
    [{ links: [{ from: 'a', delayMs: -1 }] }],
    [{ links: [{ loss: 1 }] }],
    [{ links: [{ from: 'a' }, { from: 'a' }] }],
    [{ clockOffsetMs: '30s' }],
    [{ clockOffsetMs: 1e15 }],
    [{ isIdle: 1 }],
    [7],
    ['everything'],
  ])('sets no faults that make no sense: %j', async (faults) => {
    const { call, node } = await serve({ namespaces: ['synod', 'fault'] });
    node.faults = { partition() {}, heal() {}, set: () => expect.unreachable(), equivocate() {} };
    expect((await call('synod_setFaults', faults as Json)).error?.code).toBe(-32602);
  });
});

describe('consensus_remove', () => {
  it('leaves no member alone unless it is forced, nor too few of whom are connected', async () => {
    const { call, node } = await serve({ namespaces: NAMESPACES });
    node.engineName = 'raft';
    const reason = async (plan: Json, ...parameters: Json[]) => {
      node.engineAnswer = plan;
      return (await call('consensus_remove', ['peer'], ...parameters)).error?.data;
    };
    expect(await reason({ members: ['peer'], quorum: 1 })).toMatchObject({ reason: 'consensus/last-member' });
    expect(await reason({ members: ['peer', 'away', 'gone'], quorum: 2 })).toMatchObject({ reason: 'consensus/not-alive' });
    expect(node.asked.map(([name]) => name)).toEqual(['plan', 'plan']);
    expect(await reason({ members: ['peer'], quorum: 1 }, true)).toBeUndefined();
    expect(node.asked.at(-1)).toEqual(['remove', { nodes: ['peer'] }]);
  });
});

describe('consensus_add', () => {
  const member = (node: string, more: { readonly [field: string]: Json } = { proofOfPossession: '0x01' }) => ({
    node,
    publicKey: '0x02',
    ...more,
  });

  it('takes nodes that are there, with a proof that their keys are their own; whatever else must be forced', async () => {
    const { call, node } = await serve({ namespaces: NAMESPACES });
    node.engineName = 'raft';
    const refused = async (...members: Json[]) => (await call('consensus_add', members)).error?.data;
    expect(await refused(member('nonsense'))).toMatchObject({ reason: 'consensus/not-connected' });
    expect(await refused(member('peer', {}))).toMatchObject({ reason: 'consensus/possession' });
    expect(node.asked).toEqual([]);
    expect((await call('consensus_add', [member('peer')])).error).toBeUndefined();
    expect((await call('consensus_add', [member('nonsense', {})], true)).error).toBeUndefined();
    expect(node.asked.map(([name]) => name)).toEqual(['plan', 'add', 'add']);
  });
});
