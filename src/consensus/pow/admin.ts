/** What the operator can ask of a running miner. Every known command answers with the miner's status after it. */
import { RuleError, UsageError } from '../../base/errors.ts';
import { Address, type Json, quote } from '../../base/types.ts';
import type { AdminCommand, RequestId } from '../engine.ts';
import { stopMining } from './mining.ts';
import type { PowState, Turn } from './state.ts';

const COMMANDS = ['miner_start', 'miner_stop', 'miner_setBeneficiary', 'miner_status'];

export function answerAdmin(turn: Turn, request: RequestId, command: AdminCommand): void {
  try {
    carryOut(turn, command);
    turn.effects.push({ type: 'reply', request, result: minerStatus(turn.state) });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    turn.effects.push({ type: 'reply', request, result: error });
  }
}

function carryOut(turn: Turn, command: AdminCommand): void {
  const { mining } = turn.state;
  switch (command.name) {
    case 'miner_start':
      if (command.arguments.beneficiary !== undefined) mining.beneficiary = beneficiaryOf(command);
      mining.producing = true;
      mining.requestedFor = null;
      return;
    case 'miner_stop':
      stopMining(turn);
      return;
    case 'miner_setBeneficiary':
      mining.beneficiary = beneficiaryOf(command);
      mining.requestedFor = null;
      return;
    case 'miner_status':
      return;
    default:
      throw new UsageError('admin/unknown-command', `Unknown command ${quote(command.name)}; expected one of ${COMMANDS.join(', ')}.`);
  }
}

export function minerStatus({ mining, counts }: PowState): Json {
  const { template } = mining;
  return {
    producing: mining.producing,
    beneficiary: mining.beneficiary,
    building: mining.building !== null,
    template: template && {
      number: template.block.header.number,
      parent: template.block.header.parentHash,
      timestamp: template.block.header.timestamp,
      difficulty: template.block.header.difficulty.toString(),
      transactions: template.block.transactions.length,
    },
    mined: counts.mined,
    abandoned: counts.abandoned,
    stale: counts.stale,
  };
}

function beneficiaryOf(command: AdminCommand): Address {
  const { beneficiary } = command.arguments;
  try {
    if (typeof beneficiary === 'string') return Address(beneficiary);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
  }
  const got = quote(JSON.stringify(beneficiary) ?? 'nothing');
  throw new UsageError('admin/beneficiary', `Command ${command.name} has beneficiary ${got}; expected an address (0x and 40 hex digits).`);
}
