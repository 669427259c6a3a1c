/**
 * The contract between engine and driver (`consensus/engine.ts`), as each step shows it, to both sides. The driver: no
 * timer that was cancelled or replaced, no reply to a request that was superseded, nothing sent or decided before the
 * records that it waits for are durable. The engine: records are counted without gaps, nothing waits for a record that was
 * never written, only executed blocks become heads, none is executed again that turned out to be invalid, and blocks are
 * kept and executed on parents that are there.
 */
import type { Hash } from '../../base/types.ts';
import { hashHeader } from '../../chain/header.ts';
import type { ChainView } from '../../chain/tree.ts';
import type { Effect, Event, RequestId } from '../../consensus/engine.ts';
import { isOfNode } from '../observations.ts';
import type { CheckerFactory } from './checker.ts';

type AnyEffect = Effect<unknown>;

/** What is open between engine and driver in one life of a node. */
class Dealings {
  readonly timers = new Set<string>();
  /** How often each block was asked for: twice is allowed, and answered twice. */
  readonly checks = new Map<Hash, number>();
  /** What waits for a record: messages and blocks by identity, heads and finalized blocks by hash. */
  readonly waiting = new Map<unknown, number>();
  /** Blocks that the step under way has inserted so far. */
  readonly #fresh = new Set<Hash>();
  build: RequestId | null = null;
  seal: RequestId | null = null;
  appended: number;
  durable: number;

  constructor(lsn: number) {
    this.appended = lsn;
    this.durable = lsn;
  }

  /** What is wrong with what the driver tells the engine; null when all is well. */
  told(event: Event<unknown>): string | null {
    if (this.#fresh.size > 0) this.#fresh.clear();
    switch (event.type) {
      case 'timer':
        return this.timers.delete(event.id) ? null : `Timer '${event.id}' fired, which is not set.`;
      case 'built':
        return event.request === this.build ? null : `A reply to build ${event.request}; the last that was asked for is ${this.build}.`;
      case 'sealed':
        return event.request === this.seal ? null : `A reply to seal ${event.request}; the last that was asked for is ${this.seal}.`;
      case 'checked':
        return this.#isAnswer(event.hash) ? null : `A reply about block ${event.hash}, which was not to be executed.`;
      case 'persisted':
        return event.lsn <= this.durable ? null : `Record ${event.lsn} is said to be durable; the disk has ${this.durable}.`;
      default:
        return null;
    }
  }

  #isAnswer(hash: Hash): boolean {
    const open = this.checks.get(hash) ?? 0;
    if (open > 1) this.checks.set(hash, open - 1);
    else this.checks.delete(hash);
    return open > 0;
  }

  /** What is wrong with what the engine answers to that. */
  answered(effect: AnyEffect, chain: ChainView): string | null {
    const after = afterOf(effect);
    if (after !== undefined) {
      if (after > this.appended) return `'${effect.type}' waits for record ${after}; the last that was written is ${this.appended}.`;
      this.waiting.set(subjectOf(effect), after);
    }
    switch (effect.type) {
      case 'persist':
        return this.#persist(effect);
      case 'setTimer':
        this.timers.add(effect.id);
        return null;
      case 'cancelTimer':
        this.timers.delete(effect.id);
        return null;
      case 'build':
        this.build = effect.request;
        return null;
      case 'seal':
        this.seal = effect.request;
        return null;
      case 'unseal':
        this.seal = null;
        return null;
      case 'insert':
        return this.#insert(effect, chain);
      case 'check':
        return this.#check(effect.hash, chain);
      case 'setHead':
        return chain.status(effect.hash) === 'executed' ? null : `Block ${effect.hash} is to be the head and is not executed.`;
      default:
        return null;
    }
  }

  /** What is wrong with this leaving or being decided now. */
  left(subject: unknown, what: string): string | null {
    const after = this.waiting.get(subject);
    if (after === undefined) return null;
    if (after <= this.durable) {
      this.waiting.delete(subject);
      return null;
    }
    return `${what} before record ${after} was durable; the disk has ${this.durable}.`;
  }

