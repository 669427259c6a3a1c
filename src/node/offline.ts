/**
 * A chain without network, miner or RPC: the same driver, engine, ledger and store as in a node, fed by the caller.
 * `synod import` and `export` stand on it, so a file's blocks are judged exactly as a peer's would be.
 */
import { BoundedMap } from '../base/bounded.ts';
import { RuleError, SynodError } from '../base/errors.ts';
import { type Hash, type Json, NodeId, ZERO_ADDRESS } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { type Header, hashHeader } from '../chain/header.ts';
import type { ChainView, HeaderNode } from '../chain/tree.ts';
import { Executor } from '../execution/executor.ts';
import { Mempool } from '../mempool/mempool.ts';
import type { ChainStore } from '../storage/chain-store.ts';
import { type OpenChain, openChain } from './chain.ts';
import { systemClock } from './clock.ts';
import { Driver } from './driver.ts';
import { checkBody, checkForeignBody } from './inbox.ts';
import { NodeLedger } from './ledger.ts';
import type { LedgerPort, Ports } from './ports.ts';

export interface OfflineChain {
  readonly store: ChainStore;
  readonly engineName: string;
  readonly genesisHash: Hash;
  /** The engine's answer to one of its own commands. Rejects with UsageError for what it refuses. */
  command(name: string, values: { readonly [key: string]: Json }): Promise<Json>;
  /**
   * Resolves when the block is stored and the engine has executed all that it wants of it; false when it was known.
   * Throws RuleError when it or an ancestor breaks a rule or its parent is unknown, and whatever ended the chain.
   */
  add(block: Block): Promise<boolean>;
  /** Waits until everything is durable. */
  close(): Promise<void>;
}

/** Nobody is there to blame. */
const NOBODY = NodeId('offline');
/** Why blocks were invalid; the walk to the cause of a later refusal finds the newest. */
const MAX_ERRORS_KEPT = 64;
/** Blocks are executed faster than a slow disk takes them: more than this does not wait in memory. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;

export async function openOffline(datadir: string, document: unknown): Promise<OfflineChain> {
  const chain = await openChain(datadir, document, { node: { beneficiary: ZERO_ADDRESS, produce: false, signers: [] } });
  try {
    return await assemble(chain);
  } catch (error) {
    await chain.close();
    throw error;
  }
}

async function assemble(chain: OpenChain): Promise<OfflineChain> {
  const { store, engine, params } = chain;
  const checks = new Checks();
  const offences: RuleError[] = [];
  const fatal = (error: unknown) => checks.fail(error);
  const recovered = await chain.datadir.openLog(fatal);
  const ledger = new NodeLedger({
    store,
    executor: new Executor(params, store.state, engine, store.view),
    pool: new Mempool({ params, chain: store, state: store.state, now: systemClock.nowMs }),
    engine,
    gasLimit: store.view.genesis.header.gasLimit,
    buildTimeMs: 0,
    onExecuted: () => undefined,
    onInvalid: () => undefined,
    onBuildFailed: () => undefined,
    onHead: () => undefined,
    fatal,
  });
  const ports: Ports = {
    clock: systemClock,
    log: recovered.log,
    transport: {
      send: () => undefined,
      announce: () => undefined,
      fetch: () => undefined,
      offence: (_from, error) => void offences.push(error),
    },
    ledger: checks.counting(ledger),
    sealer: { seal: () => undefined, unseal: () => undefined },
    observer: { trace: () => undefined, fatal },
    random: () => 0,
  };
  const driver = new Driver(engine, ports, NOBODY);
  driver.start(recovered);

  const add = async (block: Block): Promise<boolean> => {
    const hash = hashHeader(block.header);
    if (hash === chain.genesisHash) return false;
    const parent = parentOf(block, store.view);
    const isInvalid = () => [parent.hash, hash].some((of) => store.view.status(of) === 'invalid');
    if (isInvalid()) throw whyInvalid(hash, block.header, store.view, checks);
    if (store.view.status(hash) !== undefined) return false;
    const isReplayed = engine.name === 'replay';
    if (isReplayed) checkForeignBody(block);
    else checkBody(block);
    offences.length = 0;
    driver.receiveBlock({ block, origin: isReplayed ? 'local' : 'sync', from: NOBODY });
    const [offence] = offences;
    await checks.finished();
    if (store.view.status(hash) === undefined) {
      // Not an offence, so perhaps only early: the engine's own judgement says so.
      if (offence === undefined) engine.verifyHeader(block, parent, store.view, systemClock.wallMs());
      throw offence ?? new RuleError('block/refused', `Block ${block.header.number} (${hash}) was not accepted.`);
    }
    if (isInvalid()) throw whyInvalid(hash, block.header, store.view, checks);
    if (store.pendingBytes > MAX_PENDING_BYTES) await store.flush();
    return true;
  };
  const close = async () => {
    driver.stop();
    await ledger.stop();
    await chain.close();
    checks.throwFailure();
  };
  const command = (name: string, values: { readonly [key: string]: Json }) =>
    new Promise<Json>((resolve, reject) => {
      driver.admin({ name, arguments: values }, (result) => (result instanceof SynodError ? reject(result) : resolve(result)));
    });
  return { store, engineName: engine.name, genesisHash: chain.genesisHash, add, command, close };
}

/**
 * The executions that the engine asked for. While none is under way, the engine has decided all that it can: a block
 * that is stored then is on a lighter branch, and nothing more will be heard of it. Watching for the end of one
 * particular block instead would wait forever when an ancestor is found invalid or a third branch overtakes it.
 */
