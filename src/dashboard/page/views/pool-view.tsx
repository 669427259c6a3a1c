export function PoolView() {
  return null;
}
