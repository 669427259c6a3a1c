/** Handing over: nothing is proposed meanwhile, nothing is lost, the one who is named is elected, and if it cannot be, the operator hears of it. */
import { describe, expect, it } from 'vitest';
import type { ZabMessage } from '../../../src/consensus/zab/messages.ts';
import { type LostMessage, MemberNetwork, NODES } from '../members/world.ts';
import { World } from './world.ts';

class Network extends MemberNetwork<ZabMessage, World> {
  constructor() {
    super(NODES.map((self) => new World({ self })));
  }

  tick(times = 1, isLost?: LostMessage<ZabMessage>): void {
    for (let i = 0; i < times; i++) {
      for (const member of this.members) member.tick();
      this.deliver(isLost);
    }
  }

  get leaders(): number[] {
    return this.members.flatMap(({ state: { role } }, place) => (role.role === 'leading' && role.phase === 'broadcast' ? [place] : []));
  }

  transfer(from: number, to: number): void {
    this.at(from).admin('transfer', { to: NODES[to] ?? '' });
  }
}

/** Place 4 leads: among equals the highest does. One block is decided. */
function led(): Network {
  const network = new Network();
  network.deliver();
  network.tick(2);
  expect(network.leaders).toEqual([4]);
  network.at(4).work(Uint8Array.of(1));
  network.deliver();
  expect(network.heights).toEqual([1, 1, 1, 1, 1]);
  return network;
}

describe('a transfer', () => {
  it('makes the one who is named lead in a later epoch, though the place of others is higher', () => {
    const network = led();
    const { current } = network.at(4).state.epochs;
    network.transfer(4, 1);
    network.deliver();
    network.tick(2);
    expect(network.leaders).toEqual([1]);
    expect(network.at(4).results).toEqual([{ leader: NODES[1], epoch: current + 1 }]);
    network.at(1).work(Uint8Array.of(2));
    network.deliver();
    expect(network.heights).toEqual([2, 2, 2, 2, 2]);
  });

  it('waits until the other has everything and all of it is decided; nothing is proposed meanwhile', () => {
    const network = led();
    const noAcks: LostMessage<ZabMessage> = (_from, _to, { type }) => type === 'ack';
    network.at(4).work(Uint8Array.of(2));
    network.deliver(noAcks);
    network.transfer(4, 1);
    network.at(4).work(Uint8Array.of(3));
    network.deliver(noAcks);
    expect(network.at(4).state.history.last.height).toBe(2);
    expect(network.leaders).toEqual([4]);
    network.tick(4);
    expect(network.leaders).toEqual([1]);
    expect(network.heights).toEqual([2, 2, 2, 2, 2]);
  });

  it('succeeds where most do not hear that the leader hands over', () => {
    const network = led();
    network.transfer(4, 1);
    network.deliver((_from, to, { type }) => type === 'handOver' && to !== 1);
    network.tick(12);
    expect(network.leaders).toEqual([1]);
  });

  it('is given up when the other does not keep up, and the leader goes on', () => {
    const network = led();
    const cutOff: LostMessage<ZabMessage> = (from, to) => from === 1 || to === 1;
    network.at(4).work(Uint8Array.of(2));
    network.deliver(cutOff);
    network.transfer(4, 1);
    network.tick(6, cutOff);
    expect(network.at(4).results).toEqual([expect.objectContaining({ code: 'zab/transfer' })]);
    network.at(4).work(Uint8Array.of(3));
    network.deliver(cutOff);
    expect(network.leaders).toEqual([4]);
    expect(network.at(0).head).toBe(3);
  });

  it('to one that dies in that moment ends with another leader, and the operator is told', () => {
    const network = led();
    network.transfer(4, 1);
    const dead: LostMessage<ZabMessage> = (from, to) => from === 1 || to === 1;
    network.deliver(dead);
    network.tick(40, dead);
    const [leader] = network.leaders.filter((place) => place !== 1);
    expect(leader).toBeDefined();
    expect(network.at(4).results).toEqual([expect.objectContaining({ code: 'zab/transfer' })]);
  });

  it.each([
    ['by a follower', 0, 1, 'zab/not-leader'],
    ['to itself', 4, 4, 'zab/transfer-to'],
    ['to a stranger', 4, 9, 'zab/transfer-to'],
  ])('%s is refused', (_what, from, to, code) => {
    const network = led();
    network.transfer(from, to);
    expect(network.at(from).results).toEqual([expect.objectContaining({ code })]);
  });

  it('is refused while another is under way', () => {
    const network = led();
    network.at(4).work(Uint8Array.of(2));
    network.transfer(4, 1);
    network.transfer(4, 2);
    expect(network.at(4).results).toEqual([expect.objectContaining({ code: 'zab/transfer-busy' })]);
  });
});
