/**
 * A small engine for the tests of the simulator: one node, the sequencer, makes all blocks, and each of them is final as
 * it is made. It bears crashes and message loss; while the sequencer is down nothing happens. What makes it correct is one
 * rule, persist before send: a block is told to nobody before a record of it is durable, so that after a crash the same
 * block comes again and not another of its height.
 *
 * Each bug in `Bugs` breaks it in one way, and the simulator must find out.
 */
import { present } from '../../../src/base/assert.ts';
import { EMPTY, equalBytes, fromHex } from '../../../src/base/bytes.ts';
import { DecodeError, RuleError, UsageError } from '../../../src/base/errors.ts';
import { type Hash, type Json, Lsn, ZERO_HASH } from '../../../src/base/types.ts';
import { type Block, decodeBlock, encodeBlock } from '../../../src/chain/block.ts';
import { EMPTY_NONCE, type Header, hashHeader } from '../../../src/chain/header.ts';
import { checkHeader } from '../../../src/chain/rules.ts';
import type { AnyEngine, Context, Effect, EngineFactory, Event } from '../../../src/consensus/engine.ts';

export interface Bugs {
  /** Announces a block before its record is durable, and forgets it in a crash. */
  readonly forgets?: boolean;
  /** Every node takes itself for the sequencer. */
  readonly usurps?: boolean;
  /** Stops after so many blocks. */
  readonly stallsAt?: number;
  /** Every node, and at any time, says that reads of it are linearizable. */
  readonly staleReads?: boolean;
  /** Goes wrong in step number `atStep`. */
  readonly throws?: {
    readonly atStep: number;
    readonly how: 'throw' | 'nonsense' | 'noEffect' | 'clock' | 'random' | 'hiddenClock' | 'hang' | 'spin';
  };
}

type Start = Extract<Event<never>, { type: 'start' }>;

interface State {
  /** The last block that this node holds for final; the chain's head follows when the record of it is durable. */
  tip: Hash;
  /** Stored, and to be executed when their parent is the tip. */
  readonly waiting: Map<Hash, Header>;
  /** From the wish for a block until it is the tip: two blocks of one height must never leave. */
  making: boolean;
  request: number;
  lsn: Lsn;
  /** The head on disk, which is what clients are shown. */
  stored: Hash;
  /** Clients who wait for a read. */
  readers: number[];
  steps: number;
}

const BLOCK_MS = 1_000;
const MAX_SIBLINGS = 16;
const READ = 'read';

