/* save - gives what was made to the user: a directory that they name where the browser has
   that, one archive, or the files one by one. */

/* A link that saves a Blob under a name. */
function saveLink(blob, name, text) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.textContent = text ?? name;
    return link;
}

/* Frees what links within an element hold. */
function forgetLinks(element) {
    for (const link of element.querySelectorAll('a[href^="blob:"]'))
        URL.revokeObjectURL(link.href);
}

/* The files' paths without the directory that all of them are in, if they are. */
function pathsWithin(files) {
    const top = files[0].path.split('/')[0];
    const within = files.every(({ path }) => path.startsWith(`${top}/`));
    return files.map((file) => ({ ...file, path: within ? file.path.slice(top.length + 1)
                                                        : file.path }));
}

/* Directories that are being written to. */
let saving = 0;

/* What in a directory stands in the way of files: of one its own name, of several any other, as
   a model's shards would stand beside those of an older one. Of the system's own, which are
   hidden, none does. Null if there is nothing. */
async function inTheWay(directory, files) {
    const names = new Set(files.map(({ path }) => path.split('/')[0]));
    for await (const name of directory.keys())
        if (names.has(name) || (files.length > 1 && !name.startsWith('.'))) return name;
    return null;
}

/* Writes a file below a directory; it appears under its name when it is complete. */
async function saveFile(directory, { path, blob }) {
    const steps = path.split('/'), name = steps.pop();
    let at = directory;
    for (const step of steps) at = await at.getDirectoryHandle(step, { create: true });
    const writable = await (await at.getFileHandle(name, { create: true })).createWritable();
    try {
        await writable.write(blob);
        await writable.close();
    } catch (error) {
        await writable.abort().catch(() => {});
        throw error;
    }
}

/* Writes files into a directory, in which nothing may stand in their way; tells of each by
   `say`. */
async function saveToDirectory(directory, files, say) {
    const within = pathsWithin(files), name = await inTheWay(directory, within);
    if (name !== null)
        throw new Error(`${directory.name} has "${name}" already, and nothing was saved: ` +
                        (files.length > 1 ? 'make a new folder' : 'choose another folder'));
    for (const [done, file] of within.entries()) {
        say(`writing ${file.path}`);
        await saveFile(directory, file).catch((error) => {
            throw new Error(`${file.path}: ${error.message} (${done} of ${files.length} files ` +
                            `are in ${directory.name})`);
        });
    }
    say(`${files.length} files written to ${directory.name}`);
}

/* Asks for a directory and writes files into it. */
async function askAndSave(files, say) {
    let directory;
    try {
        directory = await window.showDirectoryPicker({ mode: 'readwrite' });
    } catch (error) {
        say(error.name === 'AbortError' ? 'nothing was saved' : error.message,
            error.name !== 'AbortError');
        return;
    }
    saving++;
    try {
        await saveToDirectory(directory, files, say);
    } catch (error) {
        say(error.message, true);
    }
    saving--;
}

/* A paragraph with the ways to save what was made as `name`; one file is saved as it is. */
function waysToSave(files, name) {
    const ways = document.createElement('div'), said = document.createElement('p');
    ways.className = 'ways';
    said.setAttribute('role', 'status');
    const say = (text, failed) => {
        said.textContent = text;
        said.classList.toggle('error', failed === true);
    };
    if (window.showDirectoryPicker !== undefined) {
        const button = document.createElement('button');
        button.type = 'button';
        button.textContent = 'Save to a folder';
        let busy = false;
        button.addEventListener('click', async () => {
            if (busy) return;
            busy = true;
            await askAndSave(files, say);
            busy = false;
        });
        ways.append(button);
    }
    if (files.length > 1 && zipHolds(files)) {
        const link = saveLink(zipOf(files), `${name}.zip`, `Save as ${name}.zip`);
        link.className = 'button';
        ways.append(link);
    } else if (files.length > 1) {
        say(`Beyond 4 GiB or ${numberText(ZIP_FILES)} files there is no archive: save ` +
            (window.showDirectoryPicker ? 'to a folder, or file by file.' : 'file by file.'));
    }
    const list = document.createElement('ul');
    list.className = 'files';
    for (const { path, size, blob } of pathsWithin(files)) {
        const item = document.createElement('li');
        item.append(saveLink(blob, path.split('/').pop(), path), ` ${sizeText(size)}`);
        list.append(item);
    }
    const all = document.createElement('div');
    all.append(ways, said, list);
    return all;
}
