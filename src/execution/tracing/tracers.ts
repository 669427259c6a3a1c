/** Tracers by name, as geth registers them, and what runs several at once. */
import type { Allowance } from './allowance.ts';
import { CallTracer, type CallTracerOptions } from './call-tracer.ts';
import { type FlatCallOptions, FlatCallTracer } from './flat-call-tracer.ts';
import { FourByteTracer } from './four-byte-tracer.ts';
import { FrameLister } from './frame-lister.ts';
import { type PrestateOptions, PrestateTracer } from './prestate-tracer.ts';
import { type ReplayOptions, ReplayTracer } from './replay-tracer.ts';
import { StructLogger, type StructLoggerOptions } from './struct-logger.ts';
import type { FrameEnd, FrameStart, Step, TracedLog, Tracer, TransactionStart } from './tracer.ts';

/** Which tracer, with which options. Plain data: it goes to a worker. */
export type TracerSpec =
  | { readonly name: 'structLogger'; readonly options: StructLoggerOptions }
  | { readonly name: 'callTracer'; readonly options: CallTracerOptions }
  | { readonly name: 'flatCallTracer'; readonly options: FlatCallOptions }
  | { readonly name: 'prestateTracer'; readonly options: PrestateOptions }
  | { readonly name: '4byteTracer' }
  | { readonly name: 'noopTracer' }
  /** Not geth's: for ots_ and trace_. */
  | { readonly name: 'frameLister' }
  | { readonly name: 'replayTracer'; readonly options: ReplayOptions }
  | { readonly name: 'muxTracer'; readonly parts: readonly TracerSpec[] };

export function createTracer(spec: TracerSpec, allowance: Allowance): Tracer {
  switch (spec.name) {
    case 'structLogger':
      return new StructLogger(spec.options, allowance);
    case 'callTracer':
      return new CallTracer(spec.options, allowance);
    case 'flatCallTracer':
      return new FlatCallTracer(spec.options, allowance);
    case 'prestateTracer':
      return new PrestateTracer(spec.options, allowance);
    case '4byteTracer':
      return new FourByteTracer();
    case 'noopTracer':
      return { result: () => '{}' };
    case 'frameLister':
      return new FrameLister(allowance);
    case 'replayTracer':
      return new ReplayTracer(spec.options, allowance);
    case 'muxTracer':
      return new MuxTracer(spec.parts.map((part) => [part.name, createTracer(part, allowance)]));
  }
}

class MuxTracer implements Tracer {
  readonly #parts: readonly (readonly [name: string, tracer: Tracer])[];

  constructor(parts: readonly (readonly [name: string, tracer: Tracer])[]) {
    this.#parts = parts;
  }

  begin(start: TransactionStart): void {
    for (const [, tracer] of this.#parts) tracer.begin?.(start);
  }

  step(step: Step): void {
    for (const [, tracer] of this.#parts) tracer.step?.(step);
  }

  enter(frame: FrameStart): void {
    for (const [, tracer] of this.#parts) tracer.enter?.(frame);
  }

  exit(end: FrameEnd): void {
    for (const [, tracer] of this.#parts) tracer.exit?.(end);
  }

  log(log: TracedLog): void {
    for (const [, tracer] of this.#parts) tracer.log?.(log);
  }

  end(gasUsed: bigint): void {
    for (const [, tracer] of this.#parts) tracer.end?.(gasUsed);
  }

  result(): string {
    return `{${this.#parts.map(([name, tracer]) => `"${name}":${tracer.result()}`).join(',')}}`;
  }
}
