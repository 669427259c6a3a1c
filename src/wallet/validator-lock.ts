/**
 * Two processes that sign with one validator's key are slashed, so the second one on a machine is refused, wherever its
 * copy of the key file lies.
 *
 * Each process leaves a claim for each of its keys in one directory of the machine: a file whose name has the key, the
 * network, and the process in it. A process claims first and looks second, so that of two at once at least one sees the
 * other; and since no two processes ever have the same name, a claim whose process is gone can be removed by anybody
 * without a race. A process is known by its number and the time of its start, and so kill -9 leaves nothing behind that
 * a person would have to remove.
 *
 * Where the same keys sign for different networks nothing can be held against them, since every signature names its
 * network; test networks that share well-known keys run side by side.
 */
import { chmodSync, closeSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import type { PublicKey } from '../base/signatures.ts';
import type { Hash } from '../base/types.ts';

export interface ValidatorLocks {
  /** Gives the keys up. More than once does no harm. */
  release(): void;
}

const CLAIM = /^(0x[0-9a-f]{96})-([0-9a-f]{16})-(\d+)-(\d+)-([0-9a-f]+)$/;
/** Of the hash of the genesis block: enough to tell networks apart. */
const NETWORK_DIGITS = 16;
const OTHERS_MAY = 0o077;
/** More than a claim holds. */
const MAX_NOTE_CHARACTERS = 4_096;

/**
 * The same for all processes of a user, whatever their environment says. Files there are gone after a restart of most
 * machines, and claims from before one are known by it where they are not.
 */
export function defaultLockDirectory(): string {
  // Where users have no numbers, each has a temporary directory of its own.
  return process.getuid === undefined ? join(tmpdir(), 'synod-validator-locks') : `/tmp/synod-validator-locks-${process.getuid()}`;
}

/**
 * All of the keys or none. `holder` says to people what holds them, such as a datadir. Throws `wallet/validator-locked`
 * when a process on this machine has one of them on this network, and `wallet/validator-lock-io`.
 */
export function lockValidators(
  keys: readonly PublicKey[],
  network: Hash,
  holder: string,
  directory: string = defaultLockDirectory(),
): ValidatorLocks {
  const self = `${network.slice(2, 2 + NETWORK_DIGITS)}-${ownIdentity()}`;
  const claims: string[] = [];
  const release = (): void => {
    for (const claim of claims.splice(0)) rmSync(claim, { force: true });
  };
  try {
    prepare(directory);
    for (const key of keys) {
      const path = join(directory, `${key}-${self}`);
      if (!claim(path, holder)) throw locked(key, process.pid, holder);
      claims.push(path);
    }
    refuseOthers(directory, new Set(keys), self);
  } catch (error) {
    release();
    throw error instanceof UsageError ? error : ioError(directory, error);
  }
  return { release };
}

/** False when this very process has it already. */
function claim(path: string, holder: string): boolean {
  try {
    const file = openSync(path, 'wx', 0o600);
    try {
      writeSync(file, holder);
    } finally {
      closeSync(file);
    }
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Looks at the claims of others, and removes those whose process is gone. */
function refuseOthers(directory: string, keys: ReadonlySet<string>, self: string): void {
  const [network] = self.split('-');
  for (const name of readdirSync(directory)) {
    const [, key = '', itsNetwork, pid, startedAt, machine] = CLAIM.exec(name) ?? [];
    if (machine === undefined || name === `${key}-${self}`) continue;
    const path = join(directory, name);
    if (!isRunning(Number(pid), String(startedAt), machine)) rmSync(path, { force: true });
    else if (keys.has(key) && itsNetwork === network) throw locked(key as PublicKey, Number(pid), noteIn(path));
  }
}

function noteIn(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(0, MAX_NOTE_CHARACTERS);
  } catch {
    return '';
  }
}

/** Others could remove claims from a directory of theirs, or see who validates here. */
function prepare(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const about = lstatSync(directory);
  if (!about.isDirectory() || (process.getuid !== undefined && about.uid !== process.getuid())) {
    const message = `${directory}, where processes say which validators' keys they use, belongs to somebody else. Ask for it to be removed.`;
    throw new UsageError('wallet/validator-lock-io', message, { path: directory });
  }
  if (process.getuid !== undefined && (about.mode & OTHERS_MAY) !== 0) chmodSync(directory, 0o700);
}

// ---- Processes -------------------------------------------------------------------------------------------------

/** Number, time of the start (in ticks since the machine started), and which start of the machine. */
function ownIdentity(): string {
  return `${process.pid}-${startOf(process.pid) ?? '0'}-${machineStart()}`;
}

function isRunning(pid: number, startedAt: string, machine: string): boolean {
  if (machine !== machineStart()) return false;
  if (process.platform === 'linux') return startOf(pid) === startedAt;
  // Without the time of the start, another program that has the number by now looks like the one that had it.
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** proc(5), /proc/pid/stat: the third field is the state and the 22nd the start. Undefined for a process that is gone. */
function startOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses, and may itself have spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    // A zombie only waits for its parent to hear of its end.
    return state === 'Z' || state === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function machineStart(): string {
  if (process.platform !== 'linux') return '0';
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim().replaceAll('-', '');
}

function locked(publicKey: PublicKey, pid: number, holder: string): UsageError {
  const where = holder === '' ? '' : ` (${holder})`;
  const who = pid === process.pid ? 'This process' : `Process ${pid}`;
  const message = `${who}${where} signs with the key ${publicKey} on this network already. Two that do are slashed: stop it first.`;
  return new UsageError('wallet/validator-locked', message, { publicKey, pid });
}

function ioError(directory: string, cause: unknown): UsageError {
  const message = `Cannot say in ${directory} which validators' keys this process uses, and so not rule out that another uses them`;
  return new UsageError('wallet/validator-lock-io', message, { path: directory }, cause);
}
