/**
 * Three nodes of etcd on loopback, and clients that put by etcd's own API: gRPC over HTTP/2 (etcd's rpc.proto, KV.Put), each
 * over a connection of its own. Debian's package is etcd-server. Everything is as etcd has it by default, fsync included.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts, hasProgram, temporaryDirectory, track, Unavailable } from '../processes.ts';
import { type Cluster, type Connection, type Opener, VALUE_BYTES } from './connection.ts';

const NODES = 3;
const PATIENCE_MS = 60_000;
const POLL_MS = 200;
const PUT = '/etcdserverpb.KV/Put';
const FRAME_HEADER_BYTES = 5;

export async function startEtcd(): Promise<Cluster> {
  if (!hasProgram('etcd')) throw new Unavailable('etcd is not installed (Debian: etcd-server)');
  const directory = temporaryDirectory();
  const ports = await freePorts(2 * NODES);
  const nodes = Array.from({ length: NODES }, (_, i) => ({
    name: `n${i}`,
    peers: `http://127.0.0.1:${ports[2 * i]}`,
    clients: `http://127.0.0.1:${ports[2 * i + 1]}`,
  }));
  const all = nodes.map(({ name, peers }) => `${name}=${peers}`).join(',');
  const children = nodes.map(({ name, peers, clients }) => {
    const place = ['--name', name, '--data-dir', join(directory, name), '--initial-cluster', all, '--log-level', 'error'];
    const peerUrls = ['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers];
    const clientUrls = ['--listen-client-urls', clients, '--advertise-client-urls', clients];
    return track(spawn('etcd', [...place, ...peerUrls, ...clientUrls], { stdio: 'ignore' }));
  });
  const leader = await leaderOf(nodes.map(({ clients }) => clients));
  const urls = [...nodes.slice(leader), ...nodes.slice(0, leader)].map(({ clients }) => clients);
  return {
    urls,
    stop: async () => {
      const ended = children.map((child) => once(child, 'close'));
      for (const child of children) child.kill('SIGTERM');
      await Promise.all(ended);
    },
  };
}

interface Status {
  readonly header?: { readonly member_id?: string };
  readonly leader?: string;
}

/** The index of the member that leads, as soon as one does. */
async function leaderOf(urls: readonly string[]): Promise<number> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (performance.now() < deadlineMs) {
    const answers = await Promise.all(urls.map(statusOf));
    const found = answers.findIndex((status) => status?.leader !== undefined && status.leader === status.header?.member_id);
    if (found !== -1) return found;
    await delay(POLL_MS);
  }
  throw new Error(`etcd had no leader after ${PATIENCE_MS} ms`);
}

async function statusOf(url: string): Promise<Status | null> {
  const response = await fetch(`${url}/v3/maintenance/status`, { method: 'POST', body: '{}' }).catch(() => null);
  return response?.ok === true ? ((await response.json()) as Status) : null;
}

export const openEtcd: Opener = async (urls, clients) => {
  const run = Date.now();
  const sessions = await Promise.all(
    Array.from({ length: clients }, async (_, i) => {
      const session = connect(urls[i % urls.length] ?? '');
      await once(session, 'connect');
      return session;
    }),
  );
  const connections = sessions.map((session, i) => connectionOver(session, `${run}/${i}`));
  return {
    connections,
    close: () => {
      for (const session of sessions) session.destroy();
    },
  };
};

function connectionOver(session: ClientHttp2Session, prefix: string): Connection {
  const value = Buffer.alloc(VALUE_BYTES, 'v');
  let number = 0;
  return {
    commit: async () => await put(session, putRequest(Buffer.from(`${prefix}/${number++}`), value)),
    close: () => session.destroy(),
  };
}

/** PutRequest { bytes key = 1; bytes value = 2 }, both shorter than 128 bytes, in a frame of gRPC. */
function putRequest(key: Buffer, value: Buffer): Buffer {
  const message = Buffer.concat([Buffer.of(0x0a, key.length), key, Buffer.of(0x12, value.length), value]);
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

function put(session: ClientHttp2Session, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: PUT,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let status: unknown;
    stream.on('response', (headers) => {
      status = headers['grpc-status'];
    });
    stream.on('trailers', (headers) => {
      status = headers['grpc-status'];
    });
    stream.on('end', () => (status === '0' ? resolve() : reject(new Error(`etcd refused a put: status ${status}`))));
    stream.on('error', reject);
    stream.resume();
    stream.end(request);
  });
}
