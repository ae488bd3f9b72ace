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

/* Writes files into a directory that the user picks; tells of each by `say`. Each file
   appears under its name when it is complete. */
async function saveToDirectory(files, say) {
    const directory = await window.showDirectoryPicker({ mode: 'readwrite' });
    for (const { path, blob } of pathsWithin(files)) {
        const steps = path.split('/');
        let at = directory;
        for (const step of steps.slice(0, -1))
            at = await at.getDirectoryHandle(step, { create: true });
        say(`writing ${path}`);
        const handle = await at.getFileHandle(steps[steps.length - 1], { create: true });
        const writable = await handle.createWritable();
        try {
            await writable.write(blob);
            await writable.close();
        } catch (error) {
            await writable.abort().catch(() => {});
            throw error;
        }
    }
    say(`${files.length} files written to ${directory.name}`);
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
        button.addEventListener('click', () => saveToDirectory(files, say)
            .catch((error) => say(error.name === 'AbortError' ? 'nothing was saved'
                                                              : error.message, true)));
        ways.append(button);
    }
    if (files.length > 1 && zipSize(files) <= ZIP_LIMIT) {
        const link = saveLink(zipOf(files), `${name}.zip`, `Save as ${name}.zip`);
        link.className = 'button';
        ways.append(link);
    } else if (files.length > 1) {
        say('Beyond 4 GiB there is no archive: save to a folder, or file by file.');
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
