/** Hardhat 3 with its viem plug-in; the network is the one that the environment names. */
import { createRequire } from 'node:module';
import hardhatViem from '@nomicfoundation/hardhat-viem';
import { configVariable, defineConfig } from 'hardhat/config';

export default defineConfig({
  plugins: [hardhatViem],
  paths: { sources: './contracts' },
  solidity: { version: '0.8.37', path: createRequire(import.meta.url).resolve('solc/soljson.js'), settings: { evmVersion: 'prague' } },
  networks: {
    synod: { type: 'http', chainType: 'l1', url: configVariable('SYNOD_URL'), accounts: [configVariable('SYNOD_KEY')] },
  },
});
