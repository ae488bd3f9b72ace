/* files - the file system that the program sees: what was dropped, read where it lies, and what
   the program writes, which goes to the browser's storage part by part. Neither is ever in
   memory whole. Runs in the worker. */

/* Bytes that are read at once, at least: a call costs more than they do. */
const WINDOW = 1 << 20;

/* Bytes of a written file that are kept before they become a Blob. */
const PART = 4 << 20;

let nodes = 0;

class Directory {
    constructor() {
        this.id = ++nodes;
        this.names = new Map();
        this.modified = 0;
    }
}

/* A file that was dropped. */
class Dropped {
    constructor(file) {
        this.id = ++nodes;
        this.file = file;
        this.size = file.size;
        this.modified = file.lastModified ?? 0;
        this.reader = new FileReaderSync();
        this.first = 0; /* of the window, the bytes that were read last */
        this.window = new Uint8Array(0);
    }

    /* Up to `size` bytes from `offset`. Throws where the file is gone or has changed. */
    read(offset, size) {
        const end = Math.min(offset + size, this.size);
        if (offset >= end) return new Uint8Array(0);
        const last = this.first + this.window.length;
        if (offset < this.first || end > last) {
            if (end - offset >= WINDOW) return this.slice(offset, end);
            this.window = this.slice(offset, Math.min(offset + WINDOW, this.size));
            this.first = offset;
        }
        return this.window.subarray(offset - this.first, end - this.first);
    }

    slice(offset, end) {
        return new Uint8Array(this.reader.readAsArrayBuffer(this.file.slice(offset, end)));
    }

    /* Keeps nothing in memory until it is read again. */
    close() {
        this.window = new Uint8Array(0);
    }
}

/* A file that is being written, from its first byte to its last. */
class Written {
    constructor() {
        this.id = ++nodes;
        this.parts = [];
        this.tail = new Uint8Array(0); /* as large as was needed, PART at most */
        this.used = 0;
        this.size = 0;
        this.sum = new Checksum();
        this.modified = Date.now();
    }

    append(bytes) {
        this.sum.add(bytes);
        this.size += bytes.length;
        while (bytes.length > 0) {
            const some = bytes.subarray(0, PART - this.used);
            this.makeRoom(this.used + some.length);
            this.tail.set(some, this.used);
            this.used += some.length;
            bytes = bytes.subarray(some.length);
            if (this.used === PART) this.flush();
        }
    }

    makeRoom(size) {
        if (size <= this.tail.length) return;
        const larger = new Uint8Array(Math.min(Math.max(size, 2 * this.tail.length), PART));
        larger.set(this.tail.subarray(0, this.used));
        this.tail = larger;
    }

    flush() {
        if (this.used > 0) this.parts.push(new Blob([this.tail.subarray(0, this.used)]));
        this.used = 0;
    }

    /* Keeps nothing in memory until more is written. */
    close() {
        this.flush();
        this.tail = new Uint8Array(0);
    }

    /* All of it; more may be written after. */
    blob() {
        this.flush();
        return new Blob(this.parts);
    }

    read(offset, size) {
        const end = Math.min(offset + size, this.size);
        if (offset >= end) return new Uint8Array(0);
        const some = this.blob().slice(offset, end);
        return new Uint8Array(new FileReaderSync().readAsArrayBuffer(some));
    }
}

/* CRC-32, which zip files want of every file. */
class Checksum {
    constructor() {
        this.state = 0xffffffff;
    }

    add(bytes) {
        let state = this.state;
        const table = Checksum.table;
        for (let i = 0; i < bytes.length; i++)
            state = (state >>> 8) ^ table[(state ^ bytes[i]) & 255];
        this.state = state;
    }

    get value() {
        return ~this.state >>> 0;
    }
}

Checksum.table = Int32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
    return byte;
});

/* The names of a path's steps, without "." and with ".." taken back; null if it leads out. */
function steps(path) {
    const to = [];
    for (const name of path.split('/')) {
        if (name === '..') {
            if (to.pop() === undefined) return null;
        } else if (name !== '' && name !== '.') to.push(name);
    }
    return to;
}

/* The node at a path from the root; null if there is none. */
function find(root, path) {
    let node = root;
    const names = steps(path);
    if (names === null) return null;
    for (const name of names) {
        node = node instanceof Directory ? node.names.get(name) : undefined;
        if (node === undefined) return null;
    }
    return node;
}

/* Puts a file where its path says, with the directories that lead there. */
function put(root, path, node) {
    const names = steps(path);
    let at = root;
    for (const name of names.slice(0, -1)) {
        if (!(at.names.get(name) instanceof Directory)) at.names.set(name, new Directory());
        at = at.names.get(name);
    }
    at.names.set(names[names.length - 1], node);
}

/* All files that were written below a node, as {path, size, sum, blob}, by name. */
function writtenBelow(node, path) {
    if (node instanceof Written)
        return [{ path, size: node.size, sum: node.sum.value, blob: node.blob() }];
    if (!(node instanceof Directory)) return [];
    return [...node.names.keys()].sort()
        .flatMap((name) => writtenBelow(node.names.get(name), path ? `${path}/${name}` : name));
}
