/**
 * From the bytes of a request to the text of its reply (JSON-RPC 2.0): envelope, batches, access, time and size.
 *
 * A batch is worked off in order, one at a time, so that transactions sent in it arrive in it. Whatever happens inside,
 * every call is answered exactly once, and a notification (no id) never.
 */
import { explain } from '../base/errors.ts';
import type { Json } from '../base/types.ts';
import type { RpcLogger } from './backend.ts';
import { Breather } from './breather.ts';
import { isObject } from './codecs.ts';
import { Deadline } from './deadline.ts';
import { type ErrorObject, errorObject, invalidParams, invalidRequest, methodNotFound, RPC_CODES, replyTooLarge } from './errors.ts';
import { ExactNumber, OversizedBatch, parseJson } from './json-text.ts';
import { ReplySize } from './limits.ts';
import { type Context, JsonText, type Method } from './method.ts';
import type { SubscriptionSet } from './subscriptions.ts';

/** Who asks. */
export interface Session {
  /** Of `clientOf`. */
  readonly client: string;
  /** Showed the operator's token: every namespace is open. */
  readonly operator: boolean;
  /** Null over HTTP. */
  readonly subscriptions: SubscriptionSet | null;
}

export interface Reply {
  /** Undefined when there is nothing to say: only notifications were sent. */
  readonly text: string | undefined;
  /** To be called once the text is on its way. */
  sent(): void;
}

export interface DispatcherOptions {
  readonly methods: ReadonlyMap<string, Method>;
  /** What handlers share: everything of a context that does not belong to one request. */
  readonly services: Omit<Context, 'client' | 'methods' | 'subscriptions' | 'size' | 'afterReply'>;
  /** Open to everybody. */
  readonly namespaces: ReadonlySet<string>;
  readonly logger: RpcLogger;
  /** Told of every call that was answered; absent where nobody measures. */
  readonly onRequest?: RequestObserver | undefined;
}

/** `method`: one of the table, or `UNKNOWN_METHOD`. */
export type RequestObserver = (method: string, isSuccess: boolean, ms: number) => void;

/** Stands for every name that clients make up, so that they cannot fill a table of names. */
export const UNKNOWN_METHOD = 'unknown';

type Id = string | number | ExactNumber | null;

interface Call {
  /** Undefined for a notification. */
  readonly id: Id | undefined;
  readonly method: string;
  readonly parameters: Json;
}

