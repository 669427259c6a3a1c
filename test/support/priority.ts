/**
 * Before each test file: what only computes makes way for what runs in real time. Networks of real node processes have slots,
 * leases and time-outs, and ask for little; without this they would share two cores evenly with simulations that take all they get.
 * Programs that a file starts are as patient as the file itself.
 */
import { setPriority } from 'node:os';
import { expect } from 'vitest';
import { isRealTime } from './schedule.ts';

/** 0 is everybody's, 19 the most patient. */
const PATIENT = 10;

const { testPath } = expect.getState();
if (testPath !== undefined && !isRealTime(testPath)) setPriority(PATIENT);
