/** Starts a stand-in for a node, holds it still, says its process id, and waits to be killed. Its argument is a file for the log. */
import { fileURLToPath } from 'node:url';
import { NodeChild } from '../../src/testnet/child.ts';

const child = new NodeChild({
  index: 0,
  command: [process.execPath, fileURLToPath(new URL('./fake-node.mjs', import.meta.url)), 'well'],
  logFile: process.argv[2] ?? '',
  arguments: () => ['--http.port', '40000', '--port', '0'],
  onExit: () => undefined,
});
await child.start();
// The watch of the first pause must not let it go on from the second one.
child.pause();
child.resume();
child.pause();
console.log(JSON.stringify({ pid: child.pid, state: child.state }));
setInterval(() => undefined, 60_000);
