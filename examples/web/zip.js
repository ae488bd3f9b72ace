/* zip - files as one archive, not compressed, put together of their Blobs without a copy. */

/* The format without its later extension ends at 4 GiB, and at so many files. */
const ZIP_LIMIT = 0xffffffff, ZIP_FILES = 0xfffe;

function zipHolds(files) {
    return files.length <= ZIP_FILES && zipSize(files) <= ZIP_LIMIT;
}

/* Bytes that an archive of these files has. */
function zipSize(files) {
    return files.reduce((sum, { path, size }) =>
        sum + 30 + 46 + 2 * new TextEncoder().encode(path).length + size, 22);
}

/* The files {path, size, sum, blob}, which it must hold, as a Blob. A backslash in a name becomes
   "_": Windows would take it for a step, which may lead out of the folder. */
function zipOf(files, date = new Date()) {
    const time = date.getHours() << 11 | date.getMinutes() << 5 | date.getSeconds() >> 1;
    const day = (date.getFullYear() - 1980) << 9 | (date.getMonth() + 1) << 5 | date.getDate();
    const parts = [], directory = [];
    let at = 0;
    for (const { path, size, sum, blob } of files) {
        const name = new TextEncoder().encode(path.replaceAll('\\', '_'));
        /* What both headers say: version 2.0, names in UTF-8, stored as it is. */
        const common = [[20, 2], [0x800, 2], [0, 2], [time, 2], [day, 2], [sum, 4], [size, 4],
                        [size, 4], [name.length, 2], [0, 2]];
        const local = littleEndian([[0x04034b50, 4], ...common]);
        directory.push(littleEndian([[0x02014b50, 4], [20, 2], ...common, [0, 2], [0, 2], [0, 2],
                                     [0, 4], [at, 4]]), name);
        parts.push(local, name, blob);
        at += local.length + name.length + size;
    }
    const size = directory.reduce((sum, piece) => sum + piece.length, 0);
    const end = littleEndian([[0x06054b50, 4], [0, 2], [0, 2], [files.length, 2],
                              [files.length, 2], [size, 4], [at, 4], [0, 2]]);
    return new Blob([...parts, ...directory, end], { type: 'application/zip' });
}

/* Numbers of 2 or 4 bytes: [[number, size], ...]. */
function littleEndian(fields) {
    const bytes = new Uint8Array(fields.reduce((sum, [, size]) => sum + size, 0));
    let at = 0;
    for (const [number, size] of fields)
        for (let i = 0; i < size; i++) bytes[at++] = number >>> (8 * i) & 255;
    return bytes;
}
