/** What can be done to one node of a test network. Faults that begin here end by Heal, or by the same command with nothing. */
import { decimal, percent } from '../model/format.ts';
import type { NodeView } from '../model/node.ts';
import type { Commands } from './use-commands.ts';

const DELAY_MS = 500;
const LOSS = 0.3;
const CLOCK_OFFSET_MS = 10_000;

/** Label, what happens, the call, and what is said when it has happened. */
type Fault = readonly [label: string, about: string, method: string, params: (node: number) => unknown, said: (node: number) => string];

const FAULTS: readonly Fault[] = [
  [
    `Delay ${decimal(DELAY_MS / 1_000)} s`,
    'whatever it says and hears takes longer',
    'testnet_delay',
    (node) => ({ nodes: [node], delayMs: DELAY_MS }),
    (node) => `Messages from and to node ${node} take ${decimal(DELAY_MS / 1_000)} s more, until Heal.`,
  ],
  [
    `Lose ${percent(LOSS)}`,
    'of the messages from and to it',
    'testnet_loss',
    (node) => ({ nodes: [node], loss: LOSS }),
    (node) => `${percent(LOSS)} of the messages from and to node ${node} are lost, until Heal.`,
  ],
  [
    `Clock +${CLOCK_OFFSET_MS / 1_000} s`,
    'it lives in the future',
    'testnet_clock',
    (node) => ({ node, offsetMs: CLOCK_OFFSET_MS }),
    (node) => `The clock of node ${node} is ${CLOCK_OFFSET_MS / 1_000} s ahead, until Heal.`,
  ],
  [
    'Make nothing',
    'it follows, but makes no blocks',
    'testnet_mining',
    (node) => ({ node, on: false }),
    (node) => `Node ${node} makes no blocks, until Heal.`,
  ],
  [
    'Withhold',
    'it keeps the blocks that it makes to itself',
    'testnet_withhold',
    (node) => ({ node }),
    (node) => `Node ${node} keeps its blocks to itself, until Heal.`,
  ],
  [
    'Lie',
    'it signs a second block for one height, at the next opportunity',
    'testnet_equivocate',
    (node) => ({ node, what: 'proposal' }),
    (node) => `Node ${node} will sign a second block at the next opportunity.`,
  ],
];

export function NodeCommands({ node, commands }: { readonly node: NodeView; readonly commands: Commands }) {
  const { index, process } = node;
  const isPaused = process === 'paused';
  const isDown = process !== null && process !== 'up' && !isPaused;
  const isBusy = commands.busy !== null;
  const button = (label: string, method: string, said: string, isOff = false) => (
    <button
      type="button"
      class="small"
      disabled={isOff || isBusy}
      aria-label={`${label} node ${index}`}
      onClick={() => commands.run(method, [index], said)}
    >
      {label}
    </button>
  );
  return (
    <fieldset class="card-buttons" aria-label={`Commands for node ${index}`}>
      {button('Kill', 'testnet_kill', `Node ${index} was killed.`, isDown)}
      {button('Restart', 'testnet_restart', `Node ${index} was started again.`)}
      {isPaused
        ? button('Resume', 'testnet_resume', `Node ${index} goes on.`)
        : button('Pause', 'testnet_pause', `Node ${index} stands still; its connections stay.`, isDown)}
      <details>
        <summary aria-label={`More faults for node ${index}`}>More</summary>
        <div class="more">
          {FAULTS.map(([label, about, method, params, said]) => (
            <button
              key={method}
              type="button"
              class="small"
              title={about}
              aria-label={`${label}: node ${index}`}
              disabled={isDown || isBusy}
              onClick={() => commands.run(method, params(index), said(index))}
            >
              {label}
            </button>
          ))}
        </div>
      </details>
    </fieldset>
  );
}
