/** Where the contracts stand that blocks call by themselves: EIP-4788, 2935, 7002 and 7251. */
import { Address } from '../base/types.ts';

export const SYSTEM_ADDRESS = Address('0xfffffffffffffffffffffffffffffffffffffffe');
export const BEACON_ROOTS = Address('0x000f3df6d732807ef1319fb7b8bb8522d0beac02');
export const BLOCK_HASHES = Address('0x0000f90827f1c53a10cb7a02335b175320002935');
export const WITHDRAWAL_REQUESTS = Address('0x00000961ef480eb55e80d19ad83579a64c007002');
export const CONSOLIDATION_REQUESTS = Address('0x0000bbddc7ce488642fb579f8b00f3a590007251');
