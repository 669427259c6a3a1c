/** What `synod doctor` looks at in a data directory and on the machine. Nothing is changed, and nobody is asked but the node itself. */
import { accessSync, constants, existsSync, lstatSync, readdirSync, statfsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { explain, SynodError } from '../base/errors.ts';
import { EMPTY_TRIE_ROOT } from '../chain/header.ts';
import { existingDatadir, networkAdvice, openStopped } from '../node/maintenance/stopped.ts';
import type { NodeStatus } from '../node/status.ts';
import { TABLES } from '../storage/layout.ts';
import { listValidators, validatorDirectory } from '../wallet/validator-directory.ts';
import { sizeText } from './testnet-snapshot.ts';

export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly message: string;
}

/** The head as far as it is known, from the database or from the node. */
export interface Head {
  readonly number: number;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

const MIN_NODE_MAJOR = 24;
const MIN_FREE_BYTES = 200e6;
const LOW_FREE_BYTES = 2e9;
const OTHERS_MAY = 0o077;
/** As the node judges it at its start. */
const MAX_AHEAD_SECONDS = 60;
/** A chain that nobody has added to for so long makes one ask why. */
const OLD_HEAD_SECONDS = 3_600;
const JUMP_MS = 2_000;
const CLOCK_SAMPLE_MS = 200;
const DIAL_TIMEOUT_MS = 2_000;
const MAX_SHOWN = 3;

export const ok = (check: string, message: string): Finding => ({ check, status: 'ok', message });
export const warning = (check: string, message: string): Finding => ({ check, status: 'warn', message });
export const failure = (check: string, message: string): Finding => ({ check, status: 'fail', message });

export function checkNodeVersion(version = process.versions.node): Finding {
  const [major = 0] = version.split('.').map(Number);
  if (major >= MIN_NODE_MAJOR) return ok('node', `Node.js ${version}`);
  return failure('node', `Node.js ${version}; synod needs ${MIN_NODE_MAJOR} or later. Start it through npx or npm, which bring their own.`);
}

/** Who may do what in it, and how much fits. */
export function checkDirectory(datadir: string): Finding[] {
  if (!existsSync(datadir))
    return [failure('datadir', `There is no ${datadir}. \`synod init\` or a first \`synod node\` makes it; or name another --datadir.`)];
  const advice = networkAdvice(datadir);
  if (advice !== null) return [failure('datadir', advice)];
  const findings: Finding[] = [];
  const { mode, uid } = lstatSync(datadir);
  const isOwn = process.getuid === undefined || uid === process.getuid();
  try {
    accessSync(datadir, constants.R_OK | constants.W_OK | constants.X_OK);
    findings.push(
      isOwn
        ? ok('datadir', datadir)
        : warning('datadir', `${datadir} belongs to user ${uid}. Run the node as that user, or change the owner.`),
    );
  } catch {
    findings.push(
      failure('datadir', `${datadir} cannot be written by this user. Change its owner, or run the node as the user that it belongs to.`),
    );
  }
  if (isOwn && (mode & OTHERS_MAY) !== 0) findings.push(warning('datadir', `Others may look into ${datadir}: chmod 700 ${datadir}`));
  findings.push(freeSpace(datadir), ...leftovers(datadir));
  return findings;
}

function freeSpace(datadir: string): Finding {
  const { bavail, bsize } = statfsSync(datadir);
  const free = bavail * bsize;
  if (free < MIN_FREE_BYTES) return failure('space', `${sizeText(free)} free: the node will stop when it is full. Free some space.`);
  return free < LOW_FREE_BYTES ? warning('space', `Only ${sizeText(free)} free.`) : ok('space', `${sizeText(free)} free`);
}

/** What repairs and resyncs have kept for the case of a mistake. */
function leftovers(datadir: string): Finding[] {
  const synod = join(datadir, 'synod');
  if (!existsSync(synod)) return [];
  const old = readdirSync(synod).filter((name) => name === 'chaindata.old' || name.startsWith('chaindata.damaged-'));
  return old.map((name) =>
    warning('space', `${join(synod, name)} is an earlier chain that was set aside; remove it when it is not needed any more.`),
  );
}

/** Nobody else may read a key. */
export function checkKeyModes(datadir: string): Finding {
  const folders = [join(datadir, 'keystore'), validatorDirectory(datadir)].filter(existsSync);
  const files = [join(datadir, 'synod', 'nodekey'), join(datadir, 'validators-password')].filter(existsSync);
  const all = [...folders, ...files, ...folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))];
  const open = all.filter((path) => (lstatSync(path).mode & OTHERS_MAY) !== 0);
  if (open.length === 0) return ok('keys', `${all.length - folders.length} key files, for their owner only`);
  const more = open.length > MAX_SHOWN ? ` and ${open.length - MAX_SHOWN} more` : '';
  return failure(
    'keys',
    `Others may read ${open.slice(0, MAX_SHOWN).join(', ')}${more}: chmod go= on each. Keys that somebody may have seen should be replaced.`,
  );
}

