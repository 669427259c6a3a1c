/**
 * The words with which a test network is acted on: `synod testnet delay 0,1 200ms --jitter 50ms`, and the same without the first two in
 * a scenario. Each becomes a call of one `testnet_*` method.
 */
import type { Json } from '../base/types.ts';
import { MAX_REORG_DEPTH } from './drills.ts';
import { countOf, nodeOf, Words } from './words.ts';

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
  /** With what it does where that is more than `about` says. */
  [example, what = '']: readonly [command: string, what?: string],
  read: (node: number, words: Words) => VerbCall,
  options: readonly VerbOption[] = [],
): Verb => ({
  usage,
  about,
  examples: [[example, what]],
  options,
  read: (words) => read(words.node(), words),
});

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
    ofNode('kill <node>', 'end a node at once (SIGKILL), as if its power had failed', ['kill 2'], (node) =>
      done('testnet_kill', { node }, `Node ${node} was killed.`, () => ({ killed: node })),
    ),
  ],
  [
    'restart',
    ofNode('restart <node>', 'start a node again (stopping it first if it runs); it has its faults again', ['restart 2'], (node) =>
      done('testnet_restart', { node }, `Node ${node} is up.`, (endpoints) => ({ restarted: node, endpoints })),
    ),
  ],
  [
    'pause',
    ofNode(
      'pause <node>',
      'let a node stand still (SIGSTOP); its connections stay',
      ['pause 2 --for 10s', 'for ten seconds'],
      (node, words) => begun('testnet_pause', { node, ...words.forMs() }),
      ['for'],
    ),
  ],
  [
    'resume',
    ofNode('resume <node>', 'let a paused node go on', ['resume 2'], (node) => done('testnet_resume', { node }, `Node ${node} goes on.`)),
  ],
  [
    'clock',
    ofNode(
      'clock <node> <offset>',
      "set a node's clock wrong by this much while it runs (+0s: right again)",
      ['clock 2 +30s', 'half a minute ahead'],
      (node, words) => begun('testnet_clock', { node, offsetMs: words.signedDuration('the offset'), ...words.forMs() }),
      ['for'],
    ),
  ],
  [
    'mining',
    ofNode(
      'mining <node> <on|off>',
      'stop or start making blocks; under proof-of-stake its validators do not vote either. It goes on following',
      ['mining 1 off'],
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
      ['withhold 0 --for 10s', 'what it makes in ten seconds'],
      (node, words) => begun('testnet_withhold', { node, ...words.forMs() }),
      ['for'],
    ),
  ],
  [
    'equivocate',
    ofNode(
      'equivocate <node> [proposal|vote]',
      'let a node sign two blocks of one height, or two votes for one epoch or view, at its next turn (pos, pbft; pow has no votes)',
      ['equivocate 3 vote', 'two votes instead of two blocks'],
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
          params: { depth: countOf(depth, '--depth', 1, MAX_REORG_DEPTH), node: nodeOf(node) },
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
            const { settleMs, goesOn } = result as { readonly settleMs: number; readonly goesOn: boolean };
            const soon = settleMs === 0 ? 'from now on' : `in at most ${settleMs / 1_000} s, when what has its votes is final`;
            const blocks = goesOn ? 'Blocks go on' : 'Blocks stand still as well: under this engine they are final as they come';
            return `Finality stands still ${soon}, for ${forMs / 1_000} s. ${blocks}. \`heal\` ends it early.`;
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
