/**
 * What one sees of a test network: accounts as anvil prints them, endpoints, then a table that is redrawn in place on a
 * terminal, or a line now and then elsewhere, or JSON lines.
 */
import { relative, resolve } from 'node:path';
import { toHex } from '../base/bytes.ts';
import type { NodeStatus } from '../node/status.ts';
import { membersAmong } from '../testnet/engines.ts';
import { DEFAULT_DIRECTORY, type Manifest, type TestnetNode } from '../testnet/manifest.ts';
import type { NodeReport, SupervisorEvent } from '../testnet/supervisor.ts';
import { DEV_MNEMONIC, devAccounts } from '../wallet/mnemonic.ts';
import { checksummed } from '../wallet/private-key.ts';
import { style, table, truncate, visibleWidth } from './output.ts';

export interface Display {
  starting(resumed: boolean): void;
  /** Where the dashboard is; `wanted` is the port that was asked for, null for any. */
  serving(url: string, wanted: number | null): void;
  ready(report: readonly NodeReport[]): void;
  status(report: readonly NodeReport[]): void;
  event(event: SupervisorEvent): void;
  stopping(): void;
  end(): void;
}

export function openDisplay(json: boolean, directory: string, manifest: Manifest): Display {
  if (json) return jsonDisplay(directory, manifest);
  return process.stdout.isTTY === true ? new TerminalDisplay(directory, manifest) : new PlainDisplay(directory, manifest);
}

// ---- JSON ------------------------------------------------------------------------------------------------------

function jsonDisplay(directory: string, manifest: Manifest): Display {
  const write = (document: object) => void process.stdout.write(`${JSON.stringify(document)}\n`);
  const accounts = () =>
    devAccounts(manifest.options.mnemonic, manifest.options.accounts).map(({ address, privateKey }) => ({
      address: checksummed(address),
      privateKey: toHex(privateKey),
    }));
  return {
    starting: (resumed) => write({ event: 'starting', directory, resumed, options: manifest.options }),
    serving: (url) => write({ event: 'serving', url }),
    ready: (report) => write({ event: 'ready', chainId: manifest.options.chainId, accounts: accounts(), nodes: report }),
    status: (report) => write({ event: 'status', nodes: report }),
    event: ({ type, ...fields }) => write({ event: type, ...fields }),
    stopping: () => write({ event: 'stopping' }),
    end: () => write({ event: 'stopped' }),
  };
}

// ---- Text ------------------------------------------------------------------------------------------------------

const PLAIN_INTERVAL_MS = 10_000;

/** For pipes and log files: the same text once, then one line whenever something happened, or now and then. */
class PlainDisplay implements Display {
  protected readonly directory: string;
  protected readonly manifest: Manifest;
  #shownMs = Number.NEGATIVE_INFINITY;
  #shown = '';
  #isStopping = false;

  constructor(directory: string, manifest: Manifest) {
    this.directory = directory;
    this.manifest = manifest;
  }

  starting(resumed: boolean): void {
    const { nodes, engine } = this.manifest.options;
    const makers = makersOf(this.manifest);
    const what = resumed ? 'Going on with' : 'Starting';
    this.line(`${what} ${nodes} ${engine} nodes (${makers}) in ${this.directory}`);
  }

  serving(url: string, wanted: number | null): void {
    const isMoved = wanted !== null && new URL(url).port !== String(wanted);
    this.line(`Dashboard ${url}${isMoved ? ` (port ${wanted} is taken)` : ''}`);
  }

  ready(report: readonly NodeReport[]): void {
    for (const line of banner(this.manifest, report)) this.line(line);
  }

