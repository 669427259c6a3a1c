import { describe, expect, it } from 'vitest';
import { serve } from './client.ts';
import { transfer } from './fake-node.ts';

const GWEI = 1_000_000_000n;

describe('suggestions', () => {
  it('are one gwei while nobody pays anything, and the base fee of the next block with it', async () => {
    const { ask, node } = await serve();
    node.mine();
    expect(await ask('eth_maxPriorityFeePerGas')).toBe('0x3b9aca00');
    const next = node.chain.nextBaseFee(node.chain.head.header) ?? 0n;
    expect(BigInt(await ask('eth_gasPrice'))).toBe(GWEI + next);
    expect(await ask('eth_baseFee')).toBe(`0x${next.toString(16)}`);
    expect(await ask('eth_blobBaseFee')).toBe('0x1');
  });

  it('are the 60th percentile of the lowest tips of recent blocks', async () => {
    const { ask, node } = await serve();
    const tips = [1n, 2n, 3n, 50n];
    node.mine(...(await Promise.all(tips.map(async (tip, nonce) => ({ bytes: await transfer(nonce, tip * GWEI) })))));
    // Of 1, 2 and 3 gwei; the fourth lowest is not asked.
    expect(BigInt(await ask('eth_maxPriorityFeePerGas'))).toBe(2n * GWEI);
    node.mine({ bytes: await transfer(4, 9n * GWEI) });
    // Of 1, 2, 3 and 9: counted anew for the new head.
    expect(BigInt(await ask('eth_maxPriorityFeePerGas'))).toBe(2n * GWEI);
    node.mine({ bytes: await transfer(5, 9n * GWEI) });
    expect(BigInt(await ask('eth_maxPriorityFeePerGas'))).toBe(3n * GWEI);
  });

  it('stay between what the pool takes and what is sane', async () => {
    const { ask, node } = await serve();
    node.mine({ bytes: await transfer(0, 0n) });
    expect(await ask('eth_maxPriorityFeePerGas')).toBe('0x1');
  });
});

describe('eth_feeHistory', () => {
  it('tells base fees (one more than blocks), fullness, and tips by share of gas', async () => {
    const { ask, node } = await serve();
    node.mine();
    node.mine(
      { bytes: await transfer(0, 3n), gasUsed: 60_000n },
      { bytes: await transfer(1, 1n), gasUsed: 20_000n },
      { bytes: await transfer(2, 2n), gasUsed: 20_000n },
    );
    const history = await ask('eth_feeHistory', '0x2', 'latest', [0, 20, 21, 40, 41, 100]);
    const fee = (number: number) => `0x${node.chain.at(number).header.baseFeePerGas?.toString(16)}`;
    expect(history).toEqual({
      oldestBlock: '0x1',
      baseFeePerGas: [fee(1), fee(2), `0x${node.chain.nextBaseFee(node.chain.head.header)?.toString(16)}`],
      gasUsedRatio: [0, 100_000 / 30_000_000],
      baseFeePerBlobGas: ['0x1', '0x1', '0x1'],
      blobGasUsedRatio: [0, 0],
      reward: [Array.from({ length: 6 }, () => '0x0'), ['0x1', '0x1', '0x2', '0x2', '0x3', '0x3']],
    });
  });

  it('takes counts as numbers, stops at genesis, and leaves rewards out when they are not asked for', async () => {
    const { ask, node } = await serve();
    node.mine();
    const history = await ask('eth_feeHistory', 10, '0x1');
    expect(history).toMatchObject({ oldestBlock: '0x0', gasUsedRatio: [0, 0] });
    expect(history).not.toHaveProperty('reward');
    expect(await ask('eth_feeHistory', 0, 'latest', [])).toEqual({ oldestBlock: '0x0', gasUsedRatio: [] });
  });

  it('answers at most 1,024 blocks', async () => {
    const { ask, node } = await serve();
    for (let block = 0; block < 1_030; block++) node.mine();
    const history = await ask('eth_feeHistory', '0xffffffff', 'latest');
    expect(history.gasUsedRatio).toHaveLength(1_024);
    expect(history.oldestBlock).toBe('0x7');
  });

  it('refuses what cannot be', async () => {
    const { call } = await serve();
    const codeOf = async (...params: Parameters<typeof call> extends [string, ...infer P] ? P : never) =>
      (await call('eth_feeHistory', ...params)).error;
    expect(await codeOf('0x1', '0x5')).toEqual({ code: -32000, message: 'request beyond head block: requested 5, head 0' });
    expect((await codeOf('0x1', 'latest', [101]))?.code).toBe(-32602);
    expect((await codeOf('0x1', 'latest', [-1]))?.code).toBe(-32602);
    expect((await codeOf('0x1', 'latest', [50, 20]))?.message).toContain('expected them to ascend');
    expect(
      (
        await codeOf(
          '0x1',
          'latest',
          Array.from({ length: 101 }, () => 1),
        )
      )?.code,
    ).toBe(-32602);
    expect((await codeOf('0x1', 'latest', ['5']))?.code).toBe(-32602);
    expect((await codeOf(-1, 'latest'))?.code).toBe(-32602);
  });
});
