/**
 * What can be asked of a running test network, by name: the `testnet_*` methods of JSON-RPC. The command `synod testnet <verb>`, the
 * dashboard and scripts all come through here, so what is checked here is checked for all of them.
 */
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import type { Json } from '../base/types.ts';
import type { ControlMethods } from './control.ts';
import type { ControlMethod } from './control-server.ts';
import type { CallParams } from './json-rpc.ts';
import { MAX_NODES } from './manifest.ts';
import { RunningSnapshots } from './snapshots/running.ts';
import { listSnapshots } from './snapshots/store.ts';
import type { Supervisor } from './supervisor.ts';

const NodeNumber = z.int().min(0).max(MAX_NODES);
const Side = z.array(NodeNumber).max(MAX_NODES);
const Sides = z.array(Side).max(MAX_NODES);

/** `stop` ends the network, as Ctrl-C does. */
export function controlMethods(supervisor: Supervisor, stop: () => void): ControlMethods {
  const node = z.object({ node: NodeNumber });
  const snapshot = z.object({ name: z.string() });
  const snapshots = new RunningSnapshots(supervisor);
  return new Map<string, ControlMethod>([
    ['testnet_nodes', { open: true, ...method(z.object({}), async () => publicNodes(supervisor)) }],
    ['testnet_status', method(z.object({}), async () => (await supervisor.report()) as unknown as Json)],
    ['testnet_partition', method(z.object({ sides: Sides }), async ({ sides }) => (await supervisor.partition(sides)) as Json)],
    ['testnet_heal', method(z.object({}), async () => done(supervisor.heal()))],
    ['testnet_kill', method(node, async (params) => done(supervisor.kill(params.node)))],
    ['testnet_restart', method(node, async (params) => await restarted(supervisor, params.node))],
    ['testnet_snapshot', method(snapshot, async ({ name }) => (await snapshots.take(name)) as unknown as Json)],
    ['testnet_restore', method(snapshot, async ({ name }) => (await snapshots.restore(name)) as unknown as Json)],
    ['testnet_snapshots', method(z.object({}), async () => listSnapshots(supervisor.directory) as unknown as Json)],
    ['testnet_removeSnapshot', method(snapshot, async ({ name }) => done(snapshots.remove(name)))],
    ['testnet_stop', method(z.object({}), async () => stop() ?? null)],
  ]);
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
