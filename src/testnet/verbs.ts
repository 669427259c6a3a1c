/**
 * The words with which a test network is acted on: `synod testnet delay 0,1 200ms --jitter 50ms`, and the same without the first two in
 * a scenario. Each becomes a call of one `testnet_*` method.
 */
import { UsageError } from '../base/errors.ts';
import { type Json, quote } from '../base/types.ts';

export interface VerbCall {
  readonly method: string;
  readonly params: { readonly [name: string]: Json };
  /** For a person, once it is done. */
  said(result: Json): string;
  /** The same for a script. */
  json(result: Json): Json;
}

export interface Verb {
  readonly usage: string;
  readonly about: string;
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** Options that it takes, without dashes. */
  readonly options: readonly VerbOption[];
  read(words: Words): VerbCall;
}

export type VerbOption = 'for' | 'jitter' | 'depth' | 'node';

export const OPTIONS: Readonly<Record<VerbOption, { readonly value: string; readonly about: string }>> = {
  for: { value: '<time>', about: 'end it after this time, such as 500ms, 30s or 2m (default: until `heal`)' },
  jitter: { value: '<time>', about: 'each delay is up to so much shorter or longer, at random' },
  depth: { value: '<blocks>', about: 'how many blocks the node leaves' },
  node: { value: '<node>', about: 'the node that leaves them (default: 0)' },
};

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** What follows the verb, read from left to right. Throws UsageError `arguments/...`. */
export class Words {
  readonly #words: string[];
  readonly #options: ReadonlyMap<string, string>;

  constructor(words: readonly string[], options: ReadonlyMap<string, string> = new Map()) {
    this.#words = [...words];
    this.#options = options;
  }

  /** `--name value` pairs apart from the rest; only of these names. */
  static parse(text: readonly string[], known: readonly string[]): Words {
    const words: string[] = [];
    const options = new Map<string, string>();
    for (let at = 0; at < text.length; at++) {
      const word = text[at] ?? '';
      if (!word.startsWith('--')) {
        words.push(word);
        continue;
      }
      const name = word.slice(2);
      const value = text[++at];
      if (!known.includes(name))
        throw wrong('option', `there is no option ${quote(word)} here${nearest(name, known, ' (did you mean --', '?)')}`);
      if (value === undefined) throw wrong('option', `${word} has no value`);
      if (options.has(name)) throw wrong('option', `${word} is given twice`);
      options.set(name, value);
    }
    return new Words(words, options);
  }

  get left(): number {
    return this.#words.length;
  }

  word(what: string): string {
    const word = this.#words.shift();
    if (word === undefined) throw wrong(what.replaceAll(' ', '-'), `${what} is missing`);
    return word;
  }

