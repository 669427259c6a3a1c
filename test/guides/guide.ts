/**
 * Runs a guide as a reader would: every fenced block in its order, on hosts of its own (network namespaces), so that commands have the
 * ports and addresses that the guide names. What a block is stands behind its fence, where readers of the page do not see it:
 *
 *   ```sh                 run to its end, which must be a success     ```ts name.ts   a file with this name
 *   ```sh exits-1         a failure is what is shown                  ```text         must be in what the last block printed, line by
 *   ```sh terminal        goes on running in a terminal of its own                    line and in this order; `...` is anything
 *   ```sh on=a,b          on these hosts, one after the other         ```sh elsewhere not run: it prepares the reader's machine
 *   ```sh long            only where SYNOD_GUIDES=long is set
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { Lab } from '../end-to-end/hosts/lab.ts';
import { Hopeless, MAIN, type Processes, TestProcess, until } from '../support/processes.ts';

export const IS_LONG = process.env.SYNOD_GUIDES === 'long';
const BLOCK_TIMEOUT_MS = 240_000;
const HOST_NAMES = ['a', 'b', 'c'];
const USUAL_HOST = 'a';
const EXECUTABLE = 0o755;

interface Block {
  readonly language: string;
  readonly words: readonly string[];
  readonly code: string;
}

export function blocksOf(guide: string): Block[] {
  const text = readFileSync(new URL(`../../src/guides/${guide}`, import.meta.url), 'utf8');
  return [...text.matchAll(/^```(\w+)([^\n]*)\n([\s\S]*?)^```$/gm)].map(([, language = '', words = '', code = '']) => ({
    language,
    words: words.split(' ').filter((word) => word !== ''),
    code,
  }));
}

export interface GuideOptions {
  readonly processes: Processes;
  /** Empty; each host has its files below it. */
  readonly directory: string;
  /** Called with the directory of each host before anything runs there. */
  readonly prepare?: (directory: string) => void;
}

/** Throws what did not go as the guide says. Long blocks and what they printed are left out unless `IS_LONG`. */
export async function runGuide(guide: string, options: GuideOptions): Promise<void> {
  const blocks = blocksOf(guide);
  const hosts = new Set(blocks.flatMap(({ words }) => hostsOf(words)));
  const lab = await Lab.build(hosts.size, { delayMs: 1, loss: 0 });
  const reader = new Reader(lab, options);
  try {
    let isSkipped = false;
    for (const block of blocks) {
      if (block.language !== 'text') isSkipped = block.words.includes('elsewhere') || (block.words.includes('long') && !IS_LONG);
      if (!isSkipped) await reader.follow(block);
    }
  } finally {
    await reader.leave();
    lab.close();
  }
}

class Reader {
  readonly #lab: Lab;
  readonly #options: GuideOptions;
  readonly #terminals: TestProcess[] = [];
  #last: () => string = () => '';

  constructor(lab: Lab, options: GuideOptions) {
    this.#lab = lab;
    this.#options = options;
    writeTools(join(options.directory, 'bin'), options.directory);
    for (const name of HOST_NAMES.slice(0, lab.hosts.length)) {
      mkdirSync(this.#home(name));
      options.prepare?.(this.#home(name));
    }
  }

  async follow({ language, words, code }: Block): Promise<void> {
    if (language === 'text') return await this.#expect(code);
    if (language === 'ts') return writeFileSync(join(this.#home(USUAL_HOST), words[0] ?? ''), code);
    for (const host of hostsOf(words)) await this.#run(host, words, code);
  }

  async leave(): Promise<void> {
    // The last first: what joined a network leaves before what it joined.
    for (const terminal of this.#terminals.reverse()) await terminal.end('SIGINT').catch(() => undefined);
  }

  async #run(host: string, words: readonly string[], code: string): Promise<void> {
    const shell = ['bash', '-euo', 'pipefail', '-c', words.includes('terminal') ? `exec ${code}` : code];
    const [file, args] = Lab.on(this.#lab.host(HOST_NAMES.indexOf(host)), shell);
    const options = { directory: this.#home(host), environment: this.#environment(host) };
    if (words.includes('terminal')) {
      const terminal = new TestProcess(file, args, options);
      this.#terminals.push(terminal);
      this.#options.processes.watch(terminal.pid, MAIN);
      this.#last = () => `${terminal.stdout}\n${terminal.stderr}`;
      // A reader sees that it is there before going on.
      await until(`${code} says something`, () => {
        if (!terminal.running) throw new Hopeless(`${code} ended: ${terminal.tail()}`);
        return /is up at|Serving RPC/.test(this.#last());
      });
      return;
    }
    const { code: exitCode, stdout, stderr } = await this.#options.processes.run(file, args, options, BLOCK_TIMEOUT_MS);
    this.#last = () => `${stdout}\n${stderr}`;
    const expected = words.includes('exits-1') ? 1 : 0;
    if (exitCode !== expected) throw new Error(`This ended with exit code ${exitCode}:\n${code}${this.#last()}${this.#tails()}`);
  }

  /** A terminal may take a while until it has printed all of it. */
  async #expect(text: string): Promise<void> {
    const lines = text.trimEnd().split('\n');
    const pattern = lines.map((line) => line.trim().split('...').map(escaped).join('.*')).join('[\\s\\S]*');
    await until(`what was printed has\n${text}`, () => {
      if (new RegExp(pattern).test(this.#last())) return true;
      throw new Error(this.#last());
    });
  }

  #tails(): string {
    return this.#terminals.map((terminal) => `\n--- a terminal:\n${terminal.tail()}`).join('');
  }

  #home(host: string): string {
    return join(this.#options.directory, host);
  }

  #environment(host: string): Record<string, string> {
    const { directory } = this.#options;
    const path = [join(directory, 'bin'), dirname(process.execPath), process.env.PATH ?? ''].join(delimiter);
    return { PATH: path, HOME: this.#home(host) };
  }
}

function hostsOf(words: readonly string[]): string[] {
  const named = words.find((word) => word.startsWith('on='));
  return named === undefined ? [USUAL_HOST] : named.slice('on='.length).split(',');
}

/** `synod`, as npm link puts it on the path, scp between hosts that share a disk, and curl, which not every machine has. */
function writeTools(directory: string, root: string): void {
  mkdirSync(directory);
  const tool = (name: string, script: string) => writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: EXECUTABLE });
  tool('synod', `exec "${process.execPath}" "${MAIN}" "$@"`);
  const place = `place() { case "$1" in *:*) echo "${root}/\${1%%:*}/\${1#*:}" ;; *) echo "$1" ;; esac; }`;
  tool('scp', `${place}\nexec cp "$(place "$1")" "$(place "$2")"`);
  const get = 'fetch(process.argv.at(-1)).then(async (r) => { console.log(await r.text()); process.exitCode = r.ok ? 0 : 22; })';
  tool('curl', `exec "${process.execPath}" -e '${get}' -- "$@"`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/ +/g, ' +');
}
