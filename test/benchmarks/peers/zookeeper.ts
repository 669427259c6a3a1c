/**
 * Three nodes of ZooKeeper on loopback, and clients that create nodes by ZooKeeper's own protocol (zookeeper.jute: packets with
 * a length before them, integers big-endian). Debian's package is zookeeper. Everything is as ZooKeeper has it by default,
 * fsync included, but for the bound on connections from one address.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts, hasProgram, temporaryDirectory, track, Unavailable } from '../processes.ts';
import { type Cluster, type Connection, type Opener, VALUE_BYTES } from './connection.ts';

const NODES = 3;
const PORTS_PER_NODE = 3;
const JAR = '/usr/share/java/zookeeper.jar';
const PATIENCE_MS = 60_000;
const POLL_MS = 200;
const SESSION_TIMEOUT_MS = 30_000;
const CREATE = 1;
const PERMISSION_ALL = 31;

export async function startZooKeeper(): Promise<Cluster> {
  if (!hasProgram('java') || !existsSync(JAR)) {
    throw new Unavailable('ZooKeeper is not installed (Debian: zookeeper and default-jre-headless)');
  }
  const directory = temporaryDirectory();
  const ports = await freePorts(PORTS_PER_NODE * NODES);
  const port = (node: number, which: number) => ports[PORTS_PER_NODE * node + which];
  const indices = Array.from({ length: NODES }, (_, i) => i);
  const servers = indices.map((i) => `server.${i + 1}=127.0.0.1:${port(i, 1)}:${port(i, 2)}`);
  const children = indices.map((i) => {
    const place = join(directory, `n${i}`);
    mkdirSync(place);
    writeFileSync(join(place, 'myid'), String(i + 1));
    const settings = ['tickTime=2000', 'initLimit=10', 'syncLimit=5', 'maxClientCnxns=0', 'admin.enableServer=false'];
    const file = join(place, 'zoo.cfg');
    writeFileSync(
      file,
      [...settings, `dataDir=${place}`, 'clientPortAddress=127.0.0.1', `clientPort=${port(i, 0)}`, ...servers].join('\n'),
    );
    return track(spawn('java', ['-cp', JAR, 'org.apache.zookeeper.server.quorum.QuorumPeerMain', file], { stdio: 'ignore' }));
  });
  const leader = await leaderOf(indices.map((i) => port(i, 0) ?? 0));
  const urls = indices.map((i) => `tcp://127.0.0.1:${port((leader + i) % NODES, 0)}`);
  return {
    urls,
    stop: async () => {
      const ended = children.map((child) => once(child, 'close'));
      for (const child of children) child.kill('SIGTERM');
      await Promise.all(ended);
    },
  };
}

async function leaderOf(ports: readonly number[]): Promise<number> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (performance.now() < deadlineMs) {
    const modes = await Promise.all(ports.map(modeOf));
    const isComplete = modes.filter((mode) => mode === 'follower').length === NODES - 1;
    if (isComplete && modes.includes('leader')) return modes.indexOf('leader');
    await delay(POLL_MS);
  }
  throw new Error(`ZooKeeper had no leader after ${PATIENCE_MS} ms`);
}

/** The command `srvr` of ZooKeeper's four-letter words. */
async function modeOf(port: number): Promise<string | null> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  socket.on('error', () => undefined);
  socket.write('srvr');
  await new Promise((resolve) => socket.once('close', resolve));
  return /Mode: (\w+)/.exec(text)?.[1] ?? null;
}

export const openZooKeeper: Opener = async (urls, clients) => {
  const run = Date.now();
  const sessions = await Promise.all(Array.from({ length: clients }, (_, i) => Session.open(urls[i % urls.length] ?? '', `/${run}-${i}`)));
  return {
    connections: sessions,
    close: () => {
      for (const session of sessions) session.close();
    },
  };
};

/** One client. It has one request under way at a time, and its session ends before it would have to be kept alive. */
class Session implements Connection {
  readonly #socket: Socket;
  readonly #prefix: string;
  readonly #value = Buffer.alloc(VALUE_BYTES, 'v');
  #received: Buffer = Buffer.alloc(0);
  #answer: ((packet: Buffer) => void) | null = null;
  #fail: (error: Error) => void = () => undefined;
  #number = 0;

  private constructor(socket: Socket, prefix: string) {
    this.#socket = socket;
    this.#prefix = prefix;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('ZooKeeper closed the connection')));
  }

  static async open(url: string, prefix: string): Promise<Session> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const session = new Session(socket, prefix);
    // ConnectRequest: protocol version, last zxid, time-out, session id, password.
    await session.#ask(Buffer.concat([int(0), long(0), int(SESSION_TIMEOUT_MS), long(0), bytes(Buffer.alloc(16))]));
    return session;
  }

  async commit(): Promise<void> {
    const number = ++this.#number;
    const path = Buffer.from(`${this.#prefix}-${number}`);
    // RequestHeader, then CreateRequest: path, data, one ACL (all rights for world:anyone), flags (persistent).
    const acl = [int(1), int(PERMISSION_ALL), bytes(Buffer.from('world')), bytes(Buffer.from('anyone'))];
    const reply = await this.#ask(Buffer.concat([int(number), int(CREATE), bytes(path), bytes(this.#value), ...acl, int(0)]));
    // ReplyHeader: xid, zxid, error.
    const error = reply.readInt32BE(12);
    if (error !== 0) throw new Error(`ZooKeeper refused a create: error ${error}`);
  }

  close(): void {
    this.#fail = () => undefined;
    this.#socket.destroy();
  }

  #ask(packet: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#fail = reject;
      this.#socket.write(bytes(packet));
    });
  }

  #take(more: Buffer): void {
    this.#received = this.#received.length === 0 ? more : Buffer.concat([this.#received, more]);
    while (this.#received.length >= 4) {
      const length = this.#received.readInt32BE(0);
      if (this.#received.length < 4 + length) return;
      const packet = this.#received.subarray(4, 4 + length);
      this.#received = this.#received.subarray(4 + length);
      this.#answer?.(packet);
    }
  }
}

function int(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeInt32BE(value);
  return out;
}

function long(value: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigInt64BE(BigInt(value));
  return out;
}

function bytes(value: Buffer): Buffer {
  return Buffer.concat([int(value.length), value]);
}
