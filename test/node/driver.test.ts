/** The driver against a toy engine whose steps each test scripts, and ports that record what reaches them. */
import { describe, expect, it } from 'vitest';
import { DecodeError, InternalError, RuleError } from '../../src/base/errors.ts';
import { Hash, type Json, Lsn, NodeId } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { EMPTY_BLOOM, EMPTY_NONCE, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header } from '../../src/chain/header.ts';
import type { ChainView, HeaderNode } from '../../src/chain/tree.ts';
import type { AnyEngine, Context, Effect, Event } from '../../src/consensus/engine.ts';
import { DRIVER_LIMITS, Driver, type DriverLimits } from '../../src/node/driver.ts';
import type { Ports } from '../../src/node/ports.ts';

type ToyEvent = Event<string>;
type ToyEffect = Effect<string>;
type Step = (event: ToyEvent, context: Context) => readonly ToyEffect[];

const self = NodeId('self');
const peer = NodeId('peer');
const zero = Hash(`0x${'00'.repeat(32)}`);
const hash = (byte: number): Hash => Hash(`0x${byte.toString(16).padStart(64, '0')}`);

const header: Header = {
  parentHash: zero,
  unclesHash: EMPTY_UNCLES_HASH,
  beneficiary: `0x${'00'.repeat(20)}` as Header['beneficiary'],
  stateRoot: EMPTY_TRIE_ROOT,
  transactionsRoot: EMPTY_TRIE_ROOT,
  receiptsRoot: EMPTY_TRIE_ROOT,
  logsBloom: EMPTY_BLOOM,
  difficulty: 1n,
  number: 1,
  gasLimit: 30_000_000n,
  gasUsed: 0n,
  timestamp: 1,
  extraData: '0x',
  mixHash: zero,
  nonce: EMPTY_NONCE,
};
const block: Block = { header, seal: new Uint8Array(0), transactions: [], payload: new Uint8Array(0) };

function toyEngine(step: Step): AnyEngine {
  return {
    name: 'toy',
    finality: 'instant',
    faults: 'crash',
    init: () => null,
    step: (_state: null, event: ToyEvent, context: Context) => step(event, context),
    encode: (message: string) => new TextEncoder().encode(message),
    decode: (bytes: Uint8Array) => {
      const text = new TextDecoder().decode(bytes);
      if (text.startsWith('bad')) throw new DecodeError('toy/decode', 'bad message');
      return text;
    },
    carried: (text: string) =>
      text.startsWith('proposal') ? [block, { ...block, transactions: text.endsWith('of another') ? [bytes('x')] : [] }] : [],
    genesisFacts: () => ({ weight: 0n, carried: 0n }),
    verifyHeader: () => ({ weight: 0n, carried: 0n }),
    verifySeal: () => undefined,
    verifyCertificate: () => undefined,
    randomness: () => zero,
    rewards: () => [],
    inspect: () => 'toy',
  };
}

const fields = {
  timestamp: 1,
  beneficiary: header.beneficiary,
  difficulty: 1n,
  mixHash: zero,
  nonce: EMPTY_NONCE,
  payload: new Uint8Array(0),
};

interface World {
  readonly driver: Driver;
  readonly calls: string[];
  readonly fatal: unknown[];
  readonly appends: (() => void)[];
  readonly stores: (() => void)[];
  readonly timers: { delayMs: number; fire: () => void; cancelled: boolean }[];
  readonly builds: ((block: Block | null) => void)[];
  readonly seals: ((header: Header) => void)[];
}

