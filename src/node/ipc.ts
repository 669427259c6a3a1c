/** Where a node's private socket is: like geth's IPC endpoint, it answers every namespace, and only to the datadir's owner. */
import { join } from 'node:path';

/** sun_path of a Unix socket address: 108 bytes with its final zero on Linux, 104 elsewhere (unix(7)). */
const MAX_SOCKET_PATH_BYTES = 103;

/** Null when the datadir's path is too long for a socket; the node then says so and serves only TCP. */
export function ipcPath(datadir: string): string | null {
  const path = join(datadir, 'synod.ipc');
  return Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES ? null : path;
}