  #persist({ lsn, records }: Extract<AnyEffect, { type: 'persist' }>): string | null {
    const expected = this.appended + records.length;
    this.appended = lsn;
    return lsn === expected ? null : `Writes ${records.length} records up to ${lsn}; expected ${expected}.`;
  }

  #check(hash: Hash, chain: ChainView): string | null {
    const parent = chain.get(hash)?.header.parentHash;
    this.checks.set(hash, (this.checks.get(hash) ?? 0) + 1);
    if (chain.status(hash) === 'invalid') return `Block ${hash} is to be executed and is known to be invalid.`;
    if (parent === undefined) return this.#fresh.has(hash) ? null : `Block ${hash} is to be executed and was never inserted.`;
    const isReady = chain.status(parent) === 'executed' || this.checks.has(parent);
    return isReady ? null : `Block ${hash} is to be executed before its parent ${parent}.`;
  }

  #insert({ block }: Extract<AnyEffect, { type: 'insert' }>, chain: ChainView): string | null {
    const { parentHash } = block.header;
    const hash = hashHeader(block.header);
    this.#fresh.add(hash);
    const isHere = chain.get(parentHash) !== undefined || this.#fresh.has(parentHash);
    return isHere ? null : `Block ${hash} is kept without its parent ${parentHash}.`;
  }
}

/** The record that an effect waits for. */
function afterOf(effect: AnyEffect): number | undefined {
  switch (effect.type) {
    case 'send':
    case 'announce':
    case 'setHead':
    case 'finalize':
      return effect.after;
    default:
      return undefined;
  }
}

/** By what a waiting effect is known when it is carried out. */
function subjectOf(effect: AnyEffect): unknown {
  switch (effect.type) {
    case 'send':
      return effect.message;
    case 'announce':
      return effect.block;
    case 'setHead':
      return `head ${effect.hash}`;
    case 'finalize':
      return `final ${effect.hash}`;
    default:
      return effect;
  }
}

export const contract: CheckerFactory = ({ isCorrect, chainOf, report }) => {
  const dealings = new Map<number, Dealings>();

  function checkStep(node: number, open: Dealings, event: Event<unknown>, effects: readonly AnyEffect[]): void {
    const chain = chainOf(node);
    const problem = open.told(event);
    if (problem !== null) report({ node, message: problem });
    if (chain === null) return;
    for (const effect of effects) {
      const wrong = open.answered(effect, chain);
      if (wrong !== null) report({ node, message: `On event '${event.type}': ${wrong}` });
    }
  }

  function checkLeaving(node: number, open: Dealings, subject: unknown, what: string): void {
    const problem = open.left(subject, what);
    if (problem !== null) report({ node, message: problem });
  }

  return {
    name: 'Contract',
    sees: ['started', 'step', 'persisted', 'sending', 'announced', 'head', 'finalized'],
    observe(observation) {
      if (!isOfNode(observation) || !isCorrect(observation.node)) return;
      const { node } = observation;
      if (observation.type === 'started') dealings.set(node, new Dealings(observation.lsn));
      const open = dealings.get(node);
      if (open === undefined) return;
      switch (observation.type) {
        case 'step':
          return checkStep(node, open, observation.event, observation.effects);
        case 'persisted':
          open.durable = observation.lsn;
          return;
        case 'sending':
          return checkLeaving(node, open, observation.message, 'A message left');
        case 'announced':
          return checkLeaving(node, open, observation.block, 'A block was announced');
        case 'head':
          return checkLeaving(node, open, `head ${observation.head.hash}`, `Block ${observation.head.hash} became the head`);
        case 'finalized':
          return checkLeaving(node, open, `final ${observation.block.hash}`, `Block ${observation.block.hash} was finalized`);
      }
    },
  };
};
