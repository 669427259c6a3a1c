/**
 * Makes sure that what the repository needs is installed, before every npm script (`prestart`, `pretest`, ...).
 *
 * Plain JavaScript for Node 18 and later, with Node's own modules only: it runs on the machine's Node before anything
 * is there. npm puts node_modules/.bin first on the PATH of its scripts, so that the script after this one runs on the
 * Node 24 that the optional dependencies bring.
 *
 * The stamp file says what is installed:
 *   the hash of package.json, package-lock.json and the platform   everything: done, without starting npm
 *   the same and RUNTIME                                           all that a node needs, without the tools of its
 *                                                                  developers (`--runtime` asks for no more)
 *   another hash                                                   an older state: npm brings it up to date, with the
 *                                                                  tools if they were there
 *   INCOMPLETE                                                     an installation was killed: begin from nothing,
 *                                                                  because npm takes a half-unpacked package for whole
 *   absent                                                         never installed, or by hand: npm decides
 *
 * `npm ci` cannot be used, because it insists on a lock file that names the optional packages of every platform.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MODULES = join(ROOT, 'node_modules');
const BIN = join(MODULES, '.bin');
const STAMP_NAME = '.synod-install';
const STAMP = join(MODULES, STAMP_NAME);
const LOCK = `${STAMP}.lock`;
const INCOMPLETE = 'incomplete';
const RUNTIME = ' runtime';
/** Whether what runs next is a node: compilers, browsers' drivers and other chains' tools are four fifths of the bytes. */
const IS_RUNTIME_ENOUGH = process.argv.includes('--runtime');
const NODE_MAJOR = 24;
const NPM_INSTALL = 'install --no-save --no-audit --no-fund --loglevel=error --include=optional --prefer-offline';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const LOCK_INTERVAL_MS = 200;
const LOCK_TIMEOUT_MS = 15 * 60 * 1000;

/** A failure with a sentence for the person at the keyboard. The classes of src/base are TypeScript, out of reach here. */
class InstallError extends Error {}

async function main() {
  if (!isInstalled()) {
    const lock = await acquireLock();
    try {
      // Another start may have installed everything while this one waited.
      if (!isInstalled()) await install(lock);
    } finally {
      lock.release();
    }
  }
  checkNode();
}

// ---- What is installed -----------------------------------------------------------------------------------------

function wantedStamp() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const name of ['package.json', 'package-lock.json']) hash.update(`\n${readIfThere(join(ROOT, name))}`);
  return hash.digest('hex');
}

function isInstalled() {
  const stamp = readIfThere(STAMP);
  return stamp === wantedStamp() || (IS_RUNTIME_ENOUGH && stamp === wantedStamp() + RUNTIME);
}

function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

async function install(lock) {
  // npm writes its own list of what it installed last of all: without that, a run of npm by hand did not end either.
  const isHalfDone = readIfThere(STAMP) === INCOMPLETE || !existsSync(join(MODULES, '.package-lock.json'));
  const isRuntime = IS_RUNTIME_ENOUGH && (isHalfDone || readIfThere(STAMP).endsWith(RUNTIME));
  const stamp = wantedStamp() + (isRuntime ? RUNTIME : '');
  writeFileSync(STAMP, INCOMPLETE);
  if (isHalfDone) clearModules();
  process.stderr.write('synod: installing dependencies...\n');
  // npm leaves out optional packages that want a newer Node than it runs on itself: first it brings ours, then all the rest on that.
  if (isRuntime || (npmOnOwnNode() === null && !isNewEnough(process.version))) await runNpm(lock, ['npm'], '--omit=dev');
  if (!isRuntime) await runNpm(lock, npmOnOwnNode() ?? ['npm'], '--include=dev');
  dropUselessNode();
  writeFileSync(STAMP, stamp);
}

/** Everything but the stamp and the lock. */
function clearModules() {
  for (const name of readdirSync(MODULES)) {
    if (!name.startsWith(STAMP_NAME)) rmSync(join(MODULES, name), { recursive: true, force: true });
  }
}

/** npm's own script on the Node that came with the dependencies, where the machine's is too old. Null where either is not there. */
function npmOnOwnNode() {
  if (isNewEnough(process.version) || !isNewEnough(versionOfOwnNode())) return null;
  const npm = pathWithoutBin()
    .map((directory) => join(directory, 'npm'))
    .find((file) => existsSync(file));
  const script = npm === undefined ? '' : realpathSync(npm);
  return script.endsWith('.js') ? [join(BIN, 'node'), script] : null;
}

/** npm must not find the Node in our own bin directory, which it may replace. */
function pathWithoutBin() {
  return (process.env.PATH ?? '').split(delimiter).filter((entry) => resolve(entry) !== BIN);
}

async function runNpm(lock, command, dev) {
  const { code, signal } = await endOfNpm(lock, command, dev);
  if (signal !== null) throw new InstallError(`The installation was interrupted (${signal}). The next start begins it anew.`);
  if (code === 0) return;
  // npm that gives up takes back what it did.
  unlinkSync(STAMP);
  throw new InstallError(
    `npm could not install the dependencies (exit code ${code}); its own message is above. It needs the network once.`,
  );
}

