/* ask - puts questions to the program, one worker a question. */

/* The program, compiled once: packed, in base 64, it stands in the page. */
let compiled = null;

async function program() {
    const packed = document.getElementById('program').textContent.trim();
    const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return WebAssembly.compile(await new Response(unpacked).arrayBuffer());
}

const workerSource = URL.createObjectURL(new Blob(
    [document.getElementById('worker-source').textContent], { type: 'text/javascript' }));

/* Memory of the programs that run, by worker, and the most that there was, for the page's
   foot. */
const memories = new Map();
let mostMemory = 0;

function showMemory() {
    const sum = [...memories.values()].reduce((a, b) => a + b, 0);
    mostMemory = Math.max(mostMemory, sum);
    document.getElementById('memory').textContent =
        `${sum > 0 ? sizeText(sum) : 'none'} now, ${sizeText(mostMemory)} at most`;
}

/* An answer that did not come because nobody wants it any more. */
class Cancelled extends Error {}

/* The library's line; `lost` where the browser could not read a file that it had. */
class Failed extends Error {
    constructor({ answers, lost }) {
        super(textOf(answers.error) || 'the program gave no reason');
        this.lost = lost;
    }
}

/* Asks the program `words` about files, [[path, File], ...]: {answer, cancel}. The answer is what
   worker.js posts at the end; it fails with the library's line, or with Cancelled. `tell` gets
   what it posts until then. */
function ask(words, files, tell = () => {}) {
    const worker = new Worker(workerSource);
    let stop;
    const answer = new Promise((done, fail) => {
        stop = fail;
        worker.onmessage = ({ data }) => {
            if (data.memory !== undefined) memories.set(worker, data.memory);
            showMemory();
            if (data.kind === 'done' && data.status === 0) done(data);
            else if (data.kind === 'done') fail(new Failed(data));
            else if (data.kind === 'failed') fail(new Error(data.message));
            else tell(data);
        };
        worker.onerror = (event) =>
            fail(new Error(event.message || 'the browser started no worker for the program'));
        compiled ??= program();
        compiled.then((module) => worker.postMessage({ module, words, files })).catch(fail);
    });
    const end = () => {
        worker.terminate();
        memories.delete(worker);
        showMemory();
    };
    answer.then(end, end);
    return { answer, cancel: () => stop(new Cancelled('cancelled: nothing was written')) };
}

function textOf(bytes) {
    return bytes === undefined ? '' : new TextDecoder().decode(bytes);
}

/* An answer in JSON, or null if there is none. */
function jsonOf(bytes) {
    return bytes === undefined ? null : JSON.parse(textOf(bytes));
}
