/**
 * What an RPC method is. A method declares its parameters with codecs, and from that one declaration come the checks,
 * the error messages and the documentation; `methods.ts` gathers all methods into one table.
 *
 * To add one: declare it with `method(...)` in the file of its namespace, add it to that file's list, run
 * `node src/rpc/describe.ts > src/rpc/METHODS.md` (a test compares the two).
 */
import type { Json } from '../base/types.ts';
import type { Backend } from './backend.ts';
import type { Codec, JsonSchema } from './codecs.ts';
import { invalidParams, methodNotFound, RPC_CODES, RpcError } from './errors.ts';
import type { FeeOracle } from './fee-oracle.ts';
import type { FilterStore } from './filters.ts';
import type { ReplySize, RpcLimits } from './limits.ts';
import type { LogReader } from './logs.ts';
import type { SubscriptionSet } from './subscriptions.ts';

/** What a handler has to work with. */
export interface Context {
  readonly backend: Backend;
  readonly limits: RpcLimits;
  readonly logs: LogReader;
  readonly fees: FeeOracle;
  readonly filters: FilterStore;
  /** Who asks, as far as can be told (`clientOf`). */
  readonly client: string;
  /** Those that the caller may use. */
  readonly methods: ReadonlyMap<string, Method>;
  /** Null over HTTP, which cannot push. */
  readonly subscriptions: SubscriptionSet | null;
  /** Of the reply that is being made. */
  readonly size: ReplySize;
  /** Calls back once the reply is on its way to the client. */
  afterReply(callback: () => void): void;
}

/**
 * A result that is JSON text already: a trace of many megabytes, made by a worker, which this thread neither parses nor
 * writes again. Whoever makes one answers for its being JSON.
 */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export interface Parameter<T> {
  readonly name: string;
  readonly expected: string;
  readonly optional: boolean;
  /** Of a value that is given. */
  readonly schema: JsonSchema | undefined;
  decode(value: Json | undefined, argument: number): T;
}

export interface Method {
  readonly name: string;
  /** What `--http.api` lists; by default what stands before the underscore. */
  readonly namespace: string;
  readonly doc: string;
  readonly result: string;
  readonly parameters: readonly Pick<Parameter<unknown>, 'name' | 'expected' | 'optional' | 'schema'>[];
  /** Whether our own code of a refusal is told as `data.reason`. */
  readonly tellsReason: boolean;
  /** False where the node lacks what the method is about: then it does not exist. */
  available(backend: Backend): boolean;
  invoke(context: Context, parameters: readonly Json[]): Promise<Json | JsonText>;
}

export interface MethodDeclaration<Arguments extends readonly unknown[]> {
  readonly name: string;
  readonly namespace?: string;
  /** One sentence. */
  readonly doc: string;
  readonly parameters?: { readonly [K in keyof Arguments]: Parameter<Arguments[K]> };
  readonly result: string;
  readonly available?: (backend: Backend) => boolean;
  /** By default those of our own namespaces do; geth's have no data in their errors, and tools compare. */
  readonly tellsReason?: boolean;
  readonly run: (context: Context, ...parameters: Arguments) => Json | JsonText | Promise<Json | JsonText>;
}

const ETHEREUM_NAMESPACES: ReadonlySet<string> = new Set(['eth', 'net', 'web3', 'txpool', 'debug', 'testing', 'trace', 'ots', 'erigon']);

export function required<T>(name: string, codec: Codec<T>): Parameter<T> {
  return {
    name,
    expected: codec.expected,
    optional: false,
    schema: codec.schema,
    decode(value, argument) {
      if (value === undefined) {
        throw invalidParams(`missing value for required argument ${argument}: ${name}: expected ${codec.expected}`);
      }
      return codec.decode(value, { argument, path: name });
    },
  };
}

/** `null` counts as absent. */
export function optional<T, D>(name: string, codec: Codec<T>, otherwise: D): Parameter<T | D> {
  return {
    name,
    expected: codec.expected,
    optional: true,
    schema: codec.schema,
    decode: (value, argument) => (value === undefined || value === null ? otherwise : codec.decode(value, { argument, path: name })),
  };
}

export function method<const Arguments extends readonly unknown[]>(declaration: MethodDeclaration<Arguments>): Method {
  const { name, doc, result, run } = declaration;
  const parameters: readonly Parameter<unknown>[] = declaration.parameters ?? [];
  const available = declaration.available ?? (() => true);
  const namespace = declaration.namespace ?? name.slice(0, name.indexOf('_'));
  return {
    name,
    namespace,
    tellsReason: declaration.tellsReason ?? !ETHEREUM_NAMESPACES.has(namespace),
    doc,
    result,
    parameters,
    available,
    async invoke(context, given) {
      if (!available(context.backend)) throw methodNotFound(name);
      if (given.length > parameters.length) throw invalidParams(`too many arguments, want at most ${parameters.length}`);
      const decoded = parameters.map((parameter, index) => parameter.decode(given[index], index));
      return run(context, ...(decoded as readonly unknown[] as Arguments));
    },
  };
}

/** A method that other nodes have and this one cannot: whatever it is called with, it says why and what to do instead. */
export function unsupported(name: string, instead: string, available: (backend: Backend) => boolean = () => true): Method {
  const declared = method({
    name,
    doc: `Not supported: ${instead}.`,
    result: `error ${RPC_CODES.unsupported}`,
    available,
    run: () => {
      throw new RpcError(RPC_CODES.unsupported, 'rpc/unsupported', `${name} is not supported: ${instead}`);
    },
  });
  return { ...declared, invoke: (context) => declared.invoke(context, []) };
}
