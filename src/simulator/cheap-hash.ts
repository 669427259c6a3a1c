/**
 * A hash for networks without cryptography: 32 bytes that depend on every byte, and of
 * no use against anybody who looks for collisions. It takes keccak's place where the simulator's own speed is measured. Runs have
 * other hashes with it, and so another course: it is not what seeds, scenarios and text traces are made with.
 */
const LANES = 8;
const HASH_BYTES = 4 * LANES;
const SEED = 0x9e37_79b9;
const MIX = 0x85eb_ca6b;
const FINISH = 0xc2b2_ae35;

export function cheapHash(bytes: Uint8Array): Uint8Array {
  let [a, b] = [SEED ^ bytes.length, MIX];
  for (let i = 0; i < bytes.length; i++) {
    a = Math.imul(a ^ (bytes[i] as number), MIX);
    b = (Math.imul(b ^ a, FINISH) + 1) | 0;
    a ^= a >>> 15;
    b ^= b >>> 13;
  }
  const hash = new Uint8Array(HASH_BYTES);
  for (let lane = 0; lane < LANES; lane++) {
    a = Math.imul(a ^ lane ^ b, MIX);
    a ^= a >>> 13;
    b = Math.imul(b + a, FINISH) ^ (a >>> 16);
    for (let i = 0; i < 4; i++) hash[4 * lane + i] = b >>> (8 * i);
  }
  return hash;
}
