/**
 * Hosts of a laboratory: network namespaces, each with an address of its own on a common wire with delay, loss and cuts, and a second
 * link over which the test asks the nodes' RPC whatever the wire does. All of it is named after this process and taken down with it.
 *
 *   test 198.18.p.4i+1 ---- veth ---- 198.18.p.4i+2 host i 10.0.0.i+1 ---- wire ---- the other hosts
 *
 * The wire is veth pairs on a bridge, delayed by tc's netem; where the kernel has no netem, it is VXLAN through `wire.ts`. Loss and cuts
 * are classic BPF programs that tc runs for every packet.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { Wire } from './wire.ts';

/** tc's verdicts on a packet, as programs return them (TC_ACT_*). */
const PASS = 0;
const DROP = 2;
/** BPF: A = random 32 bits; if A > k go on, else skip one; return. */
const LOAD_RANDOM = '32 0 0 4294963256';
const RETURN = (verdict: number) => `6 0 0 ${verdict}`;
const WIRE_MTU = 1_400;
const execute = promisify(execFile);

export interface Host {
  readonly index: number;
  readonly namespace: string;
  /** Where the test reaches it. */
  readonly testAddress: string;
  /** On the wire. */
  address: string;
}

export interface Weather {
  /** One way. */
  readonly delayMs: number;
  /** Share of the packets, 0 to 1. */
  readonly loss: number;
}

/** Why no namespaces can be had here; null when they can. */
export function whyNoHosts(): string | null {
  if (process.platform !== 'linux') return 'network namespaces are of Linux';
  const probe = `synod-${process.pid}-probe`;
  const attempts: readonly string[][] = [
    ['ip', 'netns', 'add', probe],
    ['ip', '-n', probe, 'link', 'add', 'name', 'one', 'type', 'veth', 'peer', 'name', 'two'],
    ['tc', '-n', probe, 'qdisc', 'add', 'dev', 'one', 'clsact'],
    ['tc', '-n', probe, 'filter', 'add', 'dev', 'one', 'egress', 'bpf', 'da', 'bytecode', `1,${RETURN(DROP)}`],
  ];
  try {
    for (const [file = '', ...args] of attempts) {
      const { error, status, stderr } = spawnSync(file, args, { encoding: 'utf8' });
      if (error !== undefined || status !== 0) return `${[file, ...args].join(' ')}: ${error?.message ?? stderr.trim()}`;
    }
    return null;
  } finally {
    spawnSync('ip', ['netns', 'del', probe]);
  }
}

export class Lab {
  readonly hosts: readonly Host[];
  /** What delays packets. */
  readonly delayedBy: 'netem' | 'VXLAN switch';
  readonly #loss: number;
  readonly #wire: Wire | null;
  readonly #takeDown: () => void;

  private constructor(hosts: readonly Host[], bridge: string, loss: number, wire: Wire | null) {
    this.hosts = hosts;
    this.delayedBy = wire === null ? 'netem' : 'VXLAN switch';
    this.#loss = loss;
    this.#wire = wire;
    this.#takeDown = () => {
      // The kernel takes its time with namespaces; these names are free at once.
      for (const host of hosts) spawnSync('ip', ['link', 'del', linkOf(host)]);
      removeNamespaces([...hosts.map(({ namespace }) => namespace), bridge]);
    };
    process.once('exit', this.#takeDown);
  }

  /** Throws what `ip` or `tc` said. */
  static async build(count: number, { delayMs, loss }: Weather): Promise<Lab> {
    const hosts = Array.from({ length: count }, (_, index) => ({
      index,
      namespace: `synod-${process.pid}-${index}`,
      testAddress: `198.18.${process.pid % 256}.${4 * index + 2}`,
      address: `10.0.0.${index + 1}`,
    }));
    removeNamespaces(abandoned());
    const bridge = `synod-${process.pid}-wire`;
    const wire = hasNetem() ? null : await Wire.open(delayMs);
    const lab = new Lab(hosts, bridge, loss, wire);
    try {
      if (wire === null) {
        addNamespace(bridge);
        run(`ip -n ${bridge} link add wire type bridge`, `ip -n ${bridge} link set wire up`);
      }
      for (const host of hosts) {
        addNamespace(host.namespace);
        linkToTest(host);
        if (wire === null) linkToBridge(host, bridge, delayMs);
        else linkToSwitch(host, wire);
        lab.#settle(host);
      }
      return lab;
    } catch (error) {
      lab.close();
      throw error;
    }
  }

  host(index: number): Host {
    const host = this.hosts[index];
    if (host === undefined) throw new Error(`There is no host ${index}`);
    return host;
  }

  /** Nothing passes between the host and the others any more, in silence: no connection ends. */
  cut(...indices: number[]): void {
    for (const index of indices) this.#filter(this.host(index), 1);
  }

  heal(): void {
    for (const host of this.hosts) this.#filter(host, this.#loss);
  }

  /** From now on the host has this address on the wire, and no other. */
  move(index: number, address: string): void {
    const host = this.host(index);
    run(`ip -n ${host.namespace} addr flush dev wire`, `ip -n ${host.namespace} addr add ${address}/24 dev wire`);
    host.address = address;
  }

