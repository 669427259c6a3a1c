/**
 * What can be asked of a running test network, by name: the `testnet_*` methods of JSON-RPC. The command `synod testnet <verb>`, the
 * dashboard and scripts all come through here, so what is checked here is checked for all of them.
 */
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { type Json, quote } from '../base/types.ts';
import type { ControlMethods } from './control.ts';
import type { ControlMethod } from './control-server.ts';
import { Drills, MAX_REORG_DEPTH } from './drills.ts';
import { faultText, linksAmong, linksBetween, type TestnetFault } from './faults.ts';
import type { CallParams } from './json-rpc.ts';
import { MAX_NODES } from './manifest.ts';
import { Observer } from './observer.ts';
import { rollingRestart } from './rolling-restart.ts';
import { RunningSnapshots } from './snapshots/running.ts';
import { listSnapshots } from './snapshots/store.ts';
import type { Supervisor } from './supervisor.ts';

/** An open request of a browser or a script may not wait for longer. */
const MAX_REORG_MS = 20 * 60_000;
export const MAX_FOR_MS = 7 * 24 * 3_600_000;
const NodeNumber = z.int().min(0).max(MAX_NODES);
const Side = z.array(NodeNumber).max(MAX_NODES);
const Sides = z.array(Side).max(MAX_NODES);
/** One node, or several. */
const NodeNumbers = z.union([NodeNumber.transform((node) => [node]), Side]);
/** Absent or null: until the network is healed. */
const ForMs = z
  .int()
  .min(1)
  .max(MAX_FOR_MS)
  .nullish()
  .transform((forMs) => forMs ?? null);

/** `stop` ends the network, as Ctrl-C does. */
export function controlMethods(supervisor: Supervisor, stop: () => void): ControlMethods {
  const node = z.object({ node: NodeNumber });
  const snapshot = z.object({ name: z.string() });
  const snapshots = new RunningSnapshots(supervisor);
  return new Map<string, ControlMethod>([
    ['testnet_nodes', { open: true, ...method(z.object({}), async () => publicNodes(supervisor)) }],
    ['testnet_status', method(z.object({}), async () => (await supervisor.report()) as unknown as Json)],
    ...faultMethods(supervisor),
    ...drillMethods(supervisor),
    ['testnet_heal', method(z.object({}), async () => done(supervisor.heal()))],
    ['testnet_kill', method(node, async (params) => done(supervisor.kill(params.node)))],
    ['testnet_restart', method(node, async (params) => await restarted(supervisor, params.node))],
    ['testnet_rollingRestart', method(z.object({}), async () => (await rollingRestart(supervisor)) as unknown as Json)],
    ['testnet_snapshot', method(snapshot, async ({ name }) => (await snapshots.take(name)) as unknown as Json)],
    ['testnet_restore', method(snapshot, async ({ name }) => (await snapshots.restore(name)) as unknown as Json)],
    ['testnet_snapshots', method(z.object({}), async () => listSnapshots(supervisor.directory) as unknown as Json)],
    ['testnet_removeSnapshot', method(snapshot, async ({ name }) => done(snapshots.remove(name)))],
    ['testnet_stop', method(z.object({}), async () => stop() ?? null)],
  ]);
}

/** Calls one as the server would. Throws UsageError `testnet/no-such-method`, and what the method throws. */
export async function callMethod(methods: ControlMethods, name: string, params: CallParams): Promise<Json> {
  const found = methods.get(name);
  if (found === undefined) throw new UsageError('testnet/no-such-method', `There is no method ${quote(name)}.`);
  return await found.run(params);
}

type Named = readonly (readonly [name: string, method: ControlMethod])[];

