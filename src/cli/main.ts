/** The `synod` command. */
import { run } from './output.ts';
import { createProgram } from './program.ts';

await run(await createProgram(process.argv[2]));
