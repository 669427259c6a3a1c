/**
 * The node's ledger as a port of the simulator's driver. What it answers by promises comes back as events of the world, so
 * an engine's steps happen in events and nowhere else, where they are watched and where time may go on.
 */
import type { RuleError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { ChainView, Facts, HeaderNode } from '../../chain/tree.ts';
import type { BuildFields, Certificate } from '../../consensus/engine.ts';
import { type LedgerOptions, NodeLedger } from '../../node/ledger.ts';
import type { LedgerPort } from '../../node/ports.ts';
import type { LedgerEvents } from '../tier.ts';
import type { AsyncWork } from './async-work.ts';
import { STANDING_STILL } from './timed-executor.ts';

/** Of a build; it ends at once, since time stands still. */
const BUILD_TIME_MS = 400;

export interface RealLedgerOptions extends Pick<LedgerOptions, 'store' | 'executor' | 'pool' | 'engine' | 'fatal'> {
  readonly work: AsyncWork;
  /** Has it happen as the next event of this moment, while the node lives. */
  readonly post: (action: () => void) => void;
  readonly events: LedgerEvents;
}

export class RealLedger implements LedgerPort {
  readonly view: ChainView;
  readonly #ledger: NodeLedger;
  readonly #options: RealLedgerOptions;

  constructor(options: RealLedgerOptions) {
    const { store, executor, pool, engine, fatal, post, events } = options;
    this.#options = options;
    this.view = store.view;
    this.#ledger = new NodeLedger({
      store,
      executor,
      pool,
      engine,
      gasLimit: store.view.genesis.header.gasLimit,
      buildTimeMs: BUILD_TIME_MS,
      now: STANDING_STILL,
      onExecuted: (hash) => post(() => events.onChecked(hash, null)),
      onInvalid: (hash, error) => post(() => events.onChecked(hash, error)),
      onHead: ({ newHead }) => post(() => events.onDurable(newHead)),
      onBuildFailed: fatal,
      fatal,
    });
  }

  insert(block: Block, facts: Facts): void {
    const isNew = this.view.status(hashHeader(block.header)) === undefined;
    this.#ledger.insert(block, facts);
    this.#options.work.touch();
    if (isNew) this.#options.events.onInserted(block);
  }

  setHead(hash: Hash, done: () => void): void {
    const oldHead = this.view.head;
    this.#ledger.setHead(hash, this.#posted(done));
    const removed: HeaderNode[] = [];
    for (let left: HeaderNode | undefined = oldHead; left !== undefined && this.view.canonical(left.header.number) !== left.hash; ) {
      removed.push(left);
      left = this.view.get(left.header.parentHash);
    }
    this.#options.events.onHead({ oldHead, newHead: this.view.head, removed });
  }

  finalize(hash: Hash, certificate: Certificate, done: () => void): void {
    const { events } = this.#options;
    const finalDurable = () => {
      events.onFinalDurable(node);
      done();
    };
    this.#ledger.finalize(hash, certificate, this.#posted(finalDurable));
    const node = this.view.finalized;
    events.onFinalized(node, certificate);
  }

  check(hash: Hash, done: (error: RuleError | null) => void): void {
    this.#ledger.check(hash, this.#posted(done));
  }

  bodyMatches(block: Block): boolean {
    return this.#ledger.bodyMatches(block);
  }

  build(parent: Hash, fields: BuildFields, done: (block: Block | null) => void): void {
    const built = (block: Block | null) => {
      if (block !== null) this.#options.events.onBuilt(block);
      done(block);
    };
    this.#ledger.build(parent, fields, this.#posted(built));
  }

  #posted<Values extends unknown[]>(answer: (...values: Values) => void): (...values: Values) => void {
    const { post, work } = this.#options;
    work.touch();
    return (...values) => post(() => answer(...values));
  }
}