  /** How long a TCP handshake takes from one host to a port of another. */
  async roundTripMs(from: number, to: number, port: number): Promise<number> {
    const script = `const at = performance.now();
      require('node:net').connect(${port}, '${this.host(to).address}', function () { console.log(performance.now() - at); this.destroy(); });`;
    const [file, args] = Lab.on(this.host(from), [process.execPath, '-e', script]);
    // Not the synchronous call: the switch is in this process.
    return Number((await execute(file, args)).stdout);
  }

  /** Interpreter and arguments that run a command on a host. */
  static on({ namespace }: Host, command: readonly string[]): [file: string, args: string[]] {
    return ['ip', ['netns', 'exec', namespace, ...command]];
  }

  close(): void {
    process.off('exit', this.#takeDown);
    this.#takeDown();
    this.#wire?.close();
  }

  #settle(host: Host): void {
    const { namespace, address } = host;
    run(
      `ip -n ${namespace} addr add ${address}/24 dev wire`,
      `ip -n ${namespace} link set wire up mtu ${WIRE_MTU}`,
      // Multicast DNS goes out over the wire.
      `ip -n ${namespace} route add 224.0.0.0/4 dev wire`,
      `tc -n ${namespace} qdisc add dev wire clsact`,
    );
    this.#filter(host, this.#loss);
  }

  /** Incoming packets are lost at this rate; all of them, and all outgoing ones, with a rate of 1. */
  #filter({ namespace }: Host, loss: number): void {
    const random = [LOAD_RANDOM, `37 0 1 ${Math.floor(loss * 2 ** 32)}`, RETURN(PASS), RETURN(DROP)];
    const incoming = loss < 1 ? random : [RETURN(DROP)];
    for (const [direction, program] of [
      ['ingress', incoming],
      ['egress', [RETURN(loss < 1 ? PASS : DROP)]],
    ] as const) {
      const bytecode = `${program.length},${program.join(',')}`;
      const words = ['-n', namespace, 'filter', 'replace', 'dev', 'wire', direction, 'pref', '1', 'handle', '1'];
      execFileSync('tc', [...words, 'bpf', 'da', 'bytecode', bytecode]);
    }
  }
}

function addNamespace(namespace: string): void {
  run(`ip netns add ${namespace}`, `ip -n ${namespace} link set lo up`);
}

/** Whether tc can delay packets here. */
function hasNetem(): boolean {
  const probe = `synod-${process.pid}-netem`;
  addNamespace(probe);
  const { status } = spawnSync('tc', ['-n', probe, 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms']);
  removeNamespaces([probe]);
  return status === 0;
}

/** The test's end of the link to a host. */
function linkOf({ index }: Host): string {
  return `sy${process.pid}-${index}`;
}

function linkToTest(host: Host): void {
  const { namespace, testAddress } = host;
  const name = linkOf(host);
  run(
    `ip link add ${name} type veth peer name test netns ${namespace}`,
    `ip addr add ${testSide(testAddress)}/30 dev ${name}`,
    `ip link set ${name} up`,
    `ip -n ${namespace} addr add ${testAddress}/30 dev test`,
    `ip -n ${namespace} link set test up`,
  );
}

function linkToBridge({ index, namespace }: Host, bridge: string, delayMs: number): void {
  run(
    `ip -n ${namespace} link add wire type veth peer name host${index} netns ${bridge}`,
    `ip -n ${bridge} link set host${index} master wire up`,
    `tc -n ${namespace} qdisc add dev wire root netem delay ${delayMs}ms`,
  );
}

function linkToSwitch({ namespace, testAddress }: Host, wire: Wire): void {
  const ends = `remote ${testSide(testAddress)} local ${testAddress}`;
  run(
    `ip -n ${namespace} link add wire type vxlan id 1 ${ends} dstport ${wire.port} nolearning`,
    // The switch takes packets as they would be on a cable.
    `ip -n ${namespace} link set wire gso_max_segs 1`,
  );
  wire.join(testAddress);
}

/** The other end of a link to the test. */
function testSide(testAddress: string): string {
  return testAddress.replace(/\d+$/, (last) => String(Number(last) - 1));
}

/** Of test processes that were killed. */
function abandoned(): string[] {
  const names = [...execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).matchAll(/^synod-(\d+)-\w+/gm)];
  return names.filter(([, pid]) => !existsSync(`/proc/${pid}`)).map(([name]) => name);
}

function removeNamespaces(namespaces: readonly string[]): void {
  // A link ends with the namespace that one of its ends is in.
  for (const namespace of namespaces) spawnSync('ip', ['netns', 'del', namespace]);
}

function run(...commands: readonly string[]): void {
  for (const command of commands) {
    const [file = '', ...args] = command.split(' ');
    const { error, status, stderr } = spawnSync(file, args, { encoding: 'utf8' });
    if (error !== undefined || status !== 0) throw new Error(`${command}: ${error?.message ?? stderr.trim()}`);
  }
}
