/** `synod doctor`: what would keep a node from running well, and what to do about it. */
import type { Command } from 'commander';
import { SynodError, UsageError } from '../base/errors.ts';
import { DEFAULTS } from '../node/config.ts';
import { readOperatorFile } from '../node/operator-file.ts';
import type { NodeStatus } from '../node/status.ts';
import type { Finding, Head } from './doctor-checks.ts';
import { genesisFor } from './genesis.ts';
import { absolutePath, defaultDatadir, listOption, portOption } from './options.ts';
import { print, style } from './output.ts';
import { createRpcClient } from './rpc-client.ts';

interface DoctorFlags {
  readonly datadir: string;
  readonly genesis?: string;
  readonly port: number;
  readonly 'http.port': number;
  readonly bootnodes: string[];
  readonly json?: boolean;
}

const RPC_TIMEOUT_MS = 5_000;
const STYLES = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

export function registerDoctor(program: Command): void {
  const { network, rpc } = DEFAULTS;
  program
    .command('doctor')
    .description('check a data directory, the clock, ports and peers, whether the node runs or not')
    .option('--datadir <dir>', 'datadir of the node', absolutePath, defaultDatadir())
    .option('--genesis <file>', "genesis document that it should be of (default: the datadir's own)")
    .option('--port <port>', 'TCP port that the node will listen on for peers', portOption('port'), network.port)
    .option('--http.port <port>', 'port that its RPC server will have', portOption('http.port'), rpc.port)
    .option('--bootnodes <list>', 'peers that it will connect to, as comma-separated multiaddrs', listOption, [])
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit code: 0 if nothing fails (warnings are no failures), 1 otherwise.\n\nExamples:\n  synod doctor\n  synod doctor --datadir ./mine --bootnodes /ip4/10.0.0.1/tcp/30303/p2p/12D3KooW... --json',
    )
    .action(async (flags: DoctorFlags) => {
      const { findings, isRunning } = await examine(flags);
      const isHealthy = findings.every(({ status }) => status !== 'fail');
      print(flags.json, { datadir: flags.datadir, running: isRunning, healthy: isHealthy, findings }, () => findingsText(findings));
      if (!isHealthy) process.exitCode = 1;
    });
}

interface Examination {
  readonly findings: readonly Finding[];
  readonly isRunning: boolean;
}

async function examine(flags: DoctorFlags): Promise<Examination> {
  const checks = await import('./doctor-checks.ts');
  const { datadir } = flags;
  const findings: Finding[] = [checks.checkNodeVersion(), ...checks.checkDirectory(datadir)];
  const examined = () => ({ findings, isRunning: false });
  if (findings.some(({ check, status }) => check === 'datadir' && status === 'fail')) return examined();
  const bootnodes = () => checks.checkBootnodes(flags.bootnodes);
  try {
    const document = genesisFor(datadir, { genesis: flags.genesis });
    findings.push(
      ...(await checks.checkIdentity(datadir, document)),
      checks.checkKeyModes(datadir),
      ...(await checks.checkProtection(datadir)),
    );
  } catch (error) {
    if (!(error instanceof SynodError)) throw error;
    findings.push(checks.failure('genesis', error.message));
    return examined();
  }
  if (findings.some(({ check, status }) => check === 'version' && status === 'fail')) return examined();
  const status = await runningStatus(datadir);
  if (status !== null) {
    findings.push(...checks.checkStatus(status), ...(await checks.checkClock(status.head, true)), ...(await bootnodes()));
    return { findings, isRunning: true };
  }
  const stopped = await checkStopped(datadir, checks);
  findings.push(...stopped.findings, ...(await checks.checkClock(stopped.head, false)));
  const ports = [
    ['peers', flags.port, '--port'],
    ['RPC', flags['http.port'], '--http.port'],
  ] as const;
  if (!stopped.isLocked) findings.push(...(await checks.checkPorts(ports)));
  findings.push(...(await bootnodes()));
  return { findings, isRunning: stopped.isLocked };
}

type Checks = typeof import('./doctor-checks.ts');

async function checkStopped(
  datadir: string,
  { checkDatabases, warning }: Checks,
): Promise<{ readonly findings: readonly Finding[]; readonly head: Head | null; readonly isLocked: boolean }> {
  try {
    return { ...(await checkDatabases(datadir)), isLocked: false };
  } catch (error) {
    if (!(error instanceof SynodError)) throw error;
    const message =
      'A process has the data directory open, but no node answers for it: one that is starting or stopping, that hangs, or that serves no RPC.';
    return { findings: [warning('database', message)], head: null, isLocked: true };
  }
}

/** Null when none answers. */
async function runningStatus(datadir: string): Promise<NodeStatus | null> {
  const operator = readOperatorFile(datadir);
  if (operator === null) return null;
  try {
    return (await createRpcClient(operator.url, { token: operator.token, timeoutMs: RPC_TIMEOUT_MS }).call('synod_status')) as NodeStatus;
  } catch (error) {
    // What a killed node left; or the port is another program's by now.
    if (error instanceof UsageError) return null;
    throw error;
  }
}

export function findingsText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.map(
    ({ check, status, message }) => `${style(STYLES[status], status.padEnd(4))}  ${check.padEnd(width)}  ${message}`,
  );
  const count = (wanted: Finding['status']) => findings.filter(({ status }) => status === wanted).length;
  return [...lines, `ok: ${count('ok')}, warn: ${count('warn')}, fail: ${count('fail')}`].join('\n');
}