class Checks {
  readonly errors = new BoundedMap<Hash, RuleError>(MAX_ERRORS_KEPT);
  #underWay = 0;
  #failure: unknown = null;
  #end: PromiseWithResolvers<void> = Promise.withResolvers();

  /** The same ledger, with its checks counted. */
  counting(ledger: LedgerPort): LedgerPort {
    return {
      view: ledger.view,
      insert: (block, facts) => ledger.insert(block, facts),
      setHead: (hash, done) => ledger.setHead(hash, done),
      finalize: (hash, certificate, done) => ledger.finalize(hash, certificate, done),
      build: (parent, fields, done) => ledger.build(parent, fields, done),
      bodyMatches: (block) => ledger.bodyMatches(block),
      check: (hash, done) => {
        this.#underWay++;
        ledger.check(hash, (error) => {
          if (error !== null) this.errors.set(hash, error);
          done(error);
          // Later, since the driver may be in the middle of a step, which then goes on after this returns.
          queueMicrotask(() => this.#ended());
        });
      },
    };
  }

  /** Throws what ended the chain. */
  async finished(): Promise<void> {
    if (this.#underWay > 0 && this.#failure === null) await this.#end.promise;
    this.throwFailure();
  }

  fail(error: unknown): void {
    this.#failure ??= error;
    this.#end.resolve();
  }

  throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  #ended(): void {
    this.#underWay--;
    if (this.#underWay > 0) return;
    this.#end.resolve();
    this.#end = Promise.withResolvers();
  }
}

function parentOf({ header: { number, parentHash } }: Block, view: ChainView): HeaderNode {
  const parent = view.get(parentHash);
  if (parent !== undefined) return parent;
  throw new RuleError('block/unknown-parent', `The parent ${parentHash} of block ${number} is not in the chain.`, { number });
}

/** The rule that an invalid block broke itself, or its lowest invalid ancestor with the rule that this one broke. */
function whyInvalid(hash: Hash, { number, parentHash }: Header, view: ChainView, { errors }: Checks): RuleError {
  let culprit: { readonly hash: Hash; readonly number: number } = { hash, number };
  let parent = view.get(parentHash);
  for (; parent !== undefined && view.status(parent.hash) === 'invalid'; parent = view.get(parent.header.parentHash)) {
    culprit = { hash: parent.hash, number: parent.header.number };
  }
  const cause = errors.get(culprit.hash);
  if (culprit.hash !== hash) {
    const message = `Block ${number} (${hash}) stands on block ${culprit.number} (${culprit.hash}), which is invalid`;
    return new RuleError('block/invalid-ancestor', message, { number, ancestor: culprit.hash }, { cause });
  }
  return cause ?? new RuleError('block/invalid', `Block ${number} (${hash}) was found invalid before.`, { number });
}
