/** `synod verify`: which block is final, proven from a trusted one, by asking a node that need not be trusted. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { Hash, quote } from '../base/types.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { PosRules } from '../consensus/pos/rules.ts';
import { type PosSettings, parseSettings } from '../consensus/pos/settings.ts';
import { genesisFile } from '../node/genesis-file.ts';
import { DEFAULT_DIRECTORY } from '../testnet/manifest.ts';
import { builtInGenesis, genesisFor } from './genesis.ts';
import { LightSource } from './light-source.ts';
import { absolutePath, defaultDatadir } from './options.ts';
import { argumentError, openProgress, type Progress, print, warn } from './output.ts';
import { createRpcClient, rpcOption } from './rpc-client.ts';
import { type Verified, verifyChain } from './verify-chain.ts';

interface VerifyFlags {
  readonly checkpoint: Hash | 'genesis';
  readonly block?: Hash;
  readonly rpc: string;
  readonly genesis?: string;
  readonly datadir?: string;
  readonly json?: boolean;
}

/** After so many epochs without a block either the network stands still, or the node keeps something back. */
const SILENT_EPOCHS = 2;

export function registerVerify(program: Command): void {
  program
    .command('verify')
    .description('prove which block is final, without trusting the node that is asked (proof-of-stake)')
    .requiredOption('--checkpoint <hash>', "a block that you trust, by its hash, or 'genesis'", checkpointOption)
    .option('--block <hash>', 'fail unless this block is final', hashOption('block'))
    .addOption(rpcOption())
    .option('--genesis <file>', "the network's genesis document")
    .option('--datadir <dir>', 'a datadir of the network (default: that of the test network here, or of a node)', absolutePath)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Signatures of proposers and voters, who they must be, what is justified and what is final follow from the trusted block. The
exit code is 0 when the proof holds, and 1 when it does not.

Examples:
  synod verify --checkpoint genesis --genesis my-network.json
  synod verify --checkpoint 0x4e3a... --block 0x99d1... --rpc http://203.0.113.7:8545 --datadir ./node`,
    )
    .action(async (flags: VerifyFlags) => {
      const source = new LightSource(createRpcClient(flags.rpc));
      const { rules, header } = await networkOf(flags);
      const verified = await withProgress((onProgress) =>
        verifyChain(source, {
          rules,
          genesis: header,
          checkpoint: flags.checkpoint === 'genesis' ? null : flags.checkpoint,
          block: flags.block ?? null,
          wallMs: Date.now,
          onProgress,
        }),
      );
      warnOfSilence(rules.settings, verified);
      print(flags.json, toDocument(rules.settings, verified), () => toText(rules.settings, verified));
    });
}

/** The rules and the first block of the network that the flags name. Throws `arguments/engine` where it is not of proof-of-stake. */
async function networkOf(flags: VerifyFlags): Promise<{ rules: PosRules; header: HeaderNode['header'] }> {
  // Loaded only here: the other commands need neither BLS nor the state of genesis.
  const { buildGenesis, parseGenesis } = await import('../execution/genesis.ts');
  const { blsSignatures: signatures } = await import('../wallet/bls.ts');
  const { params, block } = await buildGenesis(parseGenesis(documentFor(flags)));
  const { name, settings } = params.engine;
  if (name !== 'pos') {
    const advice = "name the network's genesis document with --genesis, or a datadir of it with --datadir";
    throw new UsageError(
      'arguments/engine',
      `Verification is for proof-of-stake; the engine of this network is ${quote(name)}: ${advice}.`,
    );
  }
  return { rules: { params, settings: parseSettings(settings), signatures }, header: block.header };
}

/** What a hash alone does not say: who the first validators were, and what the rules are. */
function documentFor({ genesis, datadir }: VerifyFlags): unknown {
  const known = [absolutePath(DEFAULT_DIRECTORY), defaultDatadir()].find((directory) => existsSync(genesisFile(directory)));
  const directory = datadir ?? known;
  if (genesis !== undefined || directory !== undefined) return genesisFor(directory ?? defaultDatadir(), { genesis });
  return builtInGenesis('pos');
}

/** Progress of what takes more than one request. */
async function withProgress<T>(work: (onProgress: (number: number, target: number) => void) => Promise<T>): Promise<T> {
  let progress: Progress | null = null;
  try {
    return await work((number, target) => {
      if (number < target) progress ??= openProgress('Verified blocks');
      progress?.update(number, `of ${target}`);
    });
  } finally {
    (progress as Progress | null)?.end();
  }
}

function checkpointOption(text: string): Hash | 'genesis' {
  return text === 'genesis' ? text : hashOption('checkpoint')(text);
}

function hashOption(name: string): (text: string) => Hash {
  return (text) => {
    if (/^0x[0-9a-fA-F]{64}$/.test(text)) return Hash(text);
    throw argumentError(name, `--${name} expects a block hash (0x and 64 hex digits), got ${quote(text)}.`);
  };
}

function warnOfSilence({ slotSeconds, slotsPerEpoch }: PosSettings, { head }: Verified): void {
  const silentSeconds = ageSeconds(head);
  if (silentSeconds <= SILENT_EPOCHS * slotsPerEpoch * slotSeconds) return;
  warn(`The newest block that the node has is ${silentSeconds} s old: the network stands still, or the node keeps back what is newer.`);
}

function toDocument(settings: PosSettings, { checkpoint, head, finalized, certified, block }: Verified): object {
  const document = ({ hash, header, facts }: HeaderNode) => ({
    hash,
    number: header.number,
    slot: Number(facts.carried),
    epoch: epochOf(settings, facts.carried),
    timestamp: header.timestamp,
  });
  return { checkpoint: document(checkpoint), head: document(head), finalized: document(finalized), certified, block };
}

function toText(settings: PosSettings, { checkpoint, head, finalized, certified, block }: Verified): string {
  const line = (name: string, text: string) => `${name.padEnd(12)}${text}`;
  const named = ({ hash, header }: HeaderNode) => `${header.number}  ${hash}`;
  return [
    line('trusted', named(checkpoint)),
    line('verified', `${head.header.number - checkpoint.header.number} blocks, up to ${named(head)}`),
    line('finalized', `${named(finalized)}  epoch ${epochOf(settings, finalized.facts.carried)}, ${ageSeconds(finalized)} s ago`),
    ...(certified === null ? [] : [line('certificate', `of block ${certified.number}: good`)]),
    ...(block === null ? [] : [line('block', `${block.number}  ${block.hash}  is final`)]),
  ].join('\n');
}

function epochOf({ slotsPerEpoch }: PosSettings, slot: bigint): number {
  return Math.floor(Number(slot) / slotsPerEpoch);
}

function ageSeconds({ header }: HeaderNode): number {
  return Math.max(0, Math.round(Date.now() / 1_000 - header.timestamp));
}
