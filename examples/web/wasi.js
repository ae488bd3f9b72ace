/* wasi - the calls of wasi_snapshot_preview1 that the program makes, on the files of files.js.
   There is one root, which the program knows as ".". Runs in the worker. */

/* Numbers of errors that are answered. */
const E = { OK: 0, BADF: 8, EXIST: 20, INVAL: 28, IO: 29, ISDIR: 31, NOENT: 44, NOSPC: 51,
            NOTDIR: 54, NOTEMPTY: 55, NOTSUP: 58, NOTCAPABLE: 76 };
const TYPE_DIRECTORY = 3, TYPE_FILE = 4, TYPE_TERMINAL = 2;
const OPEN_CREATE = 1, OPEN_DIRECTORY = 2, OPEN_EXCLUSIVE = 4, OPEN_TRUNCATE = 8;

/* The program's end, thrown through it. */
class Exit {
    constructor(status) {
        this.status = status;
    }
}

/* The calls: makeSystem(ROOT, WORDS, MEMORY, LOST), where MEMORY() is the program's, which moves
   when it grows, and LOST() is told that a file could not be read. */
function makeSystem(root, words, memory, lost) {
    const open = new Map([[3, { node: root, at: 0 }]]);
    const utf8 = new TextEncoder(), text = new TextDecoder('utf-8', { ignoreBOM: true });
    const args = words.map((word) => utf8.encode(word + '\0'));
    const view = () => new DataView(memory().buffer);
    const bytes = (at, size) => new Uint8Array(memory().buffer, at >>> 0, size >>> 0);
    const string = (at, size) => text.decode(bytes(at, size));
    let next = 4;

    /* The directory that a path's last step is in, and the name of that step. */
    function place(path) {
        const names = steps(path);
        if (names === null) return { error: E.NOTCAPABLE };
        if (names.length === 0) return { error: E.INVAL };
        const directory = find(root, names.slice(0, -1).join('/'));
        if (directory === null) return { error: E.NOENT };
        if (!(directory instanceof Directory)) return { error: E.NOTDIR };
        const name = names[names.length - 1];
        return { error: E.OK, directory, name, node: directory.names.get(name) };
    }

    /* The path from the root of one that a call gives from an open directory. */
    function full(fd, at, size) {
        const path = string(at, size);
        return open.get(fd)?.node === root ? path : null;
    }

    function giveStatus(node, to) {
        const v = view(), time = BigInt(Math.round(node.modified)) * 1000000n;
        bytes(to, 64).fill(0);
        v.setBigUint64(to, 1n, true);
        v.setBigUint64(to + 8, BigInt(node.id), true);
        v.setUint8(to + 16, node instanceof Directory ? TYPE_DIRECTORY : TYPE_FILE);
        v.setBigUint64(to + 24, 1n, true);
        v.setBigUint64(to + 32, BigInt(node instanceof Directory ? 0 : node.size), true);
        for (const field of [40, 48, 56]) v.setBigUint64(to + field, time, true);
        return E.OK;
    }

    /* Calls `one` with each buffer of a list until it takes less than there is. */
    function eachBuffer(list, count, one) {
        let total = 0;
        for (let i = 0; i < count; i++) {
            const at = view().getUint32(list + 8 * i, true);
            const size = view().getUint32(list + 8 * i + 4, true);
            const done = one(bytes(at, size));
            total += done;
            if (done < size) break;
        }
        return total;
    }

    const calls = {
        args_sizes_get(count, size) {
            view().setUint32(count, args.length, true);
            view().setUint32(size, args.reduce((sum, word) => sum + word.length, 0), true);
            return E.OK;
        },
        args_get(list, at) {
            args.forEach((word, i) => {
                view().setUint32(list + 4 * i, at, true);
                bytes(at, word.length).set(word);
                at += word.length;
            });
            return E.OK;
        },
        clock_time_get(clock, precision, to) {
            const ms = clock === 0 ? Date.now() : performance.now();
            view().setBigUint64(to, BigInt(Math.round(ms * 1e6)), true);
            return E.OK;
        },
        random_get(at, size) {
            crypto.getRandomValues(bytes(at, size));
            return E.OK;
        },
        proc_exit(status) {
            throw new Exit(status);
        },
        fd_prestat_get(fd, to) {
            if (fd !== 3) return E.BADF;
            view().setUint32(to, 0, true);
            view().setUint32(to + 4, 1, true);
            return E.OK;
        },
        fd_prestat_dir_name(fd, at) {
            bytes(at, 1)[0] = 46; /* "." */
            return E.OK;
        },
        fd_fdstat_get(fd, to) {
            const file = open.get(fd), v = view();
            if (!file && fd > 2) return E.BADF;
            bytes(to, 24).fill(0);
            v.setUint8(to, !file ? TYPE_TERMINAL
                : file.node instanceof Directory ? TYPE_DIRECTORY : TYPE_FILE);
            v.setBigUint64(to + 8, 0xffffffffffffffffn, true); /* every right, */
            v.setBigUint64(to + 16, 0xffffffffffffffffn, true); /* and to pass it on */
            return E.OK;
        },
        fd_filestat_get(fd, to) {
            const file = open.get(fd);
            return file ? giveStatus(file.node, to) : E.BADF;
        },
        fd_close(fd) {
            const file = open.get(fd);
            if (!file) return E.BADF;
            open.delete(fd);
            file.node.close?.();
            return E.OK;
        },
        fd_sync: (fd) => open.has(fd) ? E.OK : E.BADF,
        fd_seek(fd, offset, whence, to) {
            const file = open.get(fd);
            if (!file) return E.BADF;
            const at = Number(offset) + [0, file.at, file.node.size][whence];
            if (!(at >= 0)) return E.INVAL;
            file.at = at;
            view().setBigUint64(to, BigInt(at), true);
            return E.OK;
        },
        fd_pread(fd, list, count, offset, to) {
            const node = open.get(fd)?.node;
            if (!node) return E.BADF;
            if (node instanceof Directory) return E.ISDIR;
            let at = Number(offset);
            try {
                view().setUint32(to, eachBuffer(list, count, (buffer) => {
                    const got = node.read(at, buffer.length);
                    buffer.set(got);
                    at += got.length;
                    return got.length;
                }), true);
            } catch (error) {
                lost();
                return E.IO;
            }
            return E.OK;
        },
        fd_read(fd, list, count, to) {
            const file = open.get(fd);
            if (!file) return E.BADF;
            const result = calls.fd_pread(fd, list, count, BigInt(file.at), to);
            if (result === E.OK) file.at += view().getUint32(to, true);
            return result;
        },
        fd_write(fd, list, count, to) {
            const file = open.get(fd), node = file?.node;
            if (fd <= 2 && !file) { /* nobody reads what it would print */
                view().setUint32(to, eachBuffer(list, count, (buffer) => buffer.length), true);
                return E.OK;
            }
            if (!(node instanceof Written)) return E.BADF;
            if (file.at !== node.size) return E.NOTSUP; /* files are written in order */
            try {
                view().setUint32(to, eachBuffer(list, count, (buffer) => {
                    node.append(buffer);
                    return buffer.length;
                }), true);
            } catch (error) {
                return E.NOSPC; /* the browser has no room for more */
            }
            file.at = node.size;
            return E.OK;
        },
        fd_readdir(fd, at, size, cookie, used) {
            const node = open.get(fd)?.node;
            if (!(node instanceof Directory)) return E.NOTDIR;
            const names = [...node.names];
            let done = 0;
            for (let i = Number(cookie); i < names.length && done < size; i++) {
                const name = utf8.encode(names[i][0]), entry = new Uint8Array(24 + name.length);
                const v = new DataView(entry.buffer);
                v.setBigUint64(0, BigInt(i + 1), true);
                v.setBigUint64(8, BigInt(names[i][1].id), true);
                v.setUint32(16, name.length, true);
                v.setUint8(20, names[i][1] instanceof Directory ? TYPE_DIRECTORY : TYPE_FILE);
                entry.set(name, 24);
                const some = entry.subarray(0, size - done);
                bytes(at + done, some.length).set(some);
                done += some.length;
            }
            view().setUint32(used, done, true);
            return E.OK;
        },
        path_filestat_get(fd, flags, at, size, to) {
            const path = full(fd, at, size);
            if (path === null || steps(path) === null) return E.NOTCAPABLE;
            const node = find(root, path);
            return node ? giveStatus(node, to) : E.NOENT;
        },
        path_open(fd, look, at, size, flags, rights, inheriting, mode, to) {
            const path = full(fd, at, size);
            if (path === null || steps(path) === null) return E.NOTCAPABLE;
            let node = find(root, path);
            if (node && flags & OPEN_EXCLUSIVE) return E.EXIST;
            if (node && flags & OPEN_DIRECTORY && !(node instanceof Directory)) return E.NOTDIR;
            if (node instanceof Directory && flags & OPEN_TRUNCATE) return E.ISDIR;
            if (!node || flags & OPEN_TRUNCATE) {
                const { error, directory, name } = place(path);
                if (error) return error;
                if (!(flags & OPEN_CREATE)) return E.NOENT;
                node = new Written();
                directory.names.set(name, node);
            }
            open.set(next, { node, at: 0 });
            view().setUint32(to, next++, true);
            return E.OK;
        },
        path_create_directory(fd, at, size) {
            const { error, directory, name, node } = place(full(fd, at, size) ?? '..');
            if (error) return error;
            if (node) return E.EXIST;
            directory.names.set(name, new Directory());
            return E.OK;
        },
        path_remove_directory(fd, at, size) {
            const { error, directory, name, node } = place(full(fd, at, size) ?? '..');
            if (error || !node) return error || E.NOENT;
            if (!(node instanceof Directory)) return E.NOTDIR;
            if (node.names.size > 0) return E.NOTEMPTY;
            directory.names.delete(name);
            return E.OK;
        },
        path_unlink_file(fd, at, size) {
            const { error, directory, name, node } = place(full(fd, at, size) ?? '..');
            if (error || !node) return error || E.NOENT;
            if (node instanceof Directory) return E.ISDIR;
            directory.names.delete(name);
            return E.OK;
        },
        path_rename(fd, at, size, toFd, toAt, toSize) {
            const from = place(full(fd, at, size) ?? '..');
            const to = place(full(toFd, toAt, toSize) ?? '..');
            if (from.error || to.error) return from.error || to.error;
            if (!from.node) return E.NOENT;
            if (to.node instanceof Directory && to.node.names.size > 0) return E.NOTEMPTY;
            from.directory.names.delete(from.name);
            to.directory.names.set(to.name, from.node);
            return E.OK;
        },
        path_readlink: () => E.INVAL, /* there are no links */
    };
    return calls;
}