function world(step: Step, limits: DriverLimits = DRIVER_LIMITS, start = true): World {
  const calls: string[] = [];
  const fatal: unknown[] = [];
  const appends: (() => void)[] = [];
  const timers: World['timers'] = [];
  const builds: World['builds'] = [];
  const stores: World['stores'] = [];
  const seals: World['seals'] = [];
  const node = (number: number): HeaderNode => ({
    hash: hash(number),
    header: { ...header, number },
    seal: new Uint8Array(0),
    facts: { weight: BigInt(number), carried: 0n },
  });
  const view: ChainView = {
    genesis: node(0),
    head: node(0),
    finalized: node(0),
    maxHeight: 0,
    get: (wanted) => node(Number(BigInt(wanted))),
    status: () => 'executed',
    block: () => undefined,
    outputs: () => undefined,
    canonical: () => undefined,
    atHeight: () => [],
  };
  const ports: Ports = {
    random: () => 0.5,
    clock: {
      nowMs: () => 7,
      wallMs: () => 9,
      setTimer: (delayMs, fire) => {
        const timer = { delayMs, fire, cancelled: false };
        timers.push(timer);
        return timer;
      },
      cancelTimer: (timer) => {
        (timer as { cancelled: boolean }).cancelled = true;
      },
    },
    log: {
      append: (lsn, _records, _below, done) => {
        calls.push(`append ${lsn}`);
        appends.push(done);
      },
    },
    transport: {
      send: (to, message) => void calls.push(`send ${to} ${new TextDecoder().decode(message)}`),
      announce: () => void calls.push('announce'),
      fetch: () => void calls.push('fetch'),
      offence: (from, error) => void calls.push(`offence ${from} ${error.code}`),
    },
    ledger: {
      view,
      insert: () => void calls.push('insert'),
      setHead: (_head, done) => {
        calls.push('setHead');
        stores.push(done);
      },
      finalize: (finalized, _certificate, done) => {
        calls.push(`finalize ${BigInt(finalized)}`);
        stores.push(done);
      },
      check: (_checked, done) => done(null),
      build: (_parent, _fields, done) => void builds.push(done),
      bodyMatches: ({ transactions }) => transactions.length === 0,
    },
    sealer: { seal: (_request, _header, _target, done) => void seals.push(done), unseal: () => void calls.push('unseal') },
    observer: { trace: (name) => void calls.push(`trace ${name}`), fatal: (error) => void fatal.push(error) },
  };
  const driver = new Driver(toyEngine(step), ports, self, limits);
  if (start) driver.start({ incarnation: 1, records: [], lsn: Lsn(0) });
  return { driver, calls, fatal, appends, stores, timers, builds, seals };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const message = (event: ToyEvent): string | undefined => (event.type === 'message' ? event.message : undefined);

describe('what is on disk', () => {
  it('is told after each head and each finalized block, in order', () => {
    const told: unknown[] = [];
    const { driver, stores } = world((event) => {
      if (event.type === 'stored') told.push([BigInt(event.head), BigInt(event.finalized)]);
      return message(event) === 'go'
        ? [
            { type: 'setHead', hash: hash(5) },
            { type: 'finalize', hash: hash(4), certificate: bytes('proof') },
          ]
        : [];
    });
    driver.receiveMessage(peer, bytes('go'));
    expect(told).toEqual([]);
    for (const done of stores) done();
    expect(told).toEqual([
      [5n, 0n],
      [5n, 4n],
    ]);
  });
});

describe('gossip', () => {
  it('goes on after the step, unless the engine ignores it or blames somebody', () => {
    const { driver } = world((event) => {
      if (message(event) === 'known') return [{ type: 'ignore' }];
      if (message(event) === 'forged') return [{ type: 'offence', from: peer, error: new RuleError('toy/forged', 'A forged message.') }];
      return [];
    });
    const passedOn: unknown[] = [];
    for (const text of ['new', 'known', 'forged']) driver.receiveMessage(peer, bytes(text), (passOn) => passedOn.push([text, passOn]));
    expect(passedOn).toEqual([
      ['new', true],
      ['known', false],
      ['forged', false],
    ]);
  });
});

describe('persist before send', () => {
  it('holds what waits for a record until the log is durable, and lets the rest pass', () => {
    const { driver, calls, appends } = world((event) =>
      message(event) === 'go'
        ? [
            { type: 'persist', lsn: Lsn(1), records: [bytes('vote')] },
            { type: 'send', to: peer, message: 'vote', after: Lsn(1) },
            { type: 'send', to: peer, message: 'hello' },
          ]
        : [],
    );
    driver.receiveMessage(peer, bytes('go'));
    expect(calls).toEqual(['append 1', 'send peer hello']);
    appends[0]?.();
    expect(calls).toEqual(['append 1', 'send peer hello', 'send peer vote']);
  });

  it('releases in order, and only up to the durable record', () => {
    const { driver, calls, appends } = world((event) =>
      event.type === 'message'
        ? [
            { type: 'persist', lsn: Lsn(1), records: [bytes('a')] },
            { type: 'persist', lsn: Lsn(3), records: [bytes('b'), bytes('c')] },
            { type: 'send', to: '*', message: 'second', after: Lsn(3) },
            { type: 'send', to: '*', message: 'first', after: Lsn(1) },
          ]
        : [],
    );
    driver.receiveMessage(peer, bytes('go'));
    appends[0]?.();
    expect(calls.filter((call) => call.startsWith('send'))).toEqual(['send * first']);
    appends[1]?.();
    expect(calls.filter((call) => call.startsWith('send'))).toEqual(['send * first', 'send * second']);
    expect(driver.stats().heldEffects).toBe(0);
  });

  it('sends nothing of what waited when the node stops first', () => {
    const { driver, calls, appends } = world((event) =>
      event.type === 'message'
        ? [
            { type: 'persist', lsn: Lsn(1), records: [bytes('a')] },
            { type: 'send', to: '*', message: 'vote', after: Lsn(1) },
          ]
        : [],
    );
    driver.receiveMessage(peer, bytes('go'));
    driver.stop();
    appends[0]?.();
    expect(calls).toEqual(['append 1']);
  });

  it('stops an engine that waits for a record it never appended', () => {
    const { driver, fatal } = world((event) => (event.type === 'message' ? [{ type: 'send', to: '*', message: 'x', after: Lsn(5) }] : []));
    driver.receiveMessage(peer, bytes('go'));
    expect(fatal).toHaveLength(1);
  });
});

describe('timers and requests', () => {
  it('never fires a timer that was replaced or cancelled, even one that had already run out', () => {
    const seen: string[] = [];
    const { driver, timers } = world((event) => {
      seen.push(event.type === 'timer' ? `timer ${event.id}` : event.type);
      if (message(event) === 'set') return [{ type: 'setTimer', id: 'a', delayMs: 10 }];
      if (message(event) === 'cancel') return [{ type: 'cancelTimer', id: 'a' }];
      return [];
    });
    driver.receiveMessage(peer, bytes('set'));
    driver.receiveMessage(peer, bytes('set'));
    timers[0]?.fire();
    expect(seen).not.toContain('timer a');
    timers[1]?.fire();
    expect(seen.filter((line) => line === 'timer a')).toHaveLength(1);
    driver.receiveMessage(peer, bytes('set'));
    driver.receiveMessage(peer, bytes('cancel'));
    timers[2]?.fire();
    expect(seen.filter((line) => line === 'timer a')).toHaveLength(1);
  });

  it('drops replies to builds and seals that were superseded or withdrawn', () => {
    const seen: string[] = [];
    let request = 0;
    const { driver, builds, seals } = world((event) => {
      if (event.type === 'built' || event.type === 'sealed') seen.push(`${event.type} ${event.request}`);
      if (message(event) === 'build') return [{ type: 'build', request: ++request, parent: zero, fields }];
      if (message(event) === 'seal') return [{ type: 'seal', request: ++request, header, target: 1n }];
      if (message(event) === 'unseal') return [{ type: 'unseal', request }];
      return [];
    });
    for (const text of ['build', 'build', 'seal', 'seal']) driver.receiveMessage(peer, bytes(text));
    for (const done of builds) done(block);
    for (const done of seals) done(header);
    driver.receiveMessage(peer, bytes('seal'));
    driver.receiveMessage(peer, bytes('unseal'));
    seals[2]?.(header);
    expect(seen).toEqual(['built 2', 'sealed 4']);
  });
});

describe('input from peers', () => {
  it('counts what cannot be decoded against its sender and goes on', () => {
    const seen: unknown[] = [];
    const { driver, calls, fatal } = world((event) => {
      seen.push(message(event));
      return [];
    });
    driver.receiveMessage(peer, bytes('bad bytes'));
    driver.receiveMessage(peer, bytes('good'));
    expect(calls).toEqual(['offence peer toy/decode']);
    expect(seen).toContain('good');
    expect(fatal).toEqual([]);
  });

  it('drops and counts what finds the queue full, by number and by size', () => {
    const seen: string[] = [];
    const answers: boolean[] = [];
    const limits = { ...DRIVER_LIMITS, maxQueuedInputs: 2, maxQueuedBytes: 100 };
    const made = world((event) => {
      const text = message(event);
      if (text !== undefined) seen.push(text);
      // While the engine works on this one, five more arrive.
      if (text === 'busy') for (const late of ['1', '2', '3', 'x'.repeat(101)]) answers.push(made.driver.receiveMessage(peer, bytes(late)));
      return [];
    }, limits);
    made.driver.receiveMessage(peer, bytes('busy'));
    expect(answers).toEqual([true, true, false, false]);
    expect(seen).toEqual(['busy', '1', '2']);
    expect(made.driver.stats().dropped).toBe(2);
    expect(made.driver.receiveMessage(peer, bytes('later'))).toBe(true);
  });

  it('delivers no message with a block whose body is not that of its header', () => {
    const seen: unknown[] = [];
    const made = world((event) => {
      seen.push(message(event));
      return [];
    });
    seen.length = 0;
    expect(made.driver.receiveMessage(peer, bytes('proposal'))).toBe(true);
    expect(made.driver.receiveMessage(peer, bytes('proposal of another'))).toBe(false);
    expect(seen).toEqual(['proposal']);
    expect(made.calls).toEqual(['offence peer message/body']);
  });

  it('says when the step for a block is done, even when it had to wait for its turn', () => {
    const order: string[] = [];
    const made = world((event) => {
      order.push(event.type);
      if (message(event) === 'busy') made.driver.receiveBlock({ block, origin: 'sync', from: peer }, () => order.push('processed'));
      order.push('done');
      return [];
    });
    order.length = 0;
    made.driver.receiveMessage(peer, bytes('busy'));
    expect(order).toEqual(['message', 'done', 'block', 'done', 'processed']);
  });

  it('delivers one mempool event however often the pool changed', () => {
    let events = 0;
    const made = world((event) => {
      if (event.type === 'mempool') events++;
      if (message(event) === 'busy') for (let i = 0; i < 10; i++) made.driver.mempoolChanged(i);
      return [];
    });
    made.driver.receiveMessage(peer, bytes('busy'));
    expect(events).toBe(1);
    made.driver.mempoolChanged(1);
    expect(events).toBe(2);
  });
});

describe('news of the pool during a build', () => {
  it('comes after the block that could not have it, and once', () => {
    const order: string[] = [];
    const made = world((event) => {
      if (event.type === 'mempool' || event.type === 'built') order.push(event.type);
      return message(event) === 'build' ? [{ type: 'build', request: 1, parent: zero, fields }] : [];
    });
    made.driver.receiveMessage(peer, bytes('build'));
    made.driver.mempoolChanged(1);
    made.driver.mempoolChanged(2);
    expect(order).toEqual([]);
    made.builds[0]?.(null);
    expect(order).toEqual(['built', 'mempool']);
    made.driver.mempoolChanged(3);
    expect(order).toEqual(['built', 'mempool', 'mempool']);
  });
});

describe('an engine that breaks the contract', () => {
  const broken: [string, Step][] = [
    [
      'throws',
      (event) => {
        if (event.type === 'message') throw new Error('boom');
        return [];
      },
    ],
    ['returns an unknown effect', (event) => (event.type === 'message' ? [{ type: 'dance' } as unknown as ToyEffect] : [])],
    ['appends with a gap', (event) => (event.type === 'message' ? [{ type: 'persist', lsn: Lsn(9), records: [bytes('a')] }] : [])],
    [
      'finalizes a height twice',
      (event) =>
        event.type === 'message'
          ? [
              { type: 'finalize', hash: hash(5), certificate: bytes('c') },
              { type: 'finalize', hash: hash(5), certificate: bytes('c') },
            ]
          : [],
    ],
    ['sets a timer into the past', (event) => (event.type === 'message' ? [{ type: 'setTimer', id: 'a', delayMs: -1 }] : [])],
  ];
  it.each(broken)('ends the node once, naming the event: %s', (_name, step) => {
    const { driver, fatal } = world(step);
    driver.receiveMessage(peer, bytes('go'));
    expect(fatal).toHaveLength(1);
    expect(fatal[0]).toBeInstanceOf(InternalError);
    expect((fatal[0] as InternalError).fields.event).toBe('message');
    expect(driver.receiveMessage(peer, bytes('more'))).toBe(false);
    expect(fatal).toHaveLength(1);
  });
});

describe('admin commands', () => {
  it('are answered once by the engine, and refused when too many wait', () => {
    const results: (Json | Error)[] = [];
    const { driver } = world(
      (event) => {
        if (event.type !== 'admin' || event.command.name === 'silent') return [];
        const result = event.command.name === 'no' ? new RuleError('toy/no', 'no') : 'yes';
        return [{ type: 'reply', request: event.request, result }];
      },
      { ...DRIVER_LIMITS, maxAdminRequests: 1 },
    );
    driver.admin({ name: 'do', arguments: {} }, (result) => results.push(result));
    driver.admin({ name: 'no', arguments: {} }, (result) => results.push(result));
    driver.admin({ name: 'silent', arguments: {} }, (result) => results.push(result));
    driver.admin({ name: 'do', arguments: {} }, (result) => results.push(result));
    driver.stop();
    expect(results[0]).toBe('yes');
    expect((results[1] as RuleError).code).toBe('toy/no');
    expect((results[2] as InternalError).code).toBe('node/busy');
    expect((results[3] as InternalError).code).toBe('node/stopped');
  });
});
