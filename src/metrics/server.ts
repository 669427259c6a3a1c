/**
 * HTTP for those who watch a node: `/metrics` for Prometheus, `/healthz` (the process answers) and `/readyz` (the node is
 * level with its peers, and may be sent work). A server of its own, since it may be open to others than RPC is.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UsageError } from '../base/errors.ts';
import type { NodeMetrics } from './metrics.ts';
import type { MetricsSource } from './source.ts';

export interface MetricsServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 10_000;
const HEADER_BYTES = 8_192;

export class MetricsServer {
  readonly url: string;
  readonly #server: Server;

  private constructor(url: string, server: Server) {
    this.url = url;
    this.#server = server;
  }

  /** Throws UsageError `metrics/listen`. */
  static async start(metrics: NodeMetrics, source: MetricsSource, { host, port }: MetricsServerOptions): Promise<MetricsServer> {
    const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: HEADER_BYTES }, (request, response) => {
      answer(metrics, source, request, response).catch(() => response.destroy());
    });
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          new UsageError('metrics/listen', `Metrics cannot be served at ${host}:${port} (${error.code}); choose another --metrics.port.`),
        ),
      );
      server.listen(port, host, resolve);
    });
    const bound = (server.address() as AddressInfo).port;
    return new MetricsServer(`http://${host.includes(':') ? `[${host}]` : host}:${bound}`, server);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

async function answer(metrics: NodeMetrics, source: MetricsSource, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '' } = request;
  if (method !== 'GET' && method !== 'HEAD') return say(response, 405, `${method} is not served here; use GET.`);
  switch (url.split('?', 1)[0]) {
    // geth's path for the same.
    case '/debug/metrics/prometheus':
    case '/metrics':
      response.writeHead(200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' });
      return void response.end(await metrics.text());
    case '/healthz':
      return say(response, 200, 'ok');
    case '/readyz': {
      const reasons = source.unready();
      return reasons.length === 0 ? say(response, 200, 'ok') : say(response, 503, reasons.join('\n'));
    }
    default:
      return say(response, 404, 'Nothing is here; there are /metrics, /healthz and /readyz.');
  }
}

function say(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }).end(`${sentence}\n`);
}
