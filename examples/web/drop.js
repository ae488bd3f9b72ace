/* drop - what was dropped or chosen, as files with the paths that the program knows them by. */

/* All files of a dropped directory: [[path within it, File], ...]. */
async function filesOfEntry(entry, path) {
    if (entry.isFile)
        return [[path, await new Promise((done, fail) => entry.file(done, fail))]];
    const reader = entry.createReader(), found = [];
    for (;;) { /* it gives a hundred at a time */
        const some = await new Promise((done, fail) => reader.readEntries(done, fail));
        if (some.length === 0) return found;
        for (const one of some)
            found.push(...await filesOfEntry(one, path ? `${path}/${one.name}` : one.name));
    }
}

/* The same of a handle, where the browser gives such: Chromium's entries give no files to a
   page that was opened from a disk. */
async function filesOfHandle(handle, path) {
    if (handle.kind === 'file') return [[path, await handle.getFile()]];
    const found = [];
    for await (const [name, one] of handle.entries())
        found.push(...await filesOfHandle(one, path ? `${path}/${name}` : name));
    return found;
}

/* What a drop holds: {name, files: [[path, File], ...], folder}. What lies in it must be asked
   for before the drop's event is over, so this waits for nothing before it has. */
async function dropped(transfer) {
    const items = [...transfer.items].filter((item) => item.kind === 'file');
    const roots = items.map((item) => {
        const entry = item.webkitGetAsEntry(), handle = item.getAsFileSystemHandle?.();
        const { name, isDirectory } = entry, file = item.getAsFile();
        return { name, folder: isDirectory, file, entry, handle };
    });
    const filesOf = async ({ folder, file, entry, handle }, path) => !folder ? [[path, file]]
        : handle ? filesOfHandle(await handle, path) : filesOfEntry(entry, path);
    if (roots.length === 1 && roots[0].folder)
        return { name: roots[0].name, folder: true, files: await filesOf(roots[0], '') };
    const files = [];
    for (const root of roots) files.push(...await filesOf(root, root.name));
    return { name: nameOf(files), folder: false, files };
}

/* The same of what was chosen in a dialog. */
function chosen(input) {
    const list = [...input.files];
    if (!input.webkitdirectory) {
        const files = list.map((file) => [file.name, file]);
        return { name: nameOf(files), folder: false, files };
    }
    return {
        name: list[0]?.webkitRelativePath.split('/')[0] ?? '', folder: true,
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
