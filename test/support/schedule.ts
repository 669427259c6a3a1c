/**
 * Which test files live in real time, and in what order files run. Networks of real node processes mostly wait; simulations take all
 * the processor time they get. Both at once keep a machine of two cores busy, so each kind has its own lane from the start, the long
 * ones first.
 */

/** Lanes of each kind: together as many as there are workers. */
const LANES = 2;
/** Node processes, a browser, or sockets with time-outs. */
const REAL_TIME = /\/test\/(end-to-end|network|testnet|cli\/testnet|cli\/validator-node|simulator\/picture-browser|dashboard|guides)/;
/** Of a file that is not named below: one that starts networks, and any other. */
const NETWORK_SECONDS = 25;
const USUAL_SECONDS = 2.5;
/** On two cores that have little else to do. It is enough to be roughly right. */
const SECONDS: { readonly [file: string]: number } = {
  'end-to-end/stake': 180,
  'end-to-end/members': 160,
  'end-to-end/transitions': 60,
  'end-to-end/withdrawal': 80,
  'end-to-end/kill': 60,
  'end-to-end/stake-bad-input': 60,
  'end-to-end/validator': 60,
  'end-to-end/checkpoint': 50,
  'end-to-end/clock': 45,
  'end-to-end/faults': 60,
  'end-to-end/hosts': 45,
  'end-to-end/snapshots': 40,
  'dashboard/testnet': 35,
  'dashboard/page': 20,
  'guides/guides': 60,
  'deploy/files': 15,
  'end-to-end/rolling-restart': 27,
  'end-to-end/toolchains': 40,
  'end-to-end/double-signing': 35,
  'simulator/mutants': 200,
  'simulator/pow-batch': 60,
  'simulator/pos-batch': 45,
  'simulator/real-tier': 40,
  'simulator/attacks': 30,
  'cli/simulate-apart': 40,
};

export function isRealTime(path: string): boolean {
  return REAL_TIME.test(path);
}

/** The files in the order in which they should begin. */
export function scheduled<T>(files: readonly T[], pathOf: (file: T) => string): T[] {
  const realTime = files.filter((file) => isRealTime(pathOf(file)));
  const computing = files.filter((file) => !isRealTime(pathOf(file)));
  const begins = [realTime, computing].flatMap((kind) => beginnings(kind, (file) => secondsOf(pathOf(file))));
  return begins.sort((a, b) => a.atSeconds - b.atSeconds).map(({ file }) => file);
}

/** When each file would begin if its kind had its lanes for itself: the longest first, each where there is room first. */
function beginnings<T>(files: readonly T[], seconds: (file: T) => number): { readonly file: T; readonly atSeconds: number }[] {
  const ends = Array<number>(LANES).fill(0);
  const longestFirst = [...files].sort((a, b) => seconds(b) - seconds(a));
  return longestFirst.map((file) => {
    const atSeconds = Math.min(...ends);
    ends[ends.indexOf(atSeconds)] = atSeconds + seconds(file);
    return { file, atSeconds };
  });
}

function secondsOf(path: string): number {
  const [, name = ''] = /\/test\/(.*)\.test\.ts$/.exec(path) ?? [];
  return SECONDS[name] ?? (name.startsWith('end-to-end/') ? NETWORK_SECONDS : USUAL_SECONDS);
}
