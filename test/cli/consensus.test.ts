/** `synod consensus` where the node that was asked refuses: over a stand-in for one of a test network. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { registerConsensus } from '../../src/cli/consensus.ts';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { devNodeId } from '../../src/node/dev-nodes.ts';
import { completeOptions } from '../../src/testnet/launch.ts';
import { createManifest, paths } from '../../src/testnet/manifest.ts';
import { DEV_MNEMONIC } from '../../src/wallet/mnemonic.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { runCommand } from './run-command.ts';

const temporary = temporaryDirectories();
const LEADER = 2;

async function refusingWith(message: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code: -32_000, message } }));
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('names the datadir of the leader when a follower was asked', async () => {
  const root = temporary();
  await createManifest(root, completeOptions({ engine: 'raft', nodes: 3 }), builtInGenesis('raft'), 0);
  const leader = await devNodeId(DEV_MNEMONIC, LEADER);
  const url = await refusingWith(`This node does not lead. The leader is ${leader}.`);
  const ask = (...words: string[]) =>
    runCommand(registerConsensus, 'consensus', ...words, '--rpc', url, '--datadir', paths.datadir(root, 0));
  for (const words of [
    ['transfer', '1'],
    ['remove', '1'],
  ]) {
    const { exitCode, stderr } = await ask(...words);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`The leader is ${leader} (node ${LEADER}).`);
    expect(stderr).toContain(`Name its datadir: --datadir ${paths.datadir(root, LEADER)}`);
    expect(stderr.match(/The leader is/g)).toHaveLength(1);
  }
});