  status(report: readonly NodeReport[]): void {
    const text = summary(report);
    const nowMs = performance.now();
    if (text === this.#shown || nowMs - this.#shownMs < PLAIN_INTERVAL_MS) return;
    this.#shown = text;
    this.#shownMs = nowMs;
    this.line(text);
  }

  event(event: SupervisorEvent): void {
    // Whoever stops the network knows that its nodes end.
    if (this.#isStopping && event.type === 'node-down' && event.expected) return;
    const text = eventText(event);
    if (text !== null) this.line(text);
  }

  stopping(): void {
    this.#isStopping = true;
    this.line('Stopping the nodes ...');
  }

  end(): void {
    this.line('Stopped.');
  }

  protected line(text: string): void {
    process.stdout.write(`${text}\n`);
  }
}

/** Redraws the table in place; whatever else is printed goes above it. */
class TerminalDisplay extends PlainDisplay {
  /** The widths of the lines that stand there. */
  #drawn: readonly number[] = [];

  override status(report: readonly NodeReport[]): void {
    this.#erase();
    const { columns, rows } = terminalSize();
    const hint = hintLines(this.manifest.nodes.length, this.directory, process.cwd(), columns).map((line) => style('dim', line));
    const lines = screenLines([...reportText(report, columns).split('\n'), ...hint], columns, rows);
    process.stdout.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.map((line) => visibleWidth(line));
  }

  protected override line(text: string): void {
    this.#erase();
    super.line(text);
  }

  #erase(): void {
    const up = rowsOf(this.#drawn, terminalSize().columns);
    // To the first column as well: the terminal may have echoed ^C.
    if (up > 0) process.stdout.write(`\r\u001b[${up}A\u001b[J`);
    this.#drawn = [];
  }
}

/**
 * A command for another terminal that works as it stands: with nodes that there are, and the directory unless it is the usual one.
 * Where it is too long for these columns it has lines of its own, which a shell reads as one.
 */
export function hintLines(nodes: number, directory: string, workingDirectory: string, columns: number): string[] {
  const numbers = Array.from({ length: nodes }, (_, index) => index);
  const half = Math.ceil(nodes / 2);
  const action = nodes < 2 ? 'status' : `partition ${numbers.slice(0, half).join()} ${numbers.slice(half).join()}`;
  const isUsual = directory === resolve(workingDirectory, DEFAULT_DIRECTORY);
  const option = isUsual ? '' : ` --dir ${relative(workingDirectory, directory) || '.'}`;
  const command = `npx synod testnet ${action}${option}`;
  const sentence = 'Ctrl-C stops it. In another terminal:';
  const line = `${sentence} ${command}`;
  return visibleWidth(line) <= columns ? [line] : [sentence, ...continued(command, columns)];
}

/** Cut behind a space where there is one; a backslash says that the next line belongs to it. */
function continued(command: string, columns: number): string[] {
  if (visibleWidth(command) <= columns) return [command];
  const room = Math.max(1, columns - 2);
  const pieces = command.match(new RegExp(`.{1,${room}}(?: |$)|.{1,${room}}`, 'gu')) ?? [];
  return pieces.map((piece, place) => (place < pieces.length - 1 ? `${piece}\\` : piece));
}

/** For `reportText`: a pipe has no width. */
export function outputColumns(): number {
  return process.stdout.isTTY === true ? terminalSize().columns : Number.POSITIVE_INFINITY;
}

/** A terminal that does not say how large it is counts as the usual one. */
function terminalSize(): { readonly columns: number; readonly rows: number } {
  return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 };
}

/** How many rows of the screen these lines take: those drawn on a wider terminal were wrapped when it shrank. */
export function rowsOf(widths: readonly number[], columns: number): number {
  return widths.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
}

/** One screen row for each line, and fewer lines than rows: what has scrolled or wrapped cannot be drawn over. */
export function screenLines(lines: readonly string[], columns: number, rows: number): string[] {
  const most = Math.max(1, rows - 1);
  const left = lines.length - most + 1;
  const shown = lines.length <= most ? lines : [...lines.slice(0, most - 1), `... and ${left} more lines: synod testnet status`];
  return shown.map((line) => truncate(line, columns));
}

function eventText(event: SupervisorEvent): string | null {
  switch (event.type) {
    case 'node-up':
      return `Node ${event.index} is up at ${event.rpcUrl}`;
    case 'node-down':
      return event.expected
        ? `Node ${event.index} is down`
        : style('red', `Node ${event.index} ended by itself (${event.reason}); see its log ${event.log}`);
    case 'partitioned':
      return `Partitioned: ${event.sides.map((side) => side.join(',')).join(' | ')}`;
    case 'fault':
      return `Fault: ${event.text}`;
    case 'fault-over':
      return `Over: ${event.text}`;
    case 'equivocated':
      return style('yellow', `Node ${event.index} signed a second ${event.lie}`);
    case 'healed':
      return 'Healed';
  }
}

const heading = (title: string) => ['', style('bold', title), '='.repeat(18), ''];

function banner(manifest: Manifest, report: readonly NodeReport[]): string[] {
  const { mnemonic, accounts, balance, chainId } = manifest.options;
  const derived = devAccounts(mnemonic, accounts);
  const warning =
    mnemonic === DEV_MNEMONIC ? ['', style('yellow', 'Everybody knows these keys: never send anything of value to these accounts.')] : [];
  return [
    ...heading('Available Accounts'),
    ...derived.map(({ address, index }) => `(${index}) ${checksummed(address)} (${balance} ETH)`),
    ...heading('Private Keys'),
    ...derived.map(({ privateKey, index }) => `(${index}) ${toHex(privateKey)}`),
    ...warning,
    ...heading('Wallet'),
    `Mnemonic:          ${mnemonic}`,
    "Derivation path:   m/44'/60'/0'/0/",
    ...heading('Chain ID'),
    String(chainId),
    ...heading('Endpoints (HTTP and WebSocket)'),
    ...report.map(
      ({ index, rpcUrl, mines }) => `(${index}) ${rpcUrl ?? 'down'}${mines ? '  mining' : signs(manifest.nodes[index], manifest)}`,
    ),
    ...metricsLines(report),
    '',
  ];
}

function metricsLines(report: readonly NodeReport[]): string[] {
  const lines = report.flatMap(({ index, metricsUrl }) => (metricsUrl === null ? [] : [`(${index}) ${metricsUrl}/metrics`]));
  return lines.length === 0 ? [] : [...heading('Metrics'), ...lines];
}

function makersOf({ options: { engine, miners, validators }, nodes }: Manifest): string {
  if (engine === 'pow') return `${miners} mining`;
  if (engine === 'pos') return `${validators} validators`;
  const members = membersAmong(nodes.length, engine);
  const followers = nodes.slice(members).map(({ index }) => index);
  return `${members} members${followers.length === 0 ? '' : `; node ${followers.join(', ')} follows`}`;
}

/** Who is a member by the genesis file, and who is a validator. */
function signs(node: TestnetNode | undefined, { options: { engine }, nodes }: Manifest): string {
  const count = node?.validators.length ?? 0;
  if (engine !== 'pos') return (node?.index ?? 0) < membersAmong(nodes.length, engine) ? '  member' : '  follows';
  return count === 0 ? '' : `  ${count} validator${count === 1 ? '' : 's'}`;
}

const statusOf = (report: NodeReport): NodeStatus | null => report.status as NodeStatus | null;

interface Column {
  readonly title: string;
  readonly cell: (report: NodeReport, status: NodeStatus | null) => string;
  readonly alignment?: 'right';
  /** Those with higher numbers go first when the terminal is narrow; without one it stays. */
  readonly luxury?: number;
}

/** What the node says of itself, if it answers. */
const told =
  (cell: (status: NodeStatus) => string | number): Column['cell'] =>
  (_report, status) =>
    status === null ? '-' : String(cell(status));

const COLUMNS: readonly Column[] = [
  { title: 'node', cell: ({ index }) => String(index) },
  { title: 'rpc', cell: ({ rpcUrl }) => rpcUrl ?? '-', luxury: 3 },
  { title: 'height', cell: told(({ head }) => head.number), alignment: 'right' },
  { title: 'head', cell: told(headText) },
  { title: 'peers', cell: told(({ peers }) => peers), alignment: 'right' },
  { title: 'final', cell: told(({ finalized }) => finalized.number), alignment: 'right', luxury: 1 },
  { title: 'works', cell: told(workText), alignment: 'right', luxury: 1 },
  {
    title: 'made',
    cell: told((status) => status.mining?.sealed ?? staking(status)?.counts.proposed ?? '-'),
    alignment: 'right',
    luxury: 5,
  },
  { title: 'reorgs', cell: told(({ reorgs }) => reorgs.count), alignment: 'right', luxury: 2 },
  { title: 'deepest', cell: told(({ reorgs }) => reorgs.deepest), alignment: 'right', luxury: 6 },
  { title: 'pool', cell: told(({ pool }) => pool.pending + pool.queued), alignment: 'right', luxury: 4 },
  { title: 'state', cell: stateText },
];

/** The table, and below it what is wrong with each node on purpose. */
export function reportText(report: readonly NodeReport[], terminalColumns = Number.POSITIVE_INFINITY): string {
  return [reportTable(report, terminalColumns), ...faultLines(report)].join('\n');
}

function faultLines(report: readonly NodeReport[]): string[] {
  return report
    .map((one) => ({ index: one.index, faults: [...one.faults, ...lieTexts(statusOf(one))] }))
    .filter(({ faults }) => faults.length > 0)
    .map(({ index, faults }) => style('yellow', `node ${index}: ${faults.join('; ')}`));
}

/** What it has signed twice since its process began. */
function lieTexts(status: NodeStatus | null): string[] {
  const told = Object.entries(status?.faults?.equivocations ?? {});
  return told.flatMap(([lie, times]) => (times === 0 ? [] : `has signed a second ${lie}${times > 1 ? `, ${times} times` : ''}`));
}

/** Without the columns for which these terminal columns are too few; a pipe takes them all. */
export function reportTable(report: readonly NodeReport[], terminalColumns = Number.POSITIVE_INFINITY): string {
  const byLuxury = COLUMNS.map(({ luxury = 0 }) => luxury).sort((a, b) => b - a);
  let text = '';
  for (const most of byLuxury) {
    const columns = COLUMNS.filter(({ luxury = 0 }) => luxury <= most);
    const right = columns.flatMap(({ alignment }, index) => (alignment === 'right' ? index : []));
    const rows = report.map((one) => columns.map(({ cell }) => cell(one, statusOf(one))));
    const titles = columns.map(({ title }) => title);
    text = table(titles, rows, right);
    if (Math.max(...text.split('\n').map(visibleWidth)) <= terminalColumns) break;
  }
  return text;
}

function stateText(report: NodeReport, status: NodeStatus | null): string {
  const side = report.side === null ? '' : ` (side ${report.side})`;
  const state = report.state === 'up' && status === null ? 'silent' : report.state;
  return state === 'up' ? `${syncText(status)}${side}` : style('red', `${state}${side}`);
}

function syncText(status: NodeStatus | null): string {
  return status === null || status.sync.state === 'idle' ? 'up' : `syncing to ${status.sync.target}`;
}

/** What a node does for its network: hashes, validators, or the lead among members. */
function workText(status: NodeStatus): string {
  const { mining } = status;
  if (mining !== null) return mining.enabled ? hashRate(mining.hashesPerSecond) : '-';
  const stake = staking(status);
  if (stake !== null) return stake.keys === 0 ? '-' : `${stake.keys} val`;
  return seatText(status);
}

/** By the engine's own picture, under an engine with members: one that has no vote only keeps the chain that the others make. */
function seatText({ consensus, engine, peerId }: NodeStatus): string {
  const { leader = null, role = null } = (consensus ?? {}) as { readonly leader?: string | null; readonly role?: string | null };
  // Under PBFT members are primaries and backups, and it is the others that follow.
  if (role === 'observer' || (engine === 'pbft' && role === 'follower')) return 'watches';
  if (role === 'learner') return 'learns';
  return leader === peerId ? 'leads' : 'follows';
}

interface Staking {
  readonly keys: number;
  readonly validators: number;
  readonly slot: number;
  readonly epoch: number;
  readonly counts: { readonly proposed: number; readonly voted: number; readonly missed: number };
}

/** Of the engine's own picture; null under another engine than proof-of-stake. */
export function staking({ engine, consensus }: NodeStatus): Staking | null {
  return engine === 'pos' ? (consensus as unknown as Staking) : null;
}

/** The same head has the same colour, so that a fork is seen at a glance. */
function headText(status: NodeStatus): string {
  const colours = ['green', 'cyan', 'magenta', 'yellow', 'blue'] as const;
  const short = `${status.head.hash.slice(0, 8)}..${status.head.hash.slice(-4)}`;
  const colour = colours[Number.parseInt(status.head.hash.slice(2, 8), 16) % colours.length] ?? 'green';
  return style(colour, short);
}

export function hashRate(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(1)} MH/s`;
  if (perSecond >= 1e3) return `${(perSecond / 1e3).toFixed(0)} kH/s`;
  return `${perSecond.toFixed(0)} H/s`;
}

/** One line: heights, heads, peers, hash rate, reorgs. */
function summary(report: readonly NodeReport[]): string {
  const statuses = report.map(statusOf);
  const each = (pick: (status: NodeStatus) => string | number) =>
    statuses.map((status) => (status === null ? '-' : pick(status))).join(' ');
  const rate = statuses.reduce((sum, status) => sum + (status?.mining?.enabled === true ? status.mining.hashesPerSecond : 0), 0);
  const work = rate > 0 ? `  ${hashRate(rate)}` : '';
  const heads = new Set(statuses.flatMap((status) => (status === null ? [] : status.head.hash)));
  const fork = heads.size > 1 ? ` (${heads.size} heads)` : '';
  return `height ${each(({ head }) => head.number)}${fork}  final ${each(({ finalized }) => finalized.number)}  peers ${each(({ peers }) => peers)}${work}  reorgs ${each(({ reorgs }) => reorgs.count)}`;
}
