/** Who seems to be down, and how mistakes make a node more patient. */
import { describe, expect, it } from 'vitest';
import { Detector, PATIENCE_STEP_MS } from '../../../src/consensus/members/detector.ts';
import { placeId } from '../../../src/simulator/places.ts';

const [A, B, SELF] = [placeId(0), placeId(1), placeId(2)];
const SETTINGS = { suspicionMs: 500, maxSuspicionMs: 650 };

describe('the failure detector', () => {
  it('suspects who is silent for longer than it is patient, until it is heard', () => {
    const detector = new Detector([A, B], SETTINGS, 0);
    detector.heard(B, 400);
    expect([...detector.suspected(500)]).toEqual([]);
    expect([...detector.suspected(501)]).toEqual([A]);
    expect(detector.heard(A, 600)).toBe(true);
    expect([...detector.suspected(600)]).toEqual([]);
  });

  it('is more patient after each mistake, up to its cap, and with nobody else', () => {
    const detector = new Detector([A, B], SETTINGS, 0);
    detector.heard(A, 501);
    expect(detector.patienceMs(A)).toBe(SETTINGS.suspicionMs + PATIENCE_STEP_MS);
    expect(detector.suspects(A, 501 + 600)).toBe(false);
    detector.heard(A, 501 + 601);
    detector.heard(A, 9_999);
    expect(detector.patienceMs(A)).toBe(SETTINGS.maxSuspicionMs);
    expect(detector.patienceMs(B)).toBe(SETTINGS.suspicionMs);
  });

  it('has no opinion of who is not watched', () => {
    const detector = new Detector([A, B], SETTINGS, 0);
    expect(detector.heard(SELF, 9_999)).toBe(false);
    expect(detector.suspects(SELF, 99_999)).toBe(false);
    expect(detector.patienceMs(SELF)).toBeUndefined();
  });
});
