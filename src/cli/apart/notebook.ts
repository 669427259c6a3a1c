/**
 * Where a process writes what it is at, so that somebody else can tell should it end before its time: a file that both have
 * open and that has no name any more. Each fact has a place of its own in it, and is written over and over.
 */
import { readSync, writeSync } from 'node:fs';
import type { AnyEngine } from '../../consensus/engine.ts';
import type { Subject } from '../../simulator/subject.ts';

const FACTS = ['call', 'run', 'ended'] as const;
type Fact = (typeof FACTS)[number];
/** Of one fact, with its end. */
const FACT_BYTES = 1_024;
const FACT_END = '\n';

export class Notebook {
  readonly #descriptor: number;
  #calls = 0;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** The engine's function that is at work, and what it is given. */
  call(what: string): void {
    this.#write('call', `${++this.#calls} ${what}`);
  }

  /** The seed of the run that begins. */
  run(seed: string): void {
    this.#write('run', seed);
    this.call('');
  }

  /** All that was to be done is done. */
  ended(): void {
    this.#write('ended', 'yes');
  }

  read(): { readonly [fact in Fact]: string } {
    const bytes = Buffer.alloc(FACTS.length * FACT_BYTES);
    readSync(this.#descriptor, bytes, 0, bytes.length, 0);
    const [call = '', run = '', ended = ''] = FACTS.map((_, index) => textOf(bytes.subarray(index * FACT_BYTES, (index + 1) * FACT_BYTES)));
    return { call, run, ended };
  }

  #write(fact: Fact, text: string): void {
    writeSync(this.#descriptor, `${text.slice(0, FACT_BYTES / 4)}${FACT_END}`, FACTS.indexOf(fact) * FACT_BYTES);
  }
}

function textOf(bytes: Buffer): string {
  const text = bytes.toString();
  return text.slice(0, Math.max(0, text.indexOf(FACT_END)));
}

/** The same, but that every run and every call of an engine is noted before it begins. */
export function noted(subject: Subject, notebook: Notebook): Subject {
  return {
    ...subject,
    begins: (seed) => notebook.run(seed),
    create: (...values) => {
      notebook.call("In 'createEngine'");
      return notedEngine(subject.create(...values), notebook);
    },
  };
}

function notedEngine(engine: AnyEngine, notebook: Notebook): AnyEngine {
  const note =
    <Values extends readonly unknown[], Answer>(call: string, work: (...values: Values) => Answer) =>
    (...values: Values): Answer => {
      notebook.call(`In '${call}'`);
      return work(...values);
    };
  return {
    ...engine,
    init: note('init', engine.init),
    step(state, event, context) {
      notebook.call(`At ${context.self}, on event '${event.type}'`);
      return engine.step(state, event, context);
    },
    encode: note('encode', engine.encode),
    decode: note('decode', engine.decode),
    genesisFacts: note('genesisFacts', engine.genesisFacts),
    verifyHeader: note('verifyHeader', engine.verifyHeader),
    verifySeal: note('verifySeal', engine.verifySeal),
    verifyCertificate: note('verifyCertificate', engine.verifyCertificate),
    randomness: note('randomness', engine.randomness),
    rewards: note('rewards', engine.rewards),
    ...(engine.carried !== undefined && { carried: note('carried', engine.carried) }),
    ...(engine.safe !== undefined && { safe: note('safe', engine.safe) }),
    inspect: note('inspect', engine.inspect),
  };
}
