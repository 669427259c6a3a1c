/**
 * The connection to one node: JSON-RPC over a WebSocket that also brings new heads, and over HTTP while there is none.
 * Connects again by itself, later and later. What is asked at once is bounded, so that a slow node is not buried.
 */
import { fieldsOf, numberOf, textOf, textOrNull } from '../model/decode.ts';
import { Failure } from './failure.ts';

export interface LinkEvents {
  /** `open` once new heads will be told of; `closed` when they no longer are. */
  onSocket(state: 'open' | 'closed'): void;
  onHead(header: unknown): void;
}

export interface Question {
  readonly method: string;
  readonly params: readonly unknown[];
}

const CALL_TIMEOUT_MS = 10_000;
const OPEN_TIMEOUT_MS = 5_000;
const MAX_PENDING = 64;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 15_000;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Failure) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class NodeLink {
  readonly url: string;
  readonly #events: LinkEvents;
  readonly #pending = new Map<number, Pending>();
  #socket: WebSocket | null = null;
  #isOpen = false;
  #isClosed = false;
  #retryMs = FIRST_RETRY_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #next = 1;
  #inFlight = 0;

  constructor(url: string, events: LinkEvents) {
    this.url = url;
    this.#events = events;
    this.#connect();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#drop();
  }

  /** Throws Failure. */
  async call(method: string, params: readonly unknown[] = []): Promise<unknown> {
    const [answer] = await this.#exchange([{ method, params }]);
    if (answer instanceof Failure) throw answer;
    return answer;
  }

  /** Several questions in one message. An answer is a value or a Failure; throws Failure where none came. */
  async batch(questions: readonly Question[]): Promise<readonly unknown[]> {
    return questions.length === 0 ? [] : await this.#exchange(questions);
  }

  async #exchange(questions: readonly Question[]): Promise<readonly unknown[]> {
    if (this.#inFlight >= MAX_PENDING) throw new Failure('busy', 'Too much is being asked of this node at once.');
    this.#inFlight++;
    try {
      return this.#isOpen && this.#socket !== null ? await this.#bySocket(this.#socket, questions) : await this.#byHttp(questions);
    } finally {
      this.#inFlight--;
    }
  }

  async #bySocket(socket: WebSocket, questions: readonly Question[]): Promise<readonly unknown[]> {
    const answers: Promise<unknown>[] = [];
    const requests = questions.map(({ method, params }) => {
      const id = this.#next++;
      answers.push(this.#expect(id).catch((error: unknown) => error));
      return { jsonrpc: '2.0', id, method, params };
    });
    socket.send(JSON.stringify(requests.length === 1 ? requests[0] : requests));
    return await Promise.all(answers);
  }

  #expect(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new Failure('timeout', `The node did not answer within ${CALL_TIMEOUT_MS / 1_000} s.`));
      }, CALL_TIMEOUT_MS);
      this.#pending.set(id, { resolve, reject, timer });
    });
  }

  async #byHttp(questions: readonly Question[]): Promise<readonly unknown[]> {
    const requests = questions.map(({ method, params }, id) => ({ jsonrpc: '2.0', id, method, params }));
    const reply = await postJson(this.url, requests.length === 1 ? requests[0] : requests, CALL_TIMEOUT_MS);
    const answers = new Map<number, unknown>();
    for (const one of Array.isArray(reply) ? reply : [reply]) answers.set(numberOf(fieldsOf(one).id), answerOf(one));
    return requests.map(({ id }) => (answers.has(id) ? answers.get(id) : new Failure('unreachable', 'The node left a question out.')));
  }

  #connect(): void {
    const socket = openSocket(this.url);
    if (socket === null) return this.#again();
    this.#socket = socket;
    this.#timer = setTimeout(() => socket.close(), OPEN_TIMEOUT_MS);
    socket.onopen = () => void this.#subscribe(socket);
    socket.onmessage = ({ data }) => this.#read(data);
    socket.onclose = () => {
      if (this.#socket === socket) this.#again();
    };
  }

  async #subscribe(socket: WebSocket): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const [answer] = await this.#bySocket(socket, [{ method: 'eth_subscribe', params: ['newHeads'] }]);
      if (answer instanceof Failure) throw answer;
      this.#retryMs = FIRST_RETRY_MS;
      this.#isOpen = true;
      this.#events.onSocket('open');
    } catch {
      socket.close();
    }
  }

  #again(): void {
    this.#drop();
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => this.#connect(), this.#retryMs * (0.75 + 0.5 * Math.random()));
    this.#retryMs = Math.min(MAX_RETRY_MS, 2 * this.#retryMs);
  }

  #drop(): void {
    const [socket, wasOpen] = [this.#socket, this.#isOpen];
    this.#socket = null;
    this.#isOpen = false;
    clearTimeout(this.#timer);
    socket?.close();
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new Failure('unreachable', 'The connection to the node was lost.'));
    }
    this.#pending.clear();
    if (wasOpen) this.#events.onSocket('closed');
  }

  #read(data: unknown): void {
    const message = parseJson(textOf(data));
    for (const one of Array.isArray(message) ? message : [message]) {
      const fields = fieldsOf(one);
      if (fields.method === 'eth_subscription') {
        this.#events.onHead(fieldsOf(fields.params).result);
        continue;
      }
      const id = typeof fields.id === 'number' ? fields.id : 0;
      const pending = this.#pending.get(id);
      if (pending === undefined) continue;
      this.#pending.delete(id);
      clearTimeout(pending.timer);
      const answer = answerOf(one);
      if (answer instanceof Failure) pending.reject(answer);
      else pending.resolve(answer);
    }
  }
}

function openSocket(url: string): WebSocket | null {
  try {
    return new WebSocket(url.replace(/^http/, 'ws'));
  } catch {
    return null;
  }
}

/** The result of a reply, or its error as a Failure. */
export function answerOf(reply: unknown): unknown {
  const { error, result } = fieldsOf(reply);
  if (error === undefined || error === null) return result;
  const { code, message, data } = fieldsOf(error);
  const words = textOf(message) || 'The node gave no reason.';
  return new Failure(typeof code === 'number' ? code : 0, words, textOrNull(data), textOf(fieldsOf(data).code));
}

/** Throws Failure `unreachable` or `timeout`. */
export async function postJson(url: string, body: unknown, timeoutMs: number, token: string | null = null): Promise<unknown> {
  const headers = { 'content-type': 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
  const signal = AbortSignal.timeout(timeoutMs);
  const request = { method: 'POST', headers, body: JSON.stringify(body), signal, credentials: 'omit', cache: 'no-store' } as const;
  try {
    const response = await fetch(url, request);
    const text = await response.text();
    const reply = parseJson(text);
    if (reply === undefined) throw new Failure('unreachable', text.trim().slice(0, 200) || `HTTP status ${response.status}`);
    return reply;
  } catch (error) {
    if (error instanceof Failure) throw error;
    const isLate = error instanceof DOMException && error.name === 'TimeoutError';
    if (isLate) throw new Failure('timeout', `There was no answer within ${timeoutMs / 1_000} s.`);
    throw new Failure('unreachable', 'There is no connection to it.');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
