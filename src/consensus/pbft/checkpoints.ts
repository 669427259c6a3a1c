/**
 * Checkpoints (section 4.3). The certificate of a block proves its state, which is in its header, and its signers have
 * executed it; so every certificate is proof of a checkpoint, and no messages are needed for it. A checkpoint is taken at
 * every so many blocks, as soon as the chain on disk has it as final: then the low water mark rises, and of the log only
 * what still counts is kept.
 */
import type { Hash } from '../../base/types.ts';
import type { LogRecord } from './records.ts';
import { keep, type Turn, trace } from './state.ts';

/** After `stored`. */
export function chainStored(turn: Turn, { head, finalized }: { readonly head: Hash; readonly finalized: Hash }): void {
  const { state, chain, rules } = turn;
  state.storedHeight = chain.get(head)?.header.number ?? state.storedHeight;
  const height = Math.min(chain.get(finalized)?.header.number ?? 0, state.committed?.height ?? 0);
  const { checkpointEvery } = rules.settings;
  const stable = height - (height % checkpointEvery);
  if (stable <= state.stable) return;
  state.stable = stable;
  keep(turn, liveRecords(turn, height), { truncate: true });
  trace(turn, 'checkpoint', {
    height: stable,
    hash: chain.canonical(stable) ?? null,
    low: stable,
    high: stable + rules.settings.windowBlocks,
  });
}

/** The low water mark after a start. */
export function stableAt({ rules }: Turn, height: number): number {
  return height - (height % rules.settings.checkpointEvery);
}

/** Everything that a restart needs, when the chain on disk has come up to this height. */
function liveRecords({ state, chain }: Turn, height: number): LogRecord[] {
  const { committed, entered, changes, place, rounds, prepared, evidence, signed } = state;
  const records: LogRecord[] = [];
  for (const each of evidence.values()) records.push({ type: 'evidence', evidence: each });
  if (entered.newView !== null) records.push({ type: 'newView', newView: entered.newView, block: entered.block });
  const own = place === null ? undefined : changes.get(place);
  if (own !== undefined && own.view > entered.view) {
    // Without its block nobody would take it.
    if (own.block !== null) records.push({ type: 'block', view: 0, block: own.block, isVoted: false });
    records.push({ type: 'viewChange', change: own.change });
  }
  for (let number = height + 1; number <= (committed?.height ?? 0); number++) {
    const block = chain.block(chain.canonical(number) ?? chain.genesis.hash);
    if (block !== undefined) records.push({ type: 'block', view: 0, block, isVoted: false });
  }
  if (committed !== null) records.push({ type: 'committed', certificate: committed.certificate });
  for (const { proposal } of rounds.values()) {
    const isVoted = proposal !== null && proposal.hash === signed.prepare?.hash && signed.prepare.view === entered.view;
    if (isVoted) records.push({ type: 'block', view: entered.view, block: proposal.block, isVoted });
  }
  if (prepared !== null) {
    records.push({ type: 'block', view: prepared.view, block: prepared.block, isVoted: true });
    records.push({ type: 'prepared', certificate: prepared.certificate });
  }
  return records;
}
