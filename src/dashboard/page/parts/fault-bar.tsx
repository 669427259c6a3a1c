/** What can be done to a whole test network: cut it, join it, make it reorganise. Without the token: how to get it. */
import { useEffect, useState } from 'preact/hooks';
import type { Network } from '../data/network.ts';
import { sideName } from './node-card.tsx';
import type { Commands } from './use-commands.ts';

interface FaultBarProps {
  readonly network: Network;
  readonly commands: Commands;
  readonly sides: readonly number[] | null;
  readonly setSides: (sides: readonly number[] | null) => void;
}

export function FaultBar({ network, commands, sides, setSides }: FaultBarProps) {
  if (!network.isTestnet) return null;
  if (!commands.canCommand) {
    return (
      <p class="notice">
        {network.control.isRefused ? 'The token is not the one of this network: it may have been started again. ' : 'Looking only. '}
        To cut, kill and restart from here, open the address that <code>synod testnet</code> printed, with its <code>#token=…</code>
      </p>
    );
  }
  return (
    <div class="fault-bar">
      {sides === null ? (
        <Actions network={network} commands={commands} setSides={setSides} />
      ) : (
        <Choosing network={network} commands={commands} sides={sides} setSides={setSides} />
      )}
      <p class={`said ${commands.said?.tone ?? ''}`} role="status">
        {commands.busy !== null ? 'Working…' : (commands.said?.sentence ?? '')}
      </p>
    </div>
  );
}

type ActionsProps = Omit<FaultBarProps, 'sides'>;

const MAX_DEPTH = 64;
const STALL_MS = 30_000;

function Actions({ network, commands, setSides }: ActionsProps) {
  const isIll = network.nodes.some(({ side, faults }) => side !== null || faults.length > 0);
  const engine = network.asked()?.status?.engine;
  // Elsewhere a block is final at once.
  const mayReorganise = engine === 'pos' || engine === 'pow';
  const half = Math.ceil(network.nodes.length / 2);
  const isBusy = commands.busy !== null;
  return (
    <div class="row">
      <button
        type="button"
        disabled={isBusy || network.nodes.length < 2}
        onClick={() => setSides(network.nodes.map((_, place) => (place < half ? 0 : 1)))}
      >
        Partition…
      </button>
      <button
        type="button"
        class={isIll ? 'primary' : ''}
        disabled={isBusy}
        onClick={() => commands.run('testnet_heal', [], 'Healed: every fault has ended. Nodes that are down stay down.')}
      >
        Heal
      </button>
      {mayReorganise && <Reorganisation network={network} commands={commands} />}
      {engine === 'pos' && (
        <button
          type="button"
          disabled={isBusy}
          onClick={() => commands.run('testnet_stallFinality', { forMs: STALL_MS }, `Nothing becomes final for ${STALL_MS / 1_000} s.`)}
        >
          Stall finality {STALL_MS / 1_000} s
        </button>
      )}
    </div>
  );
}

type ChoosingProps = FaultBarProps & { readonly sides: readonly number[] };

function Choosing({ network, commands, sides, setSides }: ChoosingProps) {
  useEffect(() => {
    const onKey = ({ key, defaultPrevented, target }: KeyboardEvent) => {
      const isForDialog = target instanceof Element && target.closest('dialog') !== null;
      if (key === 'Escape' && !defaultPrevented && !isForDialog) setSides(null);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [setSides]);
  const groups = [...new Set(sides)]
    .sort()
    .map((side) => network.nodes.filter((_, place) => sides[place] === side).map(({ index }) => index));
  const words = groups.map((group, place) => `${sideName(place)}: ${group.join(', ')}`).join('   ');
  const cut = async () => {
    const done = await commands.run('testnet_partition', [groups], `Cut: ${groups.map((group) => group.join(', ')).join(' | ')}.`);
    if (done) setSides(null);
  };
  return (
    <div class="row">
      <button type="button" class="primary" disabled={groups.length < 2 || commands.busy !== null} onClick={cut}>
        Cut
      </button>
      <button type="button" onClick={() => setSides(null)}>
        Cancel
      </button>
      <span>{groups.length < 2 ? 'Put at least one node on another side.' : words}</span>
    </div>
  );
}

function Reorganisation({ network, commands }: Pick<FaultBarProps, 'network' | 'commands'>) {
  const [depth, setDepth] = useState(3);
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault();
        void commands.run('testnet_reorg', { depth }, `A reorganisation of ${depth} has come about.`);
      }}
    >
      <button type="submit" disabled={commands.busy !== null || network.nodes.length < 2}>
        Reorganise
      </button>
      <label>
        <input
          type="number"
          min={1}
          max={MAX_DEPTH}
          value={depth}
          aria-label="Depth of the reorganisation in blocks"
          onInput={({ currentTarget }) => setDepth(Math.min(MAX_DEPTH, Math.max(1, Number(currentTarget.value) || 1)))}
        />{' '}
        blocks deep
      </label>
    </form>
  );
}
