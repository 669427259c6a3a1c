/**
 * Stands in for `synod node` in tests of the supervisor: says that it is ready and waits to be ended.
 * The first argument says how it behaves; the supervisor's own arguments follow and are written to the log.
 */
const [behaviour, ...args] = process.argv.slice(2);
const port = args[args.indexOf('--http.port') + 1];
const peerPort = args[args.indexOf('--port') + 1];
console.log(`arguments ${args.join(' ')}`);
const ready = {
  type: 'ready',
  rpcUrl: `http://127.0.0.1:${port}`,
  operatorToken: 'secret',
  peerId: `peer-${port}`,
  // Where it was told to listen; otherwise on a port that the system gives to nobody by itself.
  addresses: [`/ip4/127.0.0.1/tcp/${peerPort === '0' ? Number(port) - 20_000 : peerPort}/p2p/${port}`],
};
if (args.includes('--metrics')) ready.metricsUrl = `http://127.0.0.1:${args[args.indexOf('--metrics.port') + 1]}`;
switch (behaviour) {
  case 'well':
    process.on('SIGTERM', () => process.exit(0));
    process.on('disconnect', () => process.exit(0));
    process.send(ready);
    break;
  case 'ends-at-once':
    console.log('no such thing');
    process.exit(3);
    break;
  case 'ends-when-ready':
    process.send(ready, () => process.kill(process.pid, 'SIGKILL'));
    break;
}