function faultMethods(supervisor: Supervisor): Named {
  const begin = async (fault: TestnetFault, forMs: number | null): Promise<Json> => ({
    fault: faultText(fault),
    active: (await supervisor.begin(fault, forMs)) !== null,
  });
  const among = (nodes: readonly number[]) => linksAmong(nodes, supervisor.manifest.nodes.length);
  const ofNode = z.object({ node: NodeNumber, forMs: ForMs });
  return [
    ['testnet_faults', method(z.object({}), async () => activeFaults(supervisor))],
    [
      'testnet_partition',
      method(z.object({ sides: Sides, forMs: ForMs }), async ({ sides, forMs }) => (await supervisor.partition(sides, forMs)) as Json),
    ],
    [
      'testnet_cut',
      method(z.object({ from: NodeNumbers, to: NodeNumbers, forMs: ForMs }), ({ from, to, forMs }) =>
        begin({ kind: 'cut', links: linksBetween(from, to) }, forMs),
      ),
    ],
    [
      'testnet_delay',
      method(
        z.object({ nodes: NodeNumbers, delayMs: z.number(), jitterMs: z.number().default(0), forMs: ForMs }),
        ({ nodes, delayMs, jitterMs, forMs }) => begin({ kind: 'delay', links: among(nodes), delayMs, jitterMs }, forMs),
      ),
    ],
    [
      'testnet_loss',
      method(z.object({ nodes: NodeNumbers, loss: z.number(), forMs: ForMs }), ({ nodes, loss, forMs }) =>
        begin({ kind: 'loss', links: among(nodes), loss }, forMs),
      ),
    ],
    [
      'testnet_clock',
      method(z.object({ node: NodeNumber, offsetMs: z.number(), forMs: ForMs }), ({ node, offsetMs, forMs }) =>
        begin({ kind: 'clock', node, offsetMs }, forMs),
      ),
    ],
    [
      'testnet_mining',
      method(z.object({ node: NodeNumber, on: z.boolean(), forMs: ForMs }), ({ node, on, forMs }) =>
        on ? supervisor.endOf('idle', node) : begin({ kind: 'idle', node }, forMs),
      ),
    ],
    ['testnet_withhold', method(ofNode, ({ node, forMs }) => begin({ kind: 'withhold', node }, forMs))],
    ['testnet_pause', method(ofNode, ({ node, forMs }) => begin({ kind: 'pause', node }, forMs))],
    ['testnet_resume', method(z.object({ node: NodeNumber }), async ({ node }) => await resumed(supervisor, node))],
    [
      'testnet_equivocate',
      method(z.object({ node: NodeNumber, what: z.enum(['proposal', 'vote']).default('proposal') }), ({ node, what }) =>
        done(supervisor.equivocate(node, what)),
      ),
    ],
  ];
}

function drillMethods(supervisor: Supervisor): Named {
  const drills = new Drills(supervisor, new Observer(supervisor));
  return [
    [
      'testnet_reorg',
      method(
        z.object({
          depth: z.int().min(1).max(MAX_REORG_DEPTH),
          node: NodeNumber.default(0),
          timeoutMs: z.int().min(1).max(MAX_REORG_MS).optional(),
        }),
        async ({ depth, node, timeoutMs }) =>
          (await drills.reorg({ depth, node, ...(timeoutMs !== undefined && { timeoutMs }) })) as unknown as Json,
      ),
    ],
    [
      'testnet_stallFinality',
      method(z.object({ forMs: z.number() }), async ({ forMs }) => ({ forMs, ...(await drills.beginStall(forMs)) })),
    ],
  ];
}

function activeFaults(supervisor: Supervisor): Json {
  return supervisor.faults.map(({ id, fault, untilMs }) => ({ id, kind: fault.kind, text: faultText(fault), untilMs }));
}

async function resumed(supervisor: Supervisor, node: number): Promise<Json> {
  if (await supervisor.endOf('pause', node)) return true;
  throw new UsageError('testnet/not-paused', `Node ${node} is not paused.`);
}

/** Without anything that opens a door. */
function publicNodes(supervisor: Supervisor): Json {
  return supervisor.nodes().map(({ index, state, rpcUrl }) => ({ index, state, rpcUrl }));
}

async function restarted(supervisor: Supervisor, index: number): Promise<Json> {
  const { rpcUrl, peerId, addresses } = await supervisor.restart(index);
  return { rpcUrl, peerId, addresses };
}

async function done(work: Promise<unknown>): Promise<null> {
  await work;
  return null;
}

/** Parameters come by name, or by position in the order of the shape. Throws UsageError `testnet/parameters`. */
function method<Shape extends z.ZodRawShape>(
  shape: z.ZodObject<Shape>,
  run: (params: z.infer<z.ZodObject<Shape>>) => Promise<Json>,
): ControlMethod {
  const names = Object.keys(shape.shape);
  const strict = shape.strict();
  return {
    run: async (params) => {
      const parsed = strict.safeParse(named(params, names));
      if (parsed.success) return await run(parsed.data as z.infer<z.ZodObject<Shape>>);
      const { path = [], message = '' } = parsed.error.issues[0] ?? {};
      const place = path.length === 0 ? '' : `${path.join('.')}: `;
      throw new UsageError('testnet/parameters', `Wrong parameters: ${place}${message}. Expected ${usage(names)}.`);
    },
  };
}

function named(params: CallParams, names: readonly string[]): { readonly [name: string]: Json } {
  if (!isList(params)) return params;
  if (params.length > names.length)
    throw new UsageError('testnet/parameters', `${params.length} parameters were given. Expected ${usage(names)}.`);
  return Object.fromEntries(params.map((value, index) => [names[index] ?? '', value]));
}

function isList(params: CallParams): params is readonly Json[] {
  return Array.isArray(params);
}

function usage(names: readonly string[]): string {
  return names.length === 0 ? 'none' : `[${names.join(', ')}], or an object with these names`;
}
