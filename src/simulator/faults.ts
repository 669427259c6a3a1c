/**
 * What goes wrong, as data: a schedule of faults, each with a beginning and a duration. Faults are independent of each
 * other and may overlap, so any subset of a schedule is a schedule, which is what shrinking needs. How they are drawn is
 * in `schedule.ts`, how they are carried out in `injector.ts`.
 */
export type Fault =
  /** The node loses power and comes back (or never does, where the run ends first). */
  | Timed<'crash', { readonly node: number }>
  /** `side` and the others do not hear each other; with a direction, only what comes in or goes out is cut. */
  | Timed<'partition', { readonly side: readonly number[]; readonly direction: 'both' | 'in' | 'out' }>
  /** What is sent on this link, in this direction, is lost: with some of these, not every two nodes hear the same ones. */
  | Timed<'cutLink', { readonly from: number; readonly to: number }>
  /** What is sent to and by the node is held back and arrives at once at the end. */
  | Timed<'clog', { readonly node: number }>
  | Timed<'clogLink', { readonly from: number; readonly to: number }>
  /** On every link; of several the last one counts. */
  | Timed<'noise', { readonly loss: number; readonly duplicate: number; readonly reorder: number }>
  /** The node's wall clock is wrong by so much; monotonic time goes on as it should. */
  | Timed<'clock', { readonly node: number; readonly offsetMs: number }>
  /** The node's clocks, the monotonic one too, run at `factor` times the right rate. */
  | Timed<'drift', { readonly node: number; readonly factor: number }>
  | Timed<'slowDisk', { readonly node: number; readonly factor: number }>
  /** Writes fail; the node has to stop, and starts again at the end. */
  | Timed<'diskError', { readonly node: number }>
  /** Hash power times this factor; of several the last one counts, so that no network gets faster than a schedule says. */
  | Timed<'hashRate', { readonly node: number; readonly factor: number }>
  /** The node is not to be trusted, from its start to the end of the run, whatever its times say. */
  | Timed<'byzantine', { readonly node: number; readonly behaviour: string }>;

type Timed<Kind extends string, Fields> = { readonly fault: Kind; readonly atMs: number; readonly forMs: number } & Fields;

export type FaultKind = Fault['fault'];
export const FAULT_KINDS: readonly FaultKind[] = [
  'crash',
  'partition',
  'cutLink',
  'clog',
  'clogLink',
  'noise',
  'clock',
  'drift',
  'slowDisk',
  'diskError',
  'hashRate',
  'byzantine',
];

/** Places of nodes that follow no protocol. */
export function byzantineNodes(schedule: readonly Fault[]): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const fault of schedule) if (fault.fault === 'byzantine') found.set(fault.node, fault.behaviour);
  return found;
}

export function endMs({ atMs, forMs }: Fault): number {
  return atMs + forMs;
}