/** A signal that came while it ran counts as the end, even if npm exits with a code after it. */
function endOfNpm(lock, [file, ...args], dev) {
  return new Promise((fulfil, reject) => {
    const env = { ...process.env, PATH: pathWithoutBin().join(delimiter) };
    let interruption = null;
    const interrupt = (signal) => {
      interruption = signal;
      npm.kill(signal);
    };
    for (const signal of SIGNALS) process.on(signal, interrupt);
    // stdout belongs to the script that comes after; what npm says goes to stderr.
    const npm = spawn(file, [...args, ...NPM_INSTALL.split(' '), dev], { cwd: ROOT, stdio: ['ignore', 2, 2], env });
    if (npm.pid !== undefined) lock.shareWith(npm.pid);
    npm.on('error', (error) => reject(new InstallError(`Cannot run npm (${error.message}). Install Node.js together with npm.`)));
    npm.on('close', (code, signal) => {
      for (const name of SIGNALS) process.off(name, interrupt);
      fulfil({ code, signal: interruption ?? signal });
    });
  });
}

// ---- A Node that is new enough ---------------------------------------------------------------------------------

/** Fails unless the script that npm starts next will find a Node that runs TypeScript. */
function checkNode() {
  if (isNewEnough(process.version) || isNewEnough(versionOfOwnNode())) return;
  throw new InstallError(
    `synod needs Node ${NODE_MAJOR} or later, but this is ${process.version}, and none that comes with the dependencies runs on ${process.platform} ${process.arch}. Please install Node ${NODE_MAJOR}.`,
  );
}

/** Where the packaged Node cannot run (another C library), it must not hide the machine's own, if that is new enough. */
function dropUselessNode() {
  if (isNewEnough(process.version) && !isNewEnough(versionOfOwnNode())) rmSync(join(BIN, 'node'), { force: true });
}

function versionOfOwnNode() {
  return spawnSync(join(BIN, 'node'), ['--version'], { encoding: 'utf8' }).stdout ?? '';
}

function isNewEnough(version) {
  return Number(/^v(\d+)\./.exec(version)?.[1] ?? 0) >= NODE_MAJOR;
}

// ---- One installation at a time --------------------------------------------------------------------------------

/**
 * The lock is a directory with a file for each process that holds it: this one, and npm, which may outlive it. It
 * appears together with its first file, by a rename that fails while the directory has any. Files of dead processes
 * are taken out by name, so that nobody can take out the file of a live one by mistake.
 */
async function acquireLock() {
  mkdirSync(MODULES, { recursive: true });
  const own = holderName(process.pid);
  const candidate = `${LOCK}-${own}`;
  mkdirSync(candidate, { recursive: true });
  writeFileSync(join(candidate, own), '');
  try {
    await takePlace(candidate);
  } finally {
    rmSync(candidate, { recursive: true, force: true });
  }
  const holders = [own];
  return {
    shareWith(pid) {
      holders.push(holderName(pid));
      writeFileSync(join(LOCK, holderName(pid)), '');
    },
    release() {
      for (const holder of holders) rmSync(join(LOCK, holder), { force: true });
      attempt(() => rmdirSync(LOCK), ['ENOTEMPTY', 'EEXIST', 'ENOENT']);
    },
  };
}

async function takePlace(candidate) {
  const deadlineMs = Date.now() + LOCK_TIMEOUT_MS;
  for (let isFirst = true; ; isFirst = false) {
    if (attempt(() => renameSync(candidate, LOCK), ['ENOTEMPTY', 'EEXIST'])) return;
    const holders = existsSync(LOCK) ? readdirSync(LOCK) : [];
    const dead = holders.filter((holder) => !isAlive(holder));
    for (const holder of dead) rmSync(join(LOCK, holder), { force: true });
    if (dead.length === holders.length) continue;
    if (Date.now() > deadlineMs)
      throw new InstallError(
        `Another installation has not ended for ${LOCK_TIMEOUT_MS / 60_000} minutes. If there is none, remove ${LOCK}.`,
      );
    if (isFirst) process.stderr.write('synod: waiting for another installation to end...\n');
    await delay(LOCK_INTERVAL_MS);
  }
}

/** Process ids are used again; together with the time of their start, where the system tells it, they are unique. */
function holderName(pid) {
  return `${pid}-${startTime(pid)}`;
}

function isAlive(holder) {
  const pid = Number(holder.split('-')[0]);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code === 'ESRCH') return false;
  }
  return holder === holderName(pid);
}

/** Field 22 of /proc/<pid>/stat (proc(5)); the second, in parentheses, may itself contain spaces. Zombies have ended. */
function startTime(pid) {
  try {
    const [state, ...rest] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ');
    return state === 'Z' ? 'ended' : rest[18];
  } catch {
    return 'unknown';
  }
}

/** True if the action succeeds, false if it fails with one of the codes. */
function attempt(action, codes) {
  try {
    action();
    return true;
  } catch (error) {
    if (codes.includes(error.code)) return false;
    throw error;
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`Fatal: ${error instanceof InstallError ? error.message : error.stack}\n`);
  process.exitCode = 1;
}
