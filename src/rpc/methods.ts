/** The one table of methods, from which dispatch and documentation come. A new namespace is added here. */
import { assert } from '../base/assert.ts';
import type { Method } from './method.ts';
import { ADMIN } from './namespaces/admin.ts';
import { CONSENSUS } from './namespaces/consensus.ts';
import { DEBUG } from './namespaces/debug.ts';
import { DEVELOPMENT } from './namespaces/development.ts';
import { ERIGON } from './namespaces/erigon.ts';
import { ETH } from './namespaces/eth.ts';
import { MINER } from './namespaces/miner.ts';
import { NET } from './namespaces/net.ts';
import { OTS } from './namespaces/ots.ts';
import { RPC } from './namespaces/rpc.ts';
import { SYNOD } from './namespaces/synod.ts';
import { TESTING } from './namespaces/testing.ts';
import { TRACE } from './namespaces/trace.ts';
import { TXPOOL } from './namespaces/txpool.ts';
import { WEB3 } from './namespaces/web3.ts';

const all: readonly Method[] = [
  ...ETH,
  ...NET,
  ...WEB3,
  ...RPC,
  ...TXPOOL,
  ...SYNOD,
  ...CONSENSUS,
  ...TESTING,
  ...MINER,
  ...ADMIN,
  ...DEBUG,
  ...TRACE,
  ...OTS,
  ...ERIGON,
  ...DEVELOPMENT,
];

export const METHODS: ReadonlyMap<string, Method> = new Map(all.map((method) => [method.name, method]));
assert(METHODS.size === all.length, 'no two RPC methods have one name');

/** In the order of the table. */
export const NAMESPACES: readonly string[] = [...new Set(all.map(({ namespace }) => namespace))];

/** What the public port answers unless told otherwise; what changes the node (miner, admin, fault) is not among it. */
export const DEFAULT_NAMESPACES: readonly string[] = ['eth', 'net', 'web3', 'txpool', 'synod'];
