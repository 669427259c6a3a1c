/** The highest number that so many of them have reached; 0 where there are not so many. */
export function reachedBy(quorum: number, numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => b - a)[quorum - 1] ?? 0;
}