/** What one request has left: time for all of its calls, bytes for its reply. */
interface Allowance {
  readonly deadline: Deadline;
  readonly session: Session;
  readonly afterReply: (callback: () => void) => void;
  leftBytes: number;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  /** What everybody may use. */
  readonly #open: ReadonlyMap<string, Method>;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#open = new Map([...options.methods].filter(([, { namespace }]) => options.namespaces.has(namespace)));
  }

  /** Never rejects. */
  async handle(request: Buffer, session: Session): Promise<Reply> {
    const { limits } = this.#options.services;
    const callbacks: (() => void)[] = [];
    const deadline = new Deadline(limits.requestTimeoutMs);
    const allowance = {
      deadline,
      session,
      afterReply: (callback: () => void) => void callbacks.push(callback),
      leftBytes: limits.maxReplyBytes,
    };
    try {
      const reply = await this.#answer(await parseJson(request, limits), allowance);
      return { text: reply, sent: () => run(callbacks) };
    } catch (error) {
      const described = { error: this.#describe(error, 'request') };
      const text = error instanceof OversizedBatch ? `[${replyText(usableId(error.first), described)}]` : replyText(null, described);
      return { text, sent: () => {} };
    } finally {
      deadline.clear();
    }
  }

  #answer(message: Json, allowance: Allowance): Promise<string | undefined> {
    if (!Array.isArray(message)) return this.#single(message, allowance);
    if (message.length === 0) throw invalidRequest('empty batch');
    return this.#batch(message, allowance);
  }

  async #batch(messages: readonly Json[], allowance: Allowance): Promise<string | undefined> {
    const breather = new Breather();
    const replies: string[] = [];
    for (const message of messages) {
      const reply = await this.#single(message, allowance);
      if (reply !== undefined) {
        replies.push(reply);
        allowance.leftBytes -= Buffer.byteLength(reply);
      }
      await breather.breathe();
    }
    return replies.length === 0 ? undefined : `[${replies.join(',')}]`;
  }

  async #single(message: Json, allowance: Allowance): Promise<string | undefined> {
    let call: Call;
    try {
      call = toCall(message);
    } catch (error) {
      return replyText(usableId(message), { error: this.#describe(error, 'request') });
    }
    const beganMs = performance.now();
    const outcome = await this.#outcome(call, allowance);
    this.#options.onRequest?.(this.#nameOf(call), outcome.isSuccess, performance.now() - beganMs);
    return call.id === undefined ? undefined : outcome.text;
  }

  /** The reply, which a notification is not sent. */
  async #outcome(call: Call, allowance: Allowance): Promise<{ readonly isSuccess: boolean; readonly text: string }> {
    const { id = null, method } = call;
    try {
      const result = await allowance.deadline.limit(() => this.#invoke(call, allowance));
      const text = replyText(id, { result });
      if (Buffer.byteLength(text) > allowance.leftBytes) throw replyTooLarge(this.#options.services.limits.maxReplyBytes);
      return { isSuccess: true, text };
    } catch (error) {
      return { isSuccess: false, text: replyText(id, { error: this.#describe(error, method) }) };
    }
  }

  #nameOf({ method }: Call): string {
    return this.#options.methods.has(method) ? method : UNKNOWN_METHOD;
  }

  async #invoke(call: Call, { session, afterReply, leftBytes }: Allowance): Promise<Json | JsonText> {
    const { services } = this.#options;
    const methods = session.operator ? this.#options.methods : this.#open;
    const method = methods.get(call.method);
    if (method === undefined) throw methodNotFound(call.method);
    if (!Array.isArray(call.parameters)) throw invalidParams('non-array args: expected "params" to be a list');
    const { client, subscriptions } = session;
    const context = { ...services, client, methods, subscriptions, size: new ReplySize(leftBytes), afterReply };
    return method.invoke(context, call.parameters);
  }

  /** Our own failures are logged and not told: the client could do nothing with them, and they may hold what it must not see. */
  #describe(error: unknown, method: string): ErrorObject {
    const known = errorObject(error, this.#options.methods.get(method)?.tellsReason ?? true);
    if (known !== undefined) return known;
    this.#options.logger.error('RPC method failed', { method, error: explain(error) });
    return { code: RPC_CODES.internal, message: 'internal error: the node failed to answer; its log says why' };
  }
}

function run(callbacks: readonly (() => void)[]): void {
  for (const callback of callbacks) callback();
}

/** Throws RpcError -32600 for an envelope that is none. */
function toCall(message: Json): Call {
  if (!isObject(message)) throw invalidRequest('invalid request: expected an object with jsonrpc, method, params and id');
  const { jsonrpc, method, params, id } = message;
  if (jsonrpc !== '2.0') throw invalidRequest('invalid request: expected "jsonrpc": "2.0"');
  if (typeof method !== 'string') throw invalidRequest('invalid request: expected "method" to be a string');
  if (id !== undefined && !isId(id)) throw invalidRequest('invalid request: expected "id" to be a string, a number or null');
  return { id, method, parameters: params ?? [] };
}

/** The id to answer with: null where the message has none that can be used. */
function usableId(message: Json): Id {
  const id = isObject(message) ? message.id : null;
  return id !== undefined && isId(id) ? id : null;
}

function isId(value: unknown): value is Id {
  return value === null || typeof value === 'string' || typeof value === 'number' || value instanceof ExactNumber;
}

function replyText(id: Id, outcome: { readonly result: Json | JsonText } | { readonly error: ErrorObject }): string {
  const idText = id instanceof ExactNumber ? id.text : JSON.stringify(id);
  return `{"jsonrpc":"2.0","id":${idText},${outcomeText(outcome)}}`;
}

function outcomeText(outcome: { readonly result: Json | JsonText } | { readonly error: ErrorObject }): string {
  if ('error' in outcome) return `"error":${JSON.stringify(outcome.error)}`;
  const { result } = outcome;
  return `"result":${result instanceof JsonText ? result.text : JSON.stringify(result)}`;
}
