/** The order in which nodes are started again, and what keeps the next from being, over nodes that only answer. */
import { expect, it } from 'vitest';
import type { ActiveFault } from '../../src/testnet/faults.ts';
import { type RollingNodes, rollingRestart } from '../../src/testnet/rolling-restart.ts';
import type { NodeReport } from '../../src/testnet/supervisor.ts';

interface World {
  readonly nodes: RollingNodes;
  readonly restarted: number[];
  /** Changed by the test. */
  leader: number | null;
  down: number | null;
  faults: readonly ActiveFault[];
}

const peer = (index: number) => `peer-${index}`;

/** Three nodes; each question finds the chain one block further. */
function world(voted: () => number = () => 1): World {
  const restarted: number[] = [];
  let head = 10;
  const about: World = {
    restarted,
    leader: null,
    down: null,
    faults: [],
    nodes: {
      get faults() {
        return about.faults;
      },
      endpoints: () => null,
      restart: async (index) => {
        restarted.push(index);
        return { rpcUrl: '', operatorToken: '', peerId: peer(index), addresses: [], metricsUrl: null };
      },
      report: async () => {
        head += 1;
        return [0, 1, 2].map((index) => {
          const consensus = { leader: about.leader === null ? null : peer(about.leader), keys: 2, counts: { voted: voted() } };
          const status = index === about.down ? null : { head: { number: head }, peers: 2, consensus };
          return { index, state: 'up', peerId: peer(index), status } as unknown as NodeReport;
        });
      },
    },
  };
  return about;
}

it('takes one after the other, and the leader last', async () => {
  const { nodes, restarted } = world();
  await rollingRestart(nodes);
  expect(restarted).toEqual([0, 1, 2]);
  const led = world();
  led.leader = 0;
  const done = await rollingRestart(led.nodes);
  expect(led.restarted).toEqual([1, 2, 0]);
  expect(done.map(({ node, handedTo }) => [node, handedTo])).toEqual([
    [1, null],
    [2, null],
    [0, null],
  ]);
});

it('goes to the next only when validators vote again', async () => {
  let asked = 0;
  const about = world(() => {
    // Of the node that was just started: the others are not asked whether they have voted.
    asked += 1;
    return asked > 12 ? 1 : 0;
  });
  const steps: number[] = [];
  await rollingRestart(about.nodes, () => steps.push(asked));
  expect(about.restarted).toEqual([0, 1, 2]);
  expect(steps[0]).toBeGreaterThan(12);
});

it('is refused where a node is missing or a fault is in force, before anything is done', async () => {
  const about = world();
  about.down = 1;
  await expect(rollingRestart(about.nodes)).rejects.toMatchObject({
    code: 'testnet/not-whole',
    message: expect.stringContaining('node 1'),
  });
  about.down = null;
  about.faults = [{ id: 1, fault: { kind: 'partition', sides: [[0], [1, 2]] }, untilMs: null }] as unknown as readonly ActiveFault[];
  await expect(rollingRestart(about.nodes)).rejects.toMatchObject({
    code: 'testnet/not-whole',
    message: expect.stringContaining('partition'),
  });
  expect(about.restarted).toEqual([]);
});
