/** Making way for another proposer: what the electors let happen, that nothing is lost, and what the operator is told. */
import { describe, expect, it } from 'vitest';
import type { PaxosMessage } from '../../../src/consensus/paxos/messages.ts';
import { type LostMessage, NODES } from '../members/world.ts';
import { Network } from './world.ts';

/** Somebody leads, whoever it is. One block is decided. */
function led(election: 'timeout' | 'ring' | 'bully'): { readonly network: Network; readonly leader: number; readonly other: number } {
  const network = new Network({ election });
  for (let i = 0; i < 100 && network.leaders.length === 0; i++) network.tick();
  const [leader = -1] = network.leaders;
  network.at(leader).work(Uint8Array.of(1));
  network.tick(2);
  expect(network.heights).toEqual([1, 1, 1, 1, 1]);
  return { network, leader, other: leader === 1 ? 2 : 1 };
}

describe('a transfer', () => {
  it.each(['timeout', 'ring'] as const)('under %s makes the other lead, which goes on to', (election) => {
    const { network, leader, other } = led(election);
    network.transfer(leader, other);
    network.tick(3);
    expect(network.leaders).toEqual([other]);
    expect(network.at(leader).results).toMatchObject([{ leader: NODES[other] }]);
    network.at(other).work(Uint8Array.of(2));
    network.tick(40);
    expect(network.leaders).toEqual([other]);
    expect(network.heights).toEqual([2, 2, 2, 2, 2]);
  });

  it('under bully is refused while a member above the other is up', () => {
    const { network, leader, other } = led('bully');
    expect(leader).toBe(4);
    network.transfer(leader, other);
    expect(network.at(leader).results).toEqual([expect.objectContaining({ code: 'paxos/transfer-bully' })]);
    network.at(leader).work(Uint8Array.of(2));
    network.tick(2);
    expect(network.heights).toEqual([2, 2, 2, 2, 2]);
  });

  it('waits until the other has accepted everything, and nothing new is proposed meanwhile', () => {
    const { network, leader, other } = led('timeout');
    const late: LostMessage<PaxosMessage> = (_from, to, { type }) => to === other && type === 'accept';
    network.at(leader).work(Uint8Array.of(2));
    network.deliver(late);
    network.transfer(leader, other);
    network.at(leader).work(Uint8Array.of(3));
    network.tick(2, late);
    expect(network.leaders).toEqual([leader]);
    expect(network.at(leader).state.log.last.height).toBe(2);
    network.tick(6);
    expect(network.leaders).toEqual([other]);
    expect(network.heights).toEqual([2, 2, 2, 2, 2]);
  });

  it('is given up when the other does not keep up, and the leader goes on', () => {
    const { network, leader, other } = led('timeout');
    const cutOff: LostMessage<PaxosMessage> = (from, to) => from === other || to === other;
    network.at(leader).work(Uint8Array.of(2));
    network.deliver(cutOff);
    network.transfer(leader, other);
    network.tick(7, cutOff);
    expect(network.at(leader).results).toEqual([expect.objectContaining({ code: 'paxos/transfer' })]);
    network.at(leader).work(Uint8Array.of(3));
    network.deliver(cutOff);
    expect(network.at(leader).head).toBe(3);
  });

  it.each([
    ['paxos/not-leader', 'follower'],
    ['paxos/transfer-to', 'self'],
  ])('ends with %s where it is asked of or for the wrong one (%s)', (code, who) => {
    const { network, leader, other } = led('timeout');
    const asked = who === 'self' ? leader : other;
    network.transfer(asked, leader);
    expect(network.at(asked).results).toEqual([expect.objectContaining({ code })]);
  });
});
