/* drop - what was dropped or chosen, as files with the paths that the program knows them by. */

/* Adds the files of a dropped directory to `found`: [[path within it, File], ...]. */
async function filesOfEntry(entry, path, found) {
    if (entry.isFile) {
        const file = new Promise((done, fail) => entry.file(done, fail));
        found.push([path, await named(path, file)]);
        return;
    }
    const reader = entry.createReader();
    for (;;) { /* it gives a hundred at a time */
        const list = new Promise((done, fail) => reader.readEntries(done, fail));
        const some = await named(path || entry.name, list);
        if (some.length === 0) return;
        for (const one of some)
            await filesOfEntry(one, path ? `${path}/${one.name}` : one.name, found);
    }
}

/* The same of a handle, where the browser gives such: Chromium's entries give no files to a
   page that was opened from a disk. */
async function filesOfHandle(handle, path, found) {
    if (handle.kind === 'file') {
        found.push([path, await named(path, handle.getFile())]);
        return;
    }
    for await (const [name, one] of handle.entries())
        await filesOfHandle(one, path ? `${path}/${name}` : name, found);
}

/* What a promise gives; if it fails, the browser's line, with the name that it leaves out. */
function named(path, promise) {
    return promise.catch((error) => { throw new Error(`${path}: ${error.message}`); });
}

/* What a drop holds: {name, files: [[path, File], ...], folder}. What lies in it must be asked
   for before the drop's event is over, so this waits for nothing before it has. */
async function dropped(transfer) {
    const roots = [...transfer.items].filter((item) => item.kind === 'file').map((item) => {
        const entry = item.webkitGetAsEntry(), file = item.getAsFile();
        const folder = entry?.isDirectory === true, name = (entry ?? file)?.name;
        /* A folder that the browser holds for the system's own has no handle. */
        const handle = folder ? item.getAsFileSystemHandle?.().catch(() => null) : null;
        return { name, folder, file, entry, handle };
    }).filter(({ folder, file }) => folder || file);
    const files = [];
    const add = async ({ folder, file, entry, handle }, path) => {
        const opened = await handle;
        if (!folder) files.push([path, file]);
        else if (opened) await filesOfHandle(opened, path, files);
        else await filesOfEntry(entry, path, files);
    };
    if (roots.length === 1 && roots[0].folder) {
        await add(roots[0], '');
        return { name: roots[0].name, folder: true, files };
    }
    for (const root of roots) await add(root, root.name);
    return { name: nameOf(files), folder: false, files };
}

/* The same of what was chosen in a dialog. On telephones one for folders gives files. */
function chosen(input) {
    const list = [...input.files];
    if (!list.every(({ webkitRelativePath: path }) => path?.includes('/'))) {
        const files = list.map((file) => [file.name, file]);
        return { name: nameOf(files), folder: false, files };
    }
    return {
        name: list[0].webkitRelativePath.split('/')[0], folder: true,
        files: list.map((file) => [file.webkitRelativePath.split('/').slice(1).join('/'), file]),
    };
}

function nameOf(files) {
    return files.length === 1 ? files[0][0] : `${files.length} files`;
}

/* Where the program finds a side: the directory `id`, or within it one file, which is then read
   for what it is under any name: a file that came alone, or the GGUF model of a directory that
   has no other weights. Of a model in parts the first stands for all. */
function pathOfSide(id, { files, folder }) {
    if (files.length === 1 && !folder) return `${id}/${files[0][0]}`;
    const top = files.map(([path]) => path).filter((path) => !path.includes('/'));
    if (top.some((name) => /\.safetensors(\.index\.json)?$/.test(name))) return id;
    const models = top.filter((name) => name.endsWith('.gguf') && !name.startsWith('mmproj'));
    const first = models.filter((name) => /-00001-of-\d{5}\.gguf$/.test(name) ||
                                          !/-\d{5}-of-\d{5}\.gguf$/.test(name));
    return first.length === 1 ? `${id}/${first[0]}` : id;
}

/* The files of a side by their paths in the program's root. */
function filesOfSide(id, { files }) {
    return files.map(([path, file]) => [`${id}/${path}`, file]);
}

/* Why files cannot be looked at; '' where they can. */
function whyUnfit({ name, folder, files }) {
    if (files.length === 0)
        return !folder ? 'There is no file in what was dropped'
            : `${name}: there is no file in it. In a folder a browser follows no links, as a ` +
              'download cache has them: choose the files themselves';
    const paths = new Set();
    for (const [path] of files) {
        if (!folder && paths.has(path)) return `${path}: two files have this name`;
        paths.add(path);
        /* Chromium's dialog makes steps of the backslashes in a name. */
        if (path.split('/').includes('..')) return `${path}: the name leads out of its folder`;
    }
    return '';
}

function sizeOfFiles(files) {
    return files.reduce((sum, [, file]) => sum + file.size, 0);
}

/* Calls `take` with what is dropped on `zone` or chosen by an input in it. */
function watchZone(zone, take) {
    let depth = 0; /* of elements in the zone that the pointer has come over */
    const over = (by) => {
        depth = by === 0 ? 0 : depth + by;
        zone.classList.toggle('over', depth > 0);
    };
    zone.addEventListener('dragenter', (event) => { event.preventDefault(); over(1); });
    zone.addEventListener('dragleave', () => over(-1));
    zone.addEventListener('dragover', (event) => {
        event.preventDefault();
        event.dataTransfer.dropEffect = 'copy';
    });
    zone.addEventListener('drop', (event) => {
        event.preventDefault();
        over(0);
        take(dropped(event.dataTransfer));
    });
    for (const input of zone.querySelectorAll('input[type=file]'))
        input.addEventListener('change', () => {
            if (input.files.length > 0) take(Promise.resolve(chosen(input)));
            input.value = ''; /* so that the same can be chosen again */
        });
}
