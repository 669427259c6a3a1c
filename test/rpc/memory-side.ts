/** The process whose memory `memory.test.ts` looks at: an RPC server over a few blocks. Needs `--expose-gc`. */
import { RpcServer } from '../../src/rpc/server.ts';
import { FakeNode, log, transfer } from './fake-node.ts';

export interface Told {
  readonly url?: string;
  /** After a collection. */
  readonly heapBytes?: number;
}

const node = new FakeNode();
// Exactly as many as one round opens: the next round is refused if one of them is left.
const limits = { maxSubscriptions: Number(process.argv[2]), maxConnections: Number(process.argv[3]) };
const server = await RpcServer.start(node, { port: 0, limits });
const transaction = await transfer(0);
const tell = (told: Told) => process.send?.(told);

process.on('message', async (order) => {
  if (order === 'mine') node.mine({ bytes: transaction, logs: [log(1)] });
  if (order === 'heap') {
    // What has ended is given up in the next turns of the loop.
    for (let turn = 0; turn < 3; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      globalThis.gc?.();
    }
    tell({ heapBytes: process.memoryUsage().heapUsed });
  }
});
tell({ url: server.address.url });
