/** The node as its metrics see it (`metrics/source.ts`). */

import type { Gauges, MetricsSource, Unready } from '../metrics/source.ts';
import type { RpcServer } from '../rpc/server.ts';
import type { NodeLedger } from './ledger.ts';
import type { TransactionRelay } from './relay.ts';
import type { Reminder } from './reminder.ts';
import type { BackendParts, NodeBackend } from './rpc-backend.ts';
import { CLIENT_VERSION } from './version.ts';

/** Blocks behind the best peer with which a node is still fit to answer. */
const MAX_BEHIND = 8;

export type MetricsParts = BackendParts & {
  readonly ledger: NodeLedger;
  readonly relay: TransactionRelay;
  readonly reminder: Reminder;
  /** Null when RPC is off. */
  readonly rpc: Pick<RpcServer, 'sizes'> | null;
  readonly backend: NodeBackend['backend'];
};

export function metricsSource(parts: MetricsParts): MetricsSource {
  const { chain } = parts;
  return {
    version: CLIENT_VERSION,
    engine: chain.engine.name,
    chainId: chain.params.chainId,
    gauges: () => gaugesOf(parts),
    unready: () => unreadyOf(parts),
  };
}

function gaugesOf(parts: MetricsParts): Gauges {
  const { backend, network, pool, driver, sync, sealer, importLog, chain, ledger, relay, reminder, evm, tracers, rpc } = parts;
  const { head, safe, finalized } = backend.chain;
  const peers = network.peers();
  const inbound = peers.filter(({ direction }) => direction === 'inbound').length;
  const { queued, heldEffects, dropped, steps } = driver.stats();
  const net = network.stats();
  const { phase, current, target } = sync.progress();
  return {
    head: head.header.number,
    safe: safe.header.number,
    finalized: finalized.header.number,
    headTimestamp: head.header.timestamp,
    peers: { inbound, outbound: peers.length - inbound },
    pool: pool.status(),
    reorgs: importLog.reorgs,
    hashesPerSecond: sealer.stats().hashesPerSecond,
    syncing: phase === 'idle' ? null : { current, target },
    steps,
    sizes: {
      driver_queue: queued,
      driver_held_effects: heldEffects,
      ledger_checks: ledger.waiting,
      evm_calls: evm.waiting,
      evm_traces: tracers.waiting,
      relayed_transactions: relay.waiting,
      own_transactions: reminder.size,
      network_connections: net.connections,
      network_handshakes: net.handshaking,
      network_requests: net.requests,
      network_known_addresses: net.knownAddresses,
      network_offenders: net.offenders,
      network_direct_streams: net.directStreams,
      gossip_validating: net.gossip.validating,
      gossip_scores: net.gossip.scores,
      ...named('engine', driver.sizes()),
      ...named('rpc', rpc === null ? {} : { ...rpc.sizes() }),
    },
    unwrittenBytes: chain.store.pendingBytes,
    dropped: { driver: dropped, direct: net.droppedMessages, gossip: net.gossip.overflowed },
  };
}

/** `{ waitingVotes: 3 }` of the engine is `engine_waiting_votes`. */
function named(owner: string, sizes: Readonly<Record<string, number>>): Record<string, number> {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(sizes).map(([name, size]) => [`${owner}_${snake(name)}`, size]));
}

function unreadyOf({ network, sync, config }: MetricsParts): Unready {
  const reasons: string[] = [];
  const { phase, current, target } = sync.progress();
  if (phase !== 'idle' && target - current > MAX_BEHIND) reasons.push(`synchronising: block ${current} of ${target}`);
  if (config.network.bootnodes.length > 0 && network.peers().length === 0) reasons.push('no peer is connected');
  return reasons;
}
