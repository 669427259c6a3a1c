#!/usr/bin/env node
/**
 * The `synod` command: starts main.ts on a Node that runs TypeScript.
 *
 * Plain JavaScript for Node 18 and later, because this file decides which Node that is: the current one if it is new
 * enough, else the one that came with the dependencies. Node refuses to strip types below node_modules, so synod is
 * used from a clone, directly or through `npm link` (whose link Node resolves before it looks), not as a dependency.
 */
import { spawn } from 'node:child_process';
import * as module from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR = 24;
const MAIN = new URL('./main.ts', import.meta.url);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) await runHere();
else runOn(packagedNode());

async function runHere() {
  // Keeps compiled code, and the types already stripped: the second start takes half the time, and a node 45 MB less.
  module.enableCompileCache?.(fileURLToPath(new URL('../../node_modules/.cache/synod', import.meta.url)));
  try {
    await import(MAIN.href);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    fail(`Something that synod needs is not installed: run \`npm install\` in ${ROOT}. (${error.message})`);
  }
}

/** The path of the Node among the dependencies, or undefined. */
function packagedNode() {
  try {
    return module.createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    return undefined;
  }
}

function runOn(node) {
  if (node === undefined)
    return fail(`synod needs Node ${NODE_MAJOR} or later, but this is ${process.version}. Install one, or run \`npm install\` in ${ROOT}.`);
  // Before the child can do anything: a signal that nobody listens for would end this process and orphan that one.
  // Ctrl-C and a closing terminal reach every process of the terminal, so the child gets those signals by itself;
  // passing them on as well would look like a second, impatient Ctrl-C.
  const isAtTerminal = process.stdin.isTTY === true || process.stdout.isTTY === true || process.stderr.isTTY === true;
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => isAtTerminal || child.kill(signal));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const child = spawn(node, [fileURLToPath(MAIN), ...process.argv.slice(2)], { stdio: 'inherit' });
  child.on('error', (error) => fail(`Cannot run ${node}: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

function fail(message) {
  process.stderr.write(`Fatal: ${message}\n`);
  process.exitCode = 1;
}
