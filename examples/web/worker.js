/* worker - runs the program on what it is asked, and tells the page how far it is and what came
   of it. One worker answers one question; to cancel, the page ends it, and with it goes all that
   it had written. After files.js, wasi.js and details.js. */

const STAGES = ['opening', 'reading', 'correlating', 'solving', 'writing'];

/* Most of an answer that is gathered in memory: all but the token report, which is a file. */
class Answer {
    constructor() {
        this.bytes = new Uint8Array(1 << 16);
        this.size = 0;
    }

    add(bytes) {
        if (this.size + bytes.length > this.bytes.length) {
            const larger = new Uint8Array(2 * (this.size + bytes.length));
            larger.set(this.bytes.subarray(0, this.size));
            this.bytes = larger;
        }
        this.bytes.set(bytes, this.size);
        this.size += bytes.length;
    }

    all() {
        return this.bytes.slice(0, this.size);
    }
}

/* What the program says: {page: the functions that it is lent, answers, tokens, details}. */
function listen(memory) {
    const text = new TextDecoder();
    const bytes = (at, size) => new Uint8Array(memory().buffer, at >>> 0, size >>> 0);
    const heard = { answers: new Map(), tokens: new Written(), details: null };
    let shown = 0, stage = -1;
    heard.page = {
        give(nameAt, length, at, size) {
            const name = text.decode(bytes(nameAt, length));
            if (name === 'tokens') {
                heard.details ??= new Details();
                heard.details.add(bytes(at, size));
                heard.tokens.append(bytes(at, size));
                return;
            }
            if (!heard.answers.has(name)) heard.answers.set(name, new Answer());
            heard.answers.get(name).add(bytes(at, size));
        },
        progress(number, at, length, done, total) {
            const now = performance.now();
            if (number === stage && now - shown < 100) return;
            shown = now;
            stage = number;
            postMessage({
                kind: 'progress', stage: STAGES[number], subject: text.decode(bytes(at, length)),
                done, total, memory: memory().buffer.byteLength,
            });
        },
        log(severity, at, length) {
            postMessage({ kind: 'log', severity, message: text.decode(bytes(at, length)) });
        },
    };
    return heard;
}

/* The root with what was dropped on both sides: [[path, File], ...]. */
function rootOf(files) {
    const root = new Directory();
    for (const [path, file] of files) put(root, path, new Dropped(file));
    return root;
}

/* Runs the program to its end; the status of it. */
function runToEnd(instance) {
    try {
        instance.exports._start();
        return 0;
    } catch (end) {
        if (end instanceof Exit) return end.status;
        throw end;
    }
}

/* {module, words, files}: the program, what it is asked, and what was dropped. */
onmessage = async ({ data: { module, words, files } }) => {
    let instance, lost = false;
    const memory = () => instance.exports.memory;
    try {
        const root = rootOf(files), heard = listen(memory);
        instance = await WebAssembly.instantiate(module, {
            wasi_snapshot_preview1: makeSystem(root, ['web', ...words], memory,
                                               () => { lost = true; }),
            page: heard.page,
        });
        const status = runToEnd(instance);
        const answers = Object.fromEntries([...heard.answers].map(([name, a]) => [name, a.all()]));
        const written = status === 0 ? writtenBelow(root, '') : [];
        postMessage({
            kind: 'done', status, lost, answers, written, details: heard.details?.all() ?? null,
            tokens: heard.details ? heard.tokens.blob() : null,
            memory: memory().buffer.byteLength,
        });
    } catch (error) {
        const message = `the program ended before its end: ${error.message ?? error}`;
        postMessage({ kind: 'failed', message });
    }
};
