/**
 * The options of geth's tracing methods, from JSON to what a worker takes. Only the tracers that are built in exist here;
 * programs of strangers, which geth runs as tracers in JavaScript, are refused.
 */

import { type Json, quote } from '../base/types.ts';
import type { CallRequest } from '../execution/call-types.ts';
import type { TracerSpec } from '../execution/tracing/tracers.ts';
import { blockOverrides, stateOverrides } from './call-request.ts';
import { boolean, type Codec, count, isObject, mismatch, number, object, type Place, text } from './codecs.ts';
import { invalidParams } from './errors.ts';

export interface TraceOptions {
  readonly tracer: TracerSpec;
  /** Undefined: as long as the node allows by default. */
  readonly timeoutMs: number | undefined;
}

export interface TraceCallOptions extends TraceOptions, Pick<CallRequest, 'stateOverrides' | 'blockOverrides'> {
  /** The call comes before this transaction of its block. */
  readonly txIndex: number | undefined;
}

const TRACERS = ['callTracer', 'prestateTracer', 'flatCallTracer', '4byteTracer', 'noopTracer', 'muxTracer'] as const;
/** At once, in one muxTracer. */
const MAX_TRACERS = 16;

const loggerFields = {
  disableStack: boolean,
  disableStorage: boolean,
  enableMemory: boolean,
  enableReturnData: boolean,
  limit: number,
};
const loggerOptions = object('options of the struct logger', loggerFields);
const callTracerOptions = object('options of callTracer', { onlyTopCall: boolean, withLog: boolean });
const flatOptions = object('options of flatCallTracer', { convertParityErrors: boolean, includePrecompiles: boolean });
const prestateOptions = object('options of prestateTracer', {
  diffMode: boolean,
  disableCode: boolean,
  disableStorage: boolean,
  includeEmpty: boolean,
});

/** A duration as Go writes it: `300ms`, `5s`, `1m30s`. In milliseconds. */
const duration: Codec<number> = {
  expected: 'a duration such as "300ms", "5s" or "1m30s"',
  decode(value, place) {
    const parts = typeof value === 'string' ? [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)] : [];
    if (parts.length === 0 || parts.map(([part]) => part).join('') !== value) throw mismatch(place, duration.expected, value);
    return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNITS_MS[unit ?? ''] ?? 0), 0);
  },
};
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

const anything: Codec<Json> = { expected: 'an object', decode: (value) => value };

const common = { ...loggerFields, tracer: text, tracerConfig: anything, timeout: duration, reexec: count };
const traceFields = object('trace options', common);
const traceCallFields = object('trace options', { ...common, stateOverrides, blockOverrides, txIndex: count });

export const traceOptions: Codec<TraceOptions> = {
  expected: `${traceFields.expected}; tracer is one of ${TRACERS.join(', ')}, or absent for struct logs`,
  decode(value, place) {
    const { tracer, tracerConfig, timeout } = traceFields.decode(value, place);
    return { tracer: tracerOf(tracer, tracerConfig, value, place), timeoutMs: timeout };
  },
};

export const traceCallOptions: Codec<TraceCallOptions> = {
  expected: `${traceCallFields.expected}; tracer is one of ${TRACERS.join(', ')}, or absent for struct logs`,
  decode(value, place) {
    const {
      tracer,
      tracerConfig,
      timeout,
      stateOverrides: accounts,
      blockOverrides: fields,
      txIndex,
    } = traceCallFields.decode(value, place);
    return {
      tracer: tracerOf(tracer, tracerConfig, value, place),
      timeoutMs: timeout,
      txIndex: txIndex === undefined ? undefined : Number(txIndex),
      ...(accounts !== undefined && { stateOverrides: accounts }),
      ...(fields !== undefined && { blockOverrides: fields }),
    };
  },
};

export const DEFAULT_TRACE: TraceCallOptions = { tracer: structLogger({}), timeoutMs: undefined, txIndex: undefined };

/** The struct logger has its options beside those of tracing itself, every other tracer in `tracerConfig`. */
function tracerOf(name: string | undefined, config: Json | undefined, outer: Json, place: Place): TracerSpec {
  if (name === undefined || name === '') return structLogger(loggerOptions.decode(outer, place));
  return named(name, config ?? {}, { ...place, path: `${place.path}.tracerConfig` });
}

function structLogger(given: ReturnType<typeof loggerOptions.decode>): TracerSpec {
  const { disableStack = false, disableStorage = false, enableMemory = false, enableReturnData = false, limit = 0 } = given;
  return { name: 'structLogger', options: { disableStack, disableStorage, enableMemory, enableReturnData, limit } };
}

function named(name: string, config: Json, place: Place): TracerSpec {
  switch (name) {
    case 'callTracer': {
      const { onlyTopCall = false, withLog = false } = callTracerOptions.decode(config, place);
      return { name, options: { onlyTopCall, withLog } };
    }
    case 'flatCallTracer': {
      const { convertParityErrors = false, includePrecompiles = false } = flatOptions.decode(config, place);
      return { name, options: { convertParityErrors, includePrecompiles, parity: false } };
    }
    case 'prestateTracer':
      return prestate(config, place);
    case '4byteTracer':
    case 'noopTracer':
      return { name };
    case 'muxTracer':
      return mux(config, place);
    default:
      throw unknownTracer(name);
  }
}

function prestate(config: Json, place: Place): TracerSpec {
  const { diffMode = false, disableCode = false, disableStorage = false, includeEmpty = false } = prestateOptions.decode(config, place);
  if (diffMode && includeEmpty) throw invalidParams('cannot use diffMode with includeEmpty');
  return { name: 'prestateTracer', options: { diffMode, disableCode, disableStorage, includeEmpty } };
}

function mux(config: Json, place: Place): TracerSpec {
  if (!isObject(config)) throw mismatch(place, 'an object from tracers to their options', config);
  const entries = Object.entries(config);
  if (entries.length > MAX_TRACERS) throw mismatch(place, `at most ${MAX_TRACERS} tracers`, `${entries.length} tracers`);
  const parts = entries.map(([name, options]) => {
    if (name === 'muxTracer') throw invalidParams('a muxTracer cannot be part of a muxTracer');
    return named(name, options ?? {}, { ...place, path: `${place.path}.${name.slice(0, 80)}` });
  });
  return { name: 'muxTracer', parts };
}

function unknownTracer(name: string): Error {
  const known = `this node has ${TRACERS.join(', ')}, and struct logs when no tracer is named`;
  if (/[{}();=>\s]/.test(name)) return invalidParams(`tracers in JavaScript are not run here; ${known}`);
  return invalidParams(`unknown tracer ${quote(name, 64)}; ${known}`);
}
