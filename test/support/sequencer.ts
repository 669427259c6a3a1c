/** Gives vitest the order of `schedule.ts`, instead of one by file size. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { scheduled } from './schedule.ts';

export class Sequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return scheduled(files, ({ moduleId }) => moduleId);
  }
}
