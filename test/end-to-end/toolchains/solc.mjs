#!/usr/bin/env node
/**
 * The Solidity compiler that forge starts: what it asks of the native one (`--version`, and standard JSON over the
 * standard input), answered by solc-js. All sources are in the input, so no file is read.
 */
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

const solc = createRequire(import.meta.url)('solc');

if (process.argv.includes('--version')) {
  process.stdout.write(
    `solc, the solidity compiler commandline interface\nVersion: ${solc.version().replace(/\.Emscripten.*/, '.Linux.g++')}\n`,
  );
} else {
  process.stdout.write(solc.compile(await text(process.stdin)));
}
