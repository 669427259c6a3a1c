/** The `synod` command. */
import { run } from './output.ts';
import { createProgram } from './program.ts';

await run(createProgram());