/** Whoever validates must remember what it signed. */
export async function checkProtection(datadir: string): Promise<Finding[]> {
  const { validators, unreadable } = await listValidators(validatorDirectory(datadir));
  const broken = unreadable.map(({ path, reason }) => warning('validators', `${path} is left out: ${reason}`));
  if (validators.length === 0) return broken;
  const keys = `${validators.length} ${validators.length === 1 ? 'key' : 'keys'}`;
  const { identity } = existingDatadir(datadir);
  if (identity.complete.includes('consensus')) return [...broken, ok('validators', `${keys}, with a record of what they have signed`)];
  const advice = 'If they have signed elsewhere, bring the record from there first: synod validator protection import.';
  return [...broken, warning('validators', `${keys}, and no record of what they have signed. ${advice}`)];
}

/** The version of the directory, and whether the genesis document is its own. */
export async function checkIdentity(datadir: string, document: unknown): Promise<Finding[]> {
  try {
    const { identity } = existingDatadir(datadir);
    const version = ok('version', `data directory of format ${identity.formatVersion}`);
    const { buildGenesis, parseGenesis } = await import('../execution/genesis.ts');
    const { params } = await buildGenesis(parseGenesis(document));
    const name = `chain ${params.chainId}, engine ${params.engine.name}, genesis ${params.genesisHash}`;
    if (params.genesisHash === identity.genesisHash) return [version, ok('genesis', name)];
    const advice = 'Name the document that the directory was made with, or another --datadir.';
    return [
      version,
      failure('genesis', `The genesis document is that of ${name}; the directory belongs to ${identity.genesisHash}. ${advice}`),
    ];
  } catch (error) {
    if (error instanceof SynodError) return [failure('version', explain(error))];
    throw error;
  }
}

/** Opens both databases, as a start would. Throws `storage/locked` when a node runs there. */
export async function checkDatabases(datadir: string): Promise<{ readonly findings: Finding[]; readonly head: Head | null }> {
  try {
    const node = await openStopped(datadir);
    try {
      const { chain } = node.databases;
      const hash = chain.get(TABLES.head, null);
      const number = hash === undefined ? undefined : chain.get(TABLES.number, hash);
      const record = hash === undefined || number === undefined ? undefined : chain.get(TABLES.header, { number, hash });
      if (record === undefined)
        return {
          findings: [failure('database', 'The databases open, but the chain has no head. `synod db repair` says what can be kept.')],
          head: null,
        };
      const { stateRoot, timestamp } = record.header;
      const isThere = stateRoot === EMPTY_TRIE_ROOT || chain.get(TABLES.node, stateRoot) !== undefined;
      const findings = isThere
        ? [
            ok('database', `opens; head is block ${number} ${hash}`),
            ok('state', `the root of the head's state is there (all of it: synod db verify)`),
          ]
        : [failure('state', `The state of block ${number} is missing. \`synod db repair\` says what can be kept.`)];
      return { findings, head: { number: record.header.number, timestamp } };
    } finally {
      await node.close();
    }
  } catch (error) {
    if (!(error instanceof SynodError) || error.code === 'storage/locked') throw error;
    return { findings: [failure('database', explain(error))], head: null };
  }
}

