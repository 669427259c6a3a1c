/** Bounds of the mining pool that its users check their input against. */

/** A thread has a slot of its own in the shared control block. */
export const MAX_THREADS = 256;
/** Hashes a second: what fits a 32-bit integer there. */
export const MAX_HASH_RATE_LIMIT = 2 ** 31 - 1;
