/** Modules that users write: what is right becomes a subject, what is wrong is said by name, and nothing hangs. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import { ZERO_ADDRESS } from '../../../src/base/types.ts';
import type { AnyEngine, EngineFactory } from '../../../src/consensus/engine.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { run } from '../../../src/simulator/run.ts';
import { ProofOracle } from '../../../src/simulator/sealer.ts';
import { subjectOf } from '../../../src/simulator/subjects/custom.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { sequencerModule } from '../engines/sequencer.ts';
import { GENESIS, IDLE_ENGINE, OPTIONS } from '../support.ts';

const FILE = './my-engine.ts';
const idle = { createEngine: () => IDLE_ENGINE };
const problem = (code: string, message: RegExp) =>
  expect.objectContaining({ name: 'UsageError', code, message: expect.stringMatching(message) });

describe('a module', () => {
  it('becomes a subject with what it says, and defaults for the rest', () => {
    const plain = subjectOf(idle, FILE);
    expect([plain.name, plain.blockMs({}), plain.quorum(5), plain.tolerates(7), plain.keysPerNode]).toEqual([FILE, 1_000, 3, 0, 1]);
    const hints = { blockMs: 250, quorum: (nodes: number) => nodes, settings: { round: 7 } };
    const told = subjectOf({ createEngine: () => ({ ...IDLE_ENGINE, faults: 'byzantine' }), simulation: hints }, FILE);
    expect([told.blockMs({}), told.quorum(5), told.tolerates(3), told.tolerates(4), told.tolerates(7)]).toEqual([250, 5, 0, 1, 2]);
    const careful = subjectOf({ createEngine: () => ({ ...IDLE_ENGINE, faults: 'byzantine' }) }, FILE);
    expect([3, 4, 5, 6, 7].map((number) => careful.quorum(number))).toEqual([3, 3, 4, 5, 5]);
    const nodes = [0, 1].map(placeId);
    const keys = [0, 1].map((identity) => TAG_KEYS.signer(identity, 0).publicKey);
    expect(told.drawSettings(new Random(1), nodes, TAG_KEYS, OPTIONS)).toEqual({ nodes, keys, round: 7 });
  });

  it('may make an engine that is an instance of a class, with parts of its own', () => {
    class Sequencer {
      readonly #inner: AnyEngine;
      readonly name = 'classy';
      readonly finality = 'instant';
      readonly faults = 'crash';
      constructor(inner: AnyEngine) {
        this.#inner = inner;
      }
      init: AnyEngine['init'] = (context) => this.#inner.init(context);
      step(...values: Parameters<AnyEngine['step']>) {
        return this.#inner.step(...values);
      }
      encode(message: unknown) {
        return this.#inner.encode(message);
      }
      decode(bytes: Uint8Array) {
        return this.#inner.decode(bytes);
      }
      genesisFacts(...values: Parameters<AnyEngine['genesisFacts']>) {
        return this.#inner.genesisFacts(...values);
      }
      verifyHeader(...values: Parameters<AnyEngine['verifyHeader']>) {
        return this.#inner.verifyHeader(...values);
      }
      verifySeal(...values: Parameters<AnyEngine['verifySeal']>) {
        return this.#inner.verifySeal(...values);
      }
      verifyCertificate(...values: Parameters<AnyEngine['verifyCertificate']>) {
        return this.#inner.verifyCertificate(...values);
      }
      randomness(...values: Parameters<AnyEngine['randomness']>) {
        return this.#inner.randomness(...values);
      }
      rewards(...values: Parameters<AnyEngine['rewards']>) {
        return this.#inner.rewards(...values);
      }
      inspect(state: unknown) {
        return this.#inner.inspect(state);
      }
    }
    const module = sequencerModule();
    const createEngine: EngineFactory = (...values) => new Sequencer(module.createEngine(...values));
    const options = { nodes: 3, faultsMs: 10_000 };
    const [classy, plain] = [{ ...module, createEngine }, module].map((one) =>
      run({ subject: subjectOf(one, FILE), seed: '1', options, schedule: [], sink: Object.assign(() => undefined, { wantsStates: true }) }),
    );
    expect(classy?.violations).toEqual([]);
    expect(classy?.traceHash).toBe(plain?.traceHash);
  });

  it.each<[string, { readonly [key: string]: unknown }, RegExp]>([
    ['exports nothing', {}, /my-engine\.ts" does not export a function createEngine/],
    ['exports a value', { createEngine: 7 }, /does not export a function createEngine/],
    ['has hints that are no object', { ...idle, simulation: 7 }, /'simulation', which is not an object/],
    ['has hints that are a list', { ...idle, simulation: [] }, /'simulation', which is not an object/],
    ['has a hint that nobody knows', { ...idle, simulation: { blockMS: 7 } }, /simulation\.blockMS.*known are settings, blockMs, quorum/],
    ['has a time that is none', { ...idle, simulation: { blockMs: '1s' } }, /simulation\.blockMs "1s"/],
    ['has no time at all', { ...idle, simulation: { blockMs: 0 } }, /simulation\.blockMs "0"/],
    ['has an endless time', { ...idle, simulation: { blockMs: Number.NaN } }, /simulation\.blockMs "NaN"/],
    ['has settings that are a text', { ...idle, simulation: { settings: 'fast' } }, /simulation\.settings/],
    ['has a quorum that is a number', { ...idle, simulation: { quorum: 2 } }, /simulation\.quorum, which is not a function/],
    ['asks for more nodes than there are', { ...idle, simulation: { quorum: () => 3 } }, /simulation\.quorum\(2\) of "3".*from 1 to 2/],
    ['asks for half a node', { ...idle, simulation: { quorum: (n: number) => n / 2 } }, /simulation\.quorum\(3\) of "1\.5"/],
    ['has a quorum that says nothing', { ...idle, simulation: { quorum: () => undefined } }, /simulation\.quorum\(2\) of "undefined"/],
    ['has a time-out that never ends', { ...idle, simulation: { maxTimeoutMs: Infinity } }, /simulation\.maxTimeoutMs "Infinity"/],
    ['has a read without a name', { ...idle, simulation: { linearizableRead: '' } }, /simulation\.linearizableRead/],
    ['promises a quorum', { ...idle, simulation: { quorum: async () => 1 } }, /simulation\.quorum\(2\) of "\[object Promise\]"/],
  ])('is refused when it %s', (_what, module, message) => {
    expect(() => subjectOf(module, FILE)).toThrowError(problem('simulator/engine-module', message));
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /lacks init, step,/],
    ['a promise', Promise.resolve(IDLE_ENGINE), /lacks init, step,/],
    ['an engine without verifySeal', { ...IDLE_ENGINE, verifySeal: undefined }, /lacks verifySeal\./],
    [
      'an engine of some other finality',
      { ...IDLE_ENGINE, finality: 'soon' },
      /finality "soon"; expected one of probabilistic, gadget, instant/,
    ],
    ['an engine that bears anything', { ...IDLE_ENGINE, faults: 'all' }, /faults "all"; expected one of crash, byzantine/],
    ['an engine without a name', { ...IDLE_ENGINE, name: '' }, /has no name/],
  ])('is refused when it makes %s', (_what, engine, message) => {
    expect(() => subjectOf({ createEngine: () => engine }, FILE)).toThrowError(problem('simulator/engine-shape', message));
  });

  it('is refused when making an engine throws or reads the clock', () => {
    const bad = (createEngine: () => unknown, message: RegExp) =>
      expect(() => subjectOf({ createEngine }, FILE)).toThrowError(problem('simulator/engine-module', message));
    bad(() => {
      throw new TypeError('no such thing');
    }, /createEngine that failed: no such thing \(at .*custom\.test\.ts/);
    bad(() => Date.now(), /createEngine that calls Date\.now at .*custom\.test\.ts/);
  });

  it('is refused when making an engine never ends', () => {
    const createEngine = () => {
      for (;;);
    };
    expect(() => subjectOf({ createEngine }, FILE)).toThrowError(
      problem('simulator/engine-module', /createEngine that failed: .*loop without end/),
    );
  });

  it('is asked for an engine of a network that makes sense', () => {
    const sizes: unknown[] = [];
    const createEngine: EngineFactory = ({ engine }) => {
      const { nodes, keys } = engine.settings;
      sizes.push([nodes, keys].map((list) => (Array.isArray(list) ? list.length : 0)));
      return IDLE_ENGINE;
    };
    const subject = subjectOf({ createEngine }, FILE);
    expect(sizes).toEqual([[4, 4]]);
    const made = subject.create(
      GENESIS.params,
      { beneficiary: ZERO_ADDRESS, produce: true, signers: [] },
      new ProofOracle(),
      TAG_KEYS.signatures,
    );
    expect([made.name, made.finality, made.faults]).toEqual(['idle', 'instant', 'crash']);
  });
});