/** The first of the nodes is the sequencer. */
export function sequencer(bugs: Bugs = {}): EngineFactory {
  return (params, node): AnyEngine => {
    const [leader] = params.engine.settings.nodes as readonly string[];

    function step(state: State, event: Event<never>, context: Context): readonly Effect<never>[] {
      const effects: Effect<never>[] = [];
      state.steps++;
      const wrong = misbehave(bugs, state, effects);
      if (wrong !== undefined) return wrong;
      switch (event.type) {
        case 'start':
          recover(state, event, context, effects);
          effects.push({ type: 'setTimer', id: 'tick', delayMs: BLOCK_MS });
          break;
        case 'timer':
          build(state, context, effects);
          effects.push({ type: 'setTimer', id: 'tick', delayMs: BLOCK_MS });
          break;
        case 'built':
          if (event.block === null || event.block.header.parentHash !== state.tip) state.making = false;
          else propose(state, event.block, context, effects);
          break;
        case 'block':
          take(state, event.block, context, effects);
          break;
        case 'checked':
          if (event.error === null) executed(state, event.hash, context, effects);
          break;
        case 'stored':
          state.stored = event.head;
          break;
        case 'admin':
          admin(state, event.request, event.command.name, context, effects);
          break;
      }
      answerReaders(state, effects);
      return effects;
    }

    function admin(state: State, request: number, name: string, { self }: Context, effects: Effect<never>[]): void {
      if (name !== READ) refuse(request, `Unknown command ${name}.`, effects);
      else if (bugs.staleReads === true) effects.push({ type: 'reply', request, result: null });
      else if (self !== leader) refuse(request, 'Only the sequencer knows all blocks.', effects);
      else state.readers.push(request);
    }

    function refuse(request: number, message: string, effects: Effect<never>[]): void {
      effects.push({ type: 'reply', request, result: new UsageError('sequencer/refused', message) });
    }

    /** Whatever may have been told to somebody has to be on disk here first. */
    function answerReaders(state: State, effects: Effect<never>[]): void {
      if (state.making || state.waiting.size > 0 || state.stored !== state.tip) return;
      for (const request of state.readers) effects.push({ type: 'reply', request, result: null });
      state.readers = [];
    }

    /** Every block of which there is a record may have been told to somebody: it is the block of its height, for ever. */
    function recover(state: State, event: Start, context: Context, effects: Effect<never>[]): void {
      const { chain } = context;
      state.tip = chain.head.hash;
      state.stored = chain.head.hash;
      state.lsn = event.lsn;
      // A crash may have come between storing a block and executing it, and nobody sends what is stored.
      for (let number = chain.head.header.number + 1; number <= chain.maxHeight; number++) {
        for (const { hash, header } of chain.atHeight(number, MAX_SIBLINGS)) state.waiting.set(hash, header);
      }
      for (const record of event.records) {
        const block = decodeBlock(record);
        if (block.header.number <= chain.head.header.number) continue;
        effects.push({ type: 'announce', block });
        state.making = true;
        take(state, block, context, effects);
      }
      executeNext(state, effects);
    }

    function build(state: State, { self, chain, wallMs }: Context, effects: Effect<never>[]): void {
      const tip = present(chain.get(state.tip), 'the tip').header;
      const leads = self === leader || bugs.usurps === true;
      if (!leads || !node.produce || state.making || tip.number === bugs.stallsAt) return;
      state.making = true;
      const fields = {
        timestamp: Math.max(Math.floor(wallMs / 1_000), tip.timestamp),
        beneficiary: node.beneficiary,
        difficulty: 1n,
        mixHash: ZERO_HASH,
        nonce: EMPTY_NONCE,
        payload: EMPTY,
      };
      effects.push({ type: 'build', request: ++state.request, parent: state.tip, fields });
    }

    function propose(state: State, block: Block, context: Context, effects: Effect<never>[]): void {
      if (bugs.forgets !== true) {
        state.lsn = Lsn(state.lsn + 1);
        effects.push({ type: 'persist', lsn: state.lsn, records: [encodeBlock(block)] });
      }
      effects.push({ type: 'announce', block, after: state.lsn });
      take(state, block, context, effects);
    }

    function take(state: State, block: Block, { chain }: Context, effects: Effect<never>[]): void {
      const hash = hashHeader(block.header);
      const { parentHash } = block.header;
      if (state.waiting.has(hash) || chain.get(hash) !== undefined) return;
      if (chain.get(parentHash) === undefined && !state.waiting.has(parentHash)) {
        effects.push({ type: 'fetch', hash: parentHash, from: null });
        return;
      }
      state.waiting.set(hash, block.header);
      effects.push({ type: 'insert', block, facts: { weight: BigInt(block.header.number), carried: 0n } });
      if (parentHash === state.tip) effects.push({ type: 'check', hash });
    }

    function executed(state: State, hash: Hash, { chain }: Context, effects: Effect<never>[]): void {
      state.waiting.delete(hash);
      if (chain.get(hash)?.header.parentHash !== state.tip) return;
      state.tip = hash;
      state.making = false;
      const after = state.lsn;
      effects.push({ type: 'setHead', hash, after }, { type: 'finalize', hash, certificate: fromHex(hash), after });
      executeNext(state, effects);
    }

    function executeNext(state: State, effects: Effect<never>[]): void {
      for (const [hash, { parentHash }] of state.waiting) if (parentHash === state.tip) effects.push({ type: 'check', hash });
    }

    return {
      name: 'sequencer',
      finality: 'instant',
      faults: 'crash',
      init: ({ chain }): State => ({
        tip: chain.head.hash,
        waiting: new Map(),
        making: false,
        request: 0,
        lsn: Lsn(0),
        stored: chain.head.hash,
        readers: [],
        steps: 0,
      }),
      step,
      encode: () => EMPTY,
      decode: (bytes) => {
        throw new DecodeError('sequencer/message', `The sequencer has no messages, but ${bytes.length} bytes came.`);
      },
      genesisFacts: () => ({ weight: 0n, carried: 0n }),
      verifyHeader: ({ header }, parent) => {
        checkHeader(header, parent.header, params);
        return { weight: BigInt(header.number), carried: 0n };
      },
      verifySeal: () => undefined,
      // Nobody but the sequencer could know that a block is final, and nobody asks for more than its hash.
      verifyCertificate: (hash, certificate) => {
        if (!equalBytes(certificate, fromHex(hash)))
          throw new RuleError('sequencer/certificate', 'The certificate of a block is its hash.');
      },
      randomness: (header) => header.parentHash,
      rewards: () => [],
      inspect: ({ waiting, lsn }: State): Json => ({ waiting: waiting.size, lsn }),
    };
  };
}

/** What the step answers instead of going on. */
function misbehave({ throws }: Bugs, state: State, effects: Effect<never>[]): readonly Effect<never>[] | undefined {
  if (throws === undefined || state.steps < throws.atStep) return undefined;
  switch (throws.how) {
    case 'throw':
      throw new RangeError('the engine has lost its head');
    case 'nonsense':
      return 'no list' as unknown as Effect<never>[];
    case 'noEffect':
      return [{ type: 'explode', when: 'now' } as unknown as Effect<never>];
    case 'clock':
      effects.push({ type: 'setTimer', id: 'tick', delayMs: Date.now() % 1_000 });
      return effects;
    case 'random':
      effects.push({ type: 'setTimer', id: 'tick', delayMs: Math.random() });
      return effects;
    case 'hiddenClock':
      try {
        performance.now();
      } catch {
        // Hoping that nobody saw it.
      }
      return undefined;
    case 'hang':
      for (;;) state.steps++;
    case 'spin':
      effects.push({ type: 'setTimer', id: 'tick', delayMs: 0 });
      return effects;
  }
}

/** What a module with this engine would export. All nodes are needed, since one of them is. */
export function sequencerModule(bugs: Bugs = {}) {
  return { createEngine: sequencer(bugs), simulation: { blockMs: BLOCK_MS, quorum: (nodes: number) => nodes, linearizableRead: READ } };
}
