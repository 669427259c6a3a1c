/** Ports for a second network beside one that has the usual ones. */
import { createServer } from 'node:net';
import { UsageError } from '../../base/errors.ts';

/** The usual ones begin at 8545. */
const FIRST_PORT = 8645;
const STEP = 100;
const MAX_ATTEMPTS = 100;

/** The first of `count` ports in a row that nobody listens on now, at which a fork's RPC begins. Throws `testnet/ports`. */
export async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const first = FIRST_PORT + attempt * STEP;
    if (await areFree(first, count)) return first;
  }
  throw new UsageError('testnet/ports', `No ${count} ports in a row are free from ${FIRST_PORT} on; name some with --rpc-port.`);
}

async function areFree(first: number, count: number): Promise<boolean> {
  for (let port = first; port < first + count; port++) if (!(await isFree(port))) return false;
  return true;
}

/** On loopback, where test networks serve. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
