/** Runs wallet commands inside the test's process, and plays the node for them. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { registerWallet } from '../../src/cli/wallet.ts';
import { type Outcome, runCommand } from './run-command.ts';

/** `synod wallet ...args`, to its end. */
export function wallet(...args: string[]): Promise<Outcome> {
  return runCommand(registerWallet, 'wallet', ...args);
}

export interface Call {
  readonly method: string;
  readonly params: readonly unknown[];
  readonly authorization: string | undefined;
}

/** What a node answers to a method: a result, or a function that throws the error object to answer with. */
export type Answers = Record<string, unknown>;

/** A node of canned answers on a free port of the loopback interface, closed after the test. */
export async function fakeNode(answers: Answers): Promise<{ url: string; calls: Call[] }> {
  const calls: Call[] = [];
  const url = await httpServer(async (request, response) => {
    const { id, method, params } = JSON.parse(await text(request));
    calls.push({ method, params, authorization: request.headers.authorization });
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...reply(answers, method, params) }));
  });
  return { url, calls };
}

function reply(answers: Answers, method: string, params: unknown[]): object {
  const answer = answers[method];
  if (answer === undefined) return { error: { code: -32601, message: `the method ${method} does not exist` } };
  try {
    return { result: typeof answer === 'function' ? answer(...params) : answer };
  } catch (error) {
    return { error };
  }
}

export async function httpServer(handler: (request: IncomingMessage, response: ServerResponse) => unknown): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
