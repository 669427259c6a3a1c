export function ConsensusView() {
  return null;
}