/** Against the monotonic clock, which nobody sets, and against the newest block, which others have dated. */
export async function checkClock(head: Head | null, isRunning: boolean, nowMs: () => number = Date.now): Promise<Finding[]> {
  const offset = () => nowMs() - performance.now();
  const before = offset();
  await new Promise((resolve) => setTimeout(resolve, CLOCK_SAMPLE_MS));
  const jumpMs = Math.round(Math.max(Math.abs(offset() - before), Math.abs(before - performance.timeOrigin)));
  const clock = jumpMs >= JUMP_MS ? [warning('clock', `The system clock was just set by ${jumpMs} ms. Let a time service keep it.`)] : [];
  if (head === null || head.number === 0) return clock;
  const ageSeconds = Math.round(nowMs() / 1_000 - head.timestamp);
  if (ageSeconds < -MAX_AHEAD_SECONDS) {
    return [
      ...clock,
      failure(
        'clock',
        `Block ${head.number} is of ${-ageSeconds} s from now: this clock is behind, or the one of its maker was ahead. Set the clock.`,
      ),
    ];
  }
  if (isRunning && ageSeconds > OLD_HEAD_SECONDS) {
    return [
      ...clock,
      warning('clock', `The newest block is ${ageSeconds} s old. If others make blocks, this node has no peers or its clock is wrong.`),
    ];
  }
  return [...clock, ok('clock', `the newest block is ${Math.max(0, ageSeconds)} s old`)];
}

/** Of a node that is to be started. */
export async function checkPorts(ports: readonly (readonly [name: string, port: number, flag: string])[]): Promise<Finding[]> {
  return await Promise.all(
    ports.map(async ([name, port, flag]) => {
      if (await isFree(port)) return ok('ports', `${port} for ${name} is free`);
      return failure('ports', `${port} for ${name} is taken by another process. Stop that, or start the node with another ${flag}.`);
    }),
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** That somebody listens there; who it is only the node finds out. */
export async function checkBootnodes(bootnodes: readonly string[]): Promise<Finding[]> {
  return await Promise.all(
    bootnodes.map(async (address) => {
      const [, host, port] = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})\/p2p\/\w+$/.exec(address) ?? [];
      if (host === undefined) return failure('bootnodes', `${address} is no address such as /ip4/127.0.0.1/tcp/30303/p2p/12D3KooW...`);
      const trouble = await dial(host, Number(port));
      return trouble === null ? ok('bootnodes', `${address} answers`) : warning('bootnodes', `${address} does not answer (${trouble}).`);
    }),
  );
}

function dial(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: DIAL_TIMEOUT_MS });
    const end = (trouble: string | null) => {
      socket.destroy();
      resolve(trouble);
    };
    socket.once('connect', () => end(null));
    socket.once('timeout', () => end(`not within ${DIAL_TIMEOUT_MS / 1_000} s`));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

/** What a running node says of itself. */
export function checkStatus(status: NodeStatus): Finding[] {
  const { head, peers, sync, consensus, partition, engine } = status;
  const jumps = Number((consensus as { readonly counts?: { readonly clockJumps?: number } } | null)?.counts?.clockJumps ?? 0);
  return [
    ok('database', `in use by the running node; head is block ${head.number} ${head.hash}`),
    peers > 0 || engine === 'replay'
      ? ok('peers', `${peers}`)
      : warning('peers', 'None: nobody to agree with. Check --bootnodes, and that both are of one network.'),
    sync.state === 'idle' ? ok('sync', 'level with its peers') : warning('sync', `${sync.state}: block ${sync.current} of ${sync.target}`),
    ...(jumps > 0
      ? [warning('clock', `The node has seen its clock jump ${jumps} times since its start. Let a time service keep it.`)]
      : []),
    ...(partition === null ? [] : [warning('peers', `A partition is in force: it may talk to ${partition.length} peers only.`)]),
  ];
}
