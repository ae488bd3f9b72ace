// Runs a WebAssembly program with the current directory's files:
//   node --no-warnings tests/wasi.mjs PROGRAM.wasm [ARGUMENTS]
import { readFile } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { WASI } from 'node:wasi';

// Node 20 ends with a segmentation fault after many fast calls of the sandbox's functions.
setFlagsFromString('--no-turbo-fast-api-calls');
const wasi = new WASI({
    version: 'preview1',
    args: process.argv.slice(2),
    env: process.env,
    preopens: { '.': '.', '/tmp': process.env.TMPDIR || '/tmp' },
    returnOnExit: true,
});
const module = await WebAssembly.compile(await readFile(process.argv[2]));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exit(wasi.start(instance));