  /** Takes this word if it is the next one. */
  takes(word: string): boolean {
    if (this.#words[0] !== word) return false;
    this.#words.shift();
    return true;
  }

  /** Whether a bare number comes next. */
  isCount(): boolean {
    return /^\d+$/.test(this.#words[0] ?? '');
  }

  refuse(what: string, word: string, known: readonly string[]): never {
    throw wrong('word', `${quote(word)} is not ${what}; there are: ${known.join(', ')}`);
  }

  end(): void {
    const [word] = this.#words;
    if (word !== undefined) throw wrong('words', `${quote(word)} is one word too many`);
  }

  node(what = 'a node'): number {
    return nodeOf(this.word(what));
  }

  nodes(what = 'nodes'): number[] {
    return this.word(what).split(',').map(nodeOf);
  }

  duration(what: string): number {
    return durationOf(this.word(what), what, /^()(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/, '500ms, 30s or 2m');
  }

  signedDuration(what: string): number {
    return durationOf(this.word(what), what, /^([+-]?)(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/, '+30s or -250ms');
  }

  /** `20%` as 0.2. */
  share(what: string): number {
    const word = this.word(what);
    const percent = /^\d{1,3}(\.\d{1,3})?%$/.test(word) ? Number(word.slice(0, -1)) : Number.NaN;
    if (!(percent <= 100)) throw wrong('share', `${what} is ${quote(word)}; expected a share from 0% to 100%, such as 20%`);
    return percent / 100;
  }

  count(what: string, low: number, high: number): number {
    return countOf(this.word(what), what, low, high);
  }

  oneOf<T extends string>(what: string, known: readonly T[]): T {
    const word = this.word(what);
    const found = known.find((each) => each === word);
    if (found !== undefined) return found;
    throw wrong('word', `${what} is ${quote(word)}; expected ${known.join(' or ')}`);
  }

  /** Milliseconds of `--for`, by its name for JSON-RPC. */
  forMs(): { readonly forMs?: number } {
    const text = this.#options.get('for');
    return text === undefined ? {} : { forMs: new Words([text]).duration('--for') };
  }

  option(name: VerbOption): string | undefined {
    return this.#options.get(name);
  }
}

function nodeOf(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw wrong('node', `expected a node number such as 0, got ${quote(text)}`);
  return Number(text);
}

function countOf(word: string, what: string, low: number, high: number): number {
  const value = /^\d{1,9}$/.test(word) ? Number(word) : Number.NaN;
  if (!(value >= low && value <= high)) throw wrong('number', `${what} is ${quote(word)}; expected a number from ${low} to ${high}`);
  return value;
}

function durationOf(word: string, what: string, form: RegExp, example: string): number {
  const [, sign, digits, unit] = form.exec(word) ?? [];
  if (digits === undefined) throw wrong('time', `${what} is ${quote(word)}; expected a time such as ${example}`);
  return Math.round(Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS]) * (sign === '-' ? -1 : 1);
}

/** A sentence of its own, or the end of one that says where. */
function wrong(name: string, what: string): UsageError {
  return new UsageError(`arguments/${name}`, `${what.charAt(0).toUpperCase()}${what.slice(1)}.`);
}

/** The known word that differs least, if it differs little; empty otherwise. */
export function nearest(word: string, known: readonly string[], before: string, after: string): string {
  const [best] = known.map((each) => ({ each, distance: distance(word, each) })).sort((a, b) => a.distance - b.distance);
  return best === undefined || best.distance > Math.max(2, word.length / 3) ? '' : `${before}${best.each}${after}`;
}

/** Levenshtein's: letters to add, drop or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

// ---- The verbs -------------------------------------------------------------------------------------------------

type Tell = (result: Json) => { readonly [name: string]: Json };
const done = (method: string, params: VerbCall['params'], text: string, json: Tell = () => params): VerbCall => ({
  method,
  params,
  said: () => text,
  json,
});
/** Where the answer says what began. */
const begun = (method: string, params: VerbCall['params']): VerbCall => ({
  method,
  params,
  said: (result) => {
    const { fault, active } = result as { readonly fault: string; readonly active: boolean };
    return active ? `Begun: ${fault}.` : 'Over.';
  },
  json: (result) => result,
});

const ofNode = (
  usage: string,
  about: string,
  example: string,
  read: (node: number, words: Words) => VerbCall,
  options: readonly VerbOption[] = [],
): Verb => ({
  usage,
  about,
  examples: [[example, about]],
  options,
  read: (words) => read(words.node(), words),
});

const MAX_DEPTH = 1_000;

export const VERBS: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  [
    'partition',
    {
      usage: 'partition <sides...>',
      about: 'cut the network: nodes talk within their side only; those that are not named are one more side',
      examples: [
        ['partition 0,1 2,3', 'in two halves'],
        ['partition 3 --for 30s', 'one node alone, for half a minute'],
      ],
      options: ['for'],
      read(words) {
        const sides = [words.nodes('a side')];
        while (words.left > 0) sides.push(words.nodes());
        return {
          method: 'testnet_partition',
          params: { sides, ...words.forMs() },
          said: (all) => `Partitioned: ${(all as number[][]).map((side) => side.join(',')).join(' | ')}`,
          json: (all) => ({ sides: all }),
        };
      },
    },
  ],
  [
    'cut',
    {
      usage: 'cut <from> <to>',
      about: 'cut links in one direction: the second hears nothing from the first',
      examples: [
        ['cut 0 1', 'node 1 hears nothing from node 0, which hears node 1'],
        ['cut 0 1,2,3', 'nobody hears node 0'],
      ],
      options: ['for'],
      read: (words) =>
        begun('testnet_cut', { from: words.nodes('who is not heard'), to: words.nodes('who does not hear'), ...words.forMs() }),
    },
  ],
  [
    'delay',
    {
      usage: 'delay <nodes> <time>',
      about: 'delay every message between these nodes, or of one node, each way (0ms: no more)',
      examples: [
        ['delay 0,1 200ms --jitter 50ms', 'between nodes 0 and 1, each time another'],
        ['delay 2 1s', 'whatever node 2 says and hears'],
      ],
      options: ['jitter', 'for'],
      read(words) {
        const [nodes, delayMs, jitter] = [words.nodes(), words.duration('the delay'), words.option('jitter')];
        const jitterMs = jitter === undefined ? 0 : new Words([jitter]).duration('--jitter');
        return begun('testnet_delay', { nodes, delayMs, jitterMs, ...words.forMs() });
      },
    },
  ],
  [
    'loss',
    {
      usage: 'loss <nodes> <share>',
      about: 'lose a share of the messages between these nodes, or of one node, each way (0%: none)',
      examples: [['loss 2 20%', 'every fifth message to and from node 2']],
      options: ['for'],
      read: (words) => begun('testnet_loss', { nodes: words.nodes(), loss: words.share('the loss'), ...words.forMs() }),
    },
  ],
  [
    'heal',
    {
      usage: 'heal',
      about: 'end every fault; nodes that were killed stay down',
      examples: [],
      options: [],
      read: () => done('testnet_heal', {}, 'Healed.', () => ({ healed: true })),
    },
  ],
  [
    'kill',
    ofNode('kill <node>', 'end a node at once (SIGKILL), as if its power had failed', 'kill 2', (node) =>
      done('testnet_kill', { node }, `Node ${node} was killed.`, () => ({ killed: node })),
    ),
  ],
  [
    'restart',
    ofNode('restart <node>', 'start a node again (stopping it first if it runs); it has its faults again', 'restart 2', (node) =>
      done('testnet_restart', { node }, `Node ${node} is up.`, (endpoints) => ({ restarted: node, endpoints })),
    ),
  ],
  [
    'pause',
    ofNode(
      'pause <node>',
      'let a node stand still (SIGSTOP); its connections stay',
      'pause 2 --for 10s',
      (node, words) => begun('testnet_pause', { node, ...words.forMs() }),
      ['for'],
    ),
  ],
  [
    'resume',
    ofNode('resume <node>', 'let a paused node go on', 'resume 2', (node) => done('testnet_resume', { node }, `Node ${node} goes on.`)),
  ],
  [
    'clock',
    ofNode(
      'clock <node> <offset>',
      "set a node's clock wrong by this much while it runs (+0s: right again)",
      'clock 2 +30s',
      (node, words) => begun('testnet_clock', { node, offsetMs: words.signedDuration('the offset'), ...words.forMs() }),
      ['for'],
    ),
  ],
  [
    'mining',
    ofNode(
      'mining <node> <on|off>',
      'stop or start making blocks; under proof-of-stake its validators do not vote either. It goes on following',
      'mining 1 off',
      (node, words) => {
        const on = words.oneOf('mining', ['on', 'off']) === 'on';
        const text = on ? `Node ${node} makes blocks again.` : `Node ${node} makes no blocks any more.`;
        return done('testnet_mining', { node, on, ...words.forMs() }, text);
      },
      ['for'],
    ),
  ],
  [
    'withhold',
    ofNode(
      'withhold <node>',
      'let a node keep the blocks that it makes to itself, and publish them all at the end (pow and pos)',
      'withhold 0 --for 10s',
      (node, words) => begun('testnet_withhold', { node, ...words.forMs() }),
      ['for'],
    ),
  ],
  [
    'equivocate',
    ofNode(
      'equivocate <node> [proposal|vote]',
      'let a node sign two blocks of one height, or two votes for one epoch, at its next turn (pos, pow, pbft)',
      'equivocate 3',
      (node, words) => {
        const what = words.left === 0 ? 'proposal' : words.oneOf('what is said twice', ['proposal', 'vote']);
        return done('testnet_equivocate', { node, what }, `Node ${node} will sign a second ${what} at the next opportunity.`);
      },
    ),
  ],
  [
    'reorg',
    {
      usage: 'reorg',
      about: 'make one node leave its last blocks for a heavier branch (pow and pos)',
      examples: [['reorg --depth 6', 'node 0 leaves six blocks']],
      options: ['depth', 'node'],
      read(words) {
        const [depth, node] = [words.option('depth') ?? '1', words.option('node') ?? '0'];
        return {
          method: 'testnet_reorg',
          params: { depth: countOf(depth, '--depth', 1, MAX_DEPTH), node: nodeOf(node) },
          said: (result) => {
            const { depth: left, ancestor, taken } = result as unknown as { depth: number; ancestor: Point; taken: Point };
            return `Node ${node} left ${left} blocks above block ${ancestor.number}; its head is now block ${taken.number}, ${taken.hash}.`;
          },
          json: (result) => result,
        };
      },
    },
  ],
  [
    'stall-finality',
    {
      usage: 'stall-finality',
      about: 'let nothing become final for a time; blocks go on where the engine can (pos)',
      examples: [['stall-finality --for 60s', 'for a minute; answers at once']],
      options: ['for'],
      read(words) {
        const { forMs = DEFAULT_STALL_MS } = words.forMs();
        return {
          method: 'testnet_stallFinality',
          params: { forMs },
          said: (result) => {
            const { settleMs } = result as { readonly settleMs: number };
            const soon = settleMs === 0 ? 'from now on' : `in at most ${settleMs / 1_000} s, when what has its votes is final`;
            return `Finality stands still ${soon}, for ${forMs / 1_000} s. \`heal\` ends it early.`;
          },
          json: (result) => result,
        };
      },
    },
  ],
]);

interface Point {
  readonly number: number;
  readonly hash: string;
}

const DEFAULT_STALL_MS = 60_000;

/** The call that these words stand for. Throws UsageError `arguments/...` for words that do not fit. */
export function readVerb(verb: Verb, text: readonly string[]): VerbCall {
  const words = Words.parse(text, verb.options);
  const call = verb.read(words);
  words.end();
  return call;
}
