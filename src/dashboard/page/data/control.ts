/**
 * The supervisor of a test network, where the page was served by one: the list of its nodes for everybody, and its
 * commands for who has the token. The token came behind the # of the address that `synod testnet` prints, so that no server
 * ever saw it in a request line; it is kept for this tab and taken out of the address bar.
 */
import { type NodeEntry, parseNodes } from '../model/node.ts';
import { Failure, NO_METHOD } from './failure.ts';
import { answerOf, postJson } from './link.ts';

const TOKEN_KEY = 'synod-control-token';
/** Restarting a node may take so long. */
const COMMAND_TIMEOUT_MS = 90_000;
const LIST_TIMEOUT_MS = 5_000;

/** To be called before anything reads the address. */
export function takeToken(): string | null {
  const { hash, pathname, search } = location;
  const given = /^#(?:token=|.*[&?]token=)([\w-]{8,256})$/.exec(hash)?.[1];
  if (given !== undefined) {
    sessionStorage.setItem(TOKEN_KEY, given);
    history.replaceState(null, '', `${pathname}${search}#/`);
  }
  return sessionStorage.getItem(TOKEN_KEY);
}

export class Control {
  readonly #url: string;
  #token: string | null;
  #isRefused = false;

  constructor(url: string, token: string | null) {
    this.#url = url;
    this.#token = token;
  }

  get canCommand(): boolean {
    return this.#token !== null;
  }

  /** Whether the token is of another network, or of this one before it was started again. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Null where there is no supervisor: a node's own page. Throws Failure when nobody answers. */
  async nodes(): Promise<readonly NodeEntry[] | null> {
    const method = this.#token === null ? 'testnet_nodes' : 'testnet_status';
    try {
      return parseNodes(await this.#ask(method, [], LIST_TIMEOUT_MS, this.#token));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error.code === NO_METHOD) return null;
      if (error.kind !== 'testnet/token' || this.#token === null) throw error;
      this.#forgetToken();
      return await this.nodes();
    }
  }

  /** Throws Failure with what the supervisor says. */
  async command(method: string, params: unknown = []): Promise<unknown> {
    return await this.#ask(method, params, COMMAND_TIMEOUT_MS, this.#token);
  }

  #forgetToken(): void {
    this.#token = null;
    this.#isRefused = true;
    sessionStorage.removeItem(TOKEN_KEY);
  }

  async #ask(method: string, params: unknown, timeoutMs: number, token: string | null): Promise<unknown> {
    const answer = answerOf(await postJson(this.#url, { jsonrpc: '2.0', id: 1, method, params }, timeoutMs, token));
    if (answer instanceof Failure) throw answer;
    return answer;
  }
}
