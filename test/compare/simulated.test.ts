/** The simulator's part of a comparison: the same for the same seed, and what is known of each kind of engine is seen in it. */
import { describe, expect, it } from 'vitest';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import type { Figures } from '../../src/compare/figures.ts';
import { type CaseName, networkSize } from '../../src/compare/plan.ts';
import { simulateCase } from '../../src/compare/simulated.ts';
import type { EngineJson } from '../../src/simulator/subject.ts';

const SECONDS = 5;
const CLIENTS = 2;

function simulate(engine: string, name: CaseName, seed = '1'): Figures {
  const { config } = builtInGenesis(engine) as { readonly config: { readonly engine: EngineJson } };
  return simulateCase({
    engine,
    name,
    nodes: networkSize(engine, null),
    seconds: SECONDS,
    clients: CLIENTS,
    seed,
    template: config.engine,
  });
}

describe('a case in the simulator', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(simulate('pow', 'calm')).toEqual(simulate('pow', 'calm'));
    expect(simulate('pow', 'calm', '2')).not.toEqual(simulate('pow', 'calm'));
  });

  it.each(['raft', 'pbft'])('shows the leader of %s missed, and everything final in the end', (engine) => {
    const calm = simulate(engine, 'calm');
    const crash = simulate(engine, 'leader');
    expect(calm).toMatchObject({ unfinished: 0, broken: [], hit: [] });
    expect(calm.traffic?.messagesPerBlock).toBeGreaterThan(1);
    expect(crash).toMatchObject({ unfinished: 0, broken: [] });
    expect(crash.hit).toHaveLength(1);
    expect(crash.pauseMs).toBeGreaterThan(10 * calm.p50Ms);
    expect(crash.perSecond).toBeLessThan(calm.perSecond);
  });

  it('shows that the side without a quorum takes nothing, while the other goes on', () => {
    const { perSecondInFault, perSecondCutOff, unfinished, broken } = simulate('raft', 'partition');
    expect(perSecondInFault).toBeGreaterThan(0);
    expect({ perSecondCutOff, unfinished, broken }).toEqual({ perSecondCutOff: 0, unfinished: 0, broken: [] });
  });

  it('has finality by votes later than inclusion, and finality by depth later still than a block', () => {
    for (const engine of ['pos', 'pow']) {
      const { p50Ms, perSecond, unfinished } = simulate(engine, 'calm');
      expect(p50Ms).toBeGreaterThan(2_000);
      expect(perSecond).toBeGreaterThan(0);
      expect(unfinished).toBe(0);
    }
  });

  it('lets as many lie as the engine bears', () => {
    expect(simulate('pbft', 'byzantine')).toMatchObject({ hit: [0], broken: [], unfinished: 0 });
    // A twin of the first member, where none may lie: it is beyond the members.
    expect(simulate('raft', 'byzantine')).toMatchObject({ hit: [3] });
  });
});
