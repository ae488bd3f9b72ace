#!/usr/bin/env python3
"""The page of examples/web in a headless Chromium: files are dropped on it and what it makes is
compared, byte for byte, with what the tool makes of the same files.

    python3 tests/web_page.py ./transplant build/web/transplant.html [CASE...]

Pictures of the page are written beside it, to be looked at. OTX_REAL_TOKENIZERS may name a
folder of real tokenizers. Ends with 77 where there is no Chromium. The last line is `N passed,
N failed, N skipped`.
"""

import contextlib
import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import browser
import gguf_models as gguf
import tool
from tool import Skip, base_model, call, donor_model, pair, snapshot

CASES, case = tool.cases()
MODELS = Path(__file__).resolve().parent.parent / "examples" / "models"
PARTS = MODELS.parent / "web"
PAGE = Path()
DOWNLOADS = Path()
CHROMIUM = None

# The words of the page's chart for the actions of the library, and those of `align`.
WORDS = {"copied": "copied", "by role": "by role", "made": "approximated", "unused": "unused",
         "padding": "padding rows"}


class Page:
    """The page, opened anew."""

    def __init__(self, address=None, width=1100, height=900, dark=False):
        self.at = CHROMIUM
        self.at.said, self.at.fetched = [], []
        self.address = address or PAGE.as_uri()
        self.at.screen(width, height, dark)
        self.at.open(self.address)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.at.listen(0.1)
            assert not self.at.said, self.at.said
            others = [url for url in self.at.fetched if url != self.address and
                      not url.startswith(("blob:", "data:"))]
            assert not others, f"the page asked for {others}"

    def text(self, selector):
        return self.at.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def shown(self, selector):
        return f"!!document.querySelector({json.dumps(selector)})?.checkVisibility()"

    def wait(self, *selectors, seconds=120):
        self.at.wait(" || ".join(map(self.shown, selectors)), seconds)

    def click(self, selector):
        self.wait(selector)
        self.at.run(f"document.querySelector({json.dumps(selector)}).click()")

    def set(self, selector, value):
        self.at.run(f"""(() => {{
            const e = document.querySelector({json.dumps(selector)});
            e.value = {json.dumps(value)};
            e.dispatchEvent(new Event(e.tagName === 'SELECT' ? 'change' : 'input'));
        }})()""")

    def drop(self, side, *paths):
        """Drops files on a side; what is then said of them, or the error."""
        self.at.drop(f"#{side} .zone", *paths)
        return self.looked_at(side)

    def looked_at(self, side):
        self.wait(f"#{side} .clear", f"#{side} .error")
        return self.text(f"#{side}")

    def pair(self, base, donor):
        self.drop("base", base)
        self.drop("donor", donor)
        return self.aligned()

    def aligned(self):
        """What the chart says: ids by what becomes of them."""
        self.wait("#breakdown", "#alignment .error")
        assert self.at.run(self.shown("#breakdown")), self.text("main")
        label = self.at.run("document.querySelector('.chart').ariaLabel")
        return {name: int(count.replace(",", ""))
                for name, count in re.findall(r"([a-z ]+) ([\d,]+)(?:, |$)", label.split(": ")[1])}

    def begin(self, method="mean", k=""):
        self.set("#method", method)
        self.set("#k", k)
        self.click("#transplant button[type=submit]")

    def transplant(self, method="mean", k=""):
        """Runs it to its end."""
        self.begin(method, k)
        self.wait("#transplant .files", ".error")
        assert self.at.run(self.shown("#transplant .files")), self.text("main")
        self.at.wait("document.querySelector('#transplant .result').innerText"
                     ".includes('agrees with itself')")

    def save(self, selector):
        """The path of what a link saves."""
        for old in DOWNLOADS.iterdir():
            old.unlink()
        self.at.finished = {}
        self.click(selector)
        self.at.downloads_end(1)
        return next(DOWNLOADS.iterdir())

    def saved_files(self):
        """All files of what was made, by the archive."""
        with zipfile.ZipFile(self.save("#transplant a[download$='.zip']")) as archive:
            assert archive.testzip() is None
            files = {name: archive.read(name) for name in archive.namelist()}
        tops = {name.split("/")[0] for name in files}
        assert len(tops) == 1, "all lies in one directory"
        return {name.split("/", 1)[1]: data for name, data in files.items()}

    def run_parts(self, names, script):
        """The value of a function's body among the page's parts, which are a module's own."""
        parts = "".join((PARTS / name).read_text() for name in names)
        return self.at.run(f"(() => {{ {parts} {script} }})()")

    def fits(self):
        """Nothing is wider than the screen."""
        wide, screen = self.at.run("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= screen, f"{wide} pixels on {screen}"


def counted(base, donor):
    """What the tool's `align` counts."""
    out = call("align", base, donor).out
    return {name: int(re.search(rf"^  {word} +([\d,]+)", out, re.M).group(1).replace(",", ""))
            for name, word in WORDS.items()}


def same_counts(page, tools):
    assert page == {name: count for name, count in tools.items() if count}, (page, tools)


def picture(page, name, width=1100, height=900, dark=False):
    page.at.look(PAGE.parent / f"{name}.png", width, height, dark)


# ---- what comes out ---------------------------------------------------------------------------


@case
def directories_give_the_tools_bytes(here):
    base, donor = MODELS / "base", MODELS / "donor"
    call(base, donor, here / "out", "-q", "--token-report", here / "tokens.tsv")
    with Page() as page:
        picture(page, "empty")
        same_counts(page.pair(base, donor), counted(base, donor))
        picture(page, "aligned")
        page.transplant("omp-affine")
        picture(page, "made")
        picture(page, "made-dark", dark=True)
        page.at.screen(1100, 900)
        assert page.saved_files() == snapshot(here / "out")
        report = page.save("#transplant a[download='tokens.tsv']")
        assert report.read_bytes() == (here / "tokens.tsv").read_bytes()
        assert "omp-affine" in page.text("#transplant .wide")
        # The table tells now what rows are made of.
        page.set("#shown", "4")
        assert re.search(r"\d\.\d+ “.+”.*left over \d\.\d\d; most like the base's",
                         page.text(".space .row:first-child")), page.text(".space .row:first-child")
        for width in (360, 320):
            page.at.screen(width, 740)
            page.fits()
        picture(page, "made-narrow", 360, 740)
        # A file alone, and all is forgotten with a side.
        page.at.screen(1100, 900)
        config = page.save("#transplant .files a[download='config.json']")
        assert config.read_bytes() == (here / "out" / "config.json").read_bytes()
        page.click("#donor .clear")
        assert not page.at.run(page.shown("#alignment"))
        assert not page.at.run(page.shown("#transplant"))


@case
def shards_and_directories_within_give_the_tools_bytes(here):
    model = base_model("BF16")
    names = list(model.tensors)
    model.shards = [names[:2], names[2:]]
    model.files["original/notes/read.txt"] = "the base's\n"
    base, donor = pair(here, model)
    call(base, donor, here / "out", "-q", "-a", "omp", "-k", "7")
    with Page() as page:
        page.pair(base, donor)
        page.transplant("omp", "70e-1")
        assert page.saved_files() == snapshot(here / "out")


@case
def gguf_files_give_the_tools_bytes(here):
    base = gguf.write(here / "base.gguf", gguf.base_keys(), gguf.base_tensors("Q8_0", "F16", 256))
    donor = gguf.write(here / "donor.gguf", gguf.donor_keys(), gguf.donor_tensors("F32"))
    call(base, donor, here / "out.gguf", "-q", "-a", "omp")
    # A directory from a file that stands beside its tokenizer.
    mixed = donor_model(hidden=64).write(here / "mixed")
    (mixed / "model.safetensors").unlink()
    shutil.copy(donor, mixed / "donor.gguf")
    directory = base_model().write(here / "directory")
    call(directory, mixed / "donor.gguf", here / "out", "-q", "-a", "mean")
    with Page() as page:
        same_counts(page.pair(base, donor), counted(base, donor))
        page.begin("omp")
        page.wait("#transplant .files", ".error")
        assert not page.at.run(page.shown("#transplant a[download$='.zip']")), "one file is one"
        out = page.save("#transplant .files a")
        assert out.name == "base-transplanted.gguf"
        assert out.read_bytes() == (here / "out.gguf").read_bytes()
        page.drop("donor", mixed)
        page.drop("base", directory)
        page.aligned()
        page.transplant()
        assert page.saved_files() == snapshot(here / "out")
        # By what they are, under any name.
        page.pair(base.rename(here / "base"), donor.rename(here / "donor"))
        page.begin("omp")
        page.wait("#transplant .files", ".error")
        assert page.save("#transplant .files a").read_bytes() == (here / "out.gguf").read_bytes()


@case
def a_folder_that_is_picked_gets_the_files(here):
    """Over a server, where the browser's own file system can stand for the folder."""
    base, donor = pair(here)
    call(base, donor, here / "out", "-q", "-a", "mean")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=PAGE.parent))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with Page(f"http://127.0.0.1:{server.server_port}/{PAGE.name}") as page:
            page.at.run("window.showDirectoryPicker = () => navigator.storage.getDirectory()")
            page.pair(base, donor)
            page.transplant()
            page.click("#transplant .ways button")
            page.at.wait("document.querySelector('#transplant .result').innerText"
                         ".includes('files written')")
            # Once more, and what lies there stays as it is.
            page.at.run("""(async () => {
                const to = await navigator.storage.getDirectory();
                const file = await to.getFileHandle('config.json');
                const writable = await file.createWritable();
                await writable.write('mine');
                await writable.close();
            })()""")
            page.click("#transplant .ways button")
            page.at.wait("document.querySelector('#transplant .result').innerText"
                         ".includes('nothing was saved: make a new folder')")
            sums = page.at.run("""(async () => {
                const sums = {};
                for await (const [name, handle] of await navigator.storage.getDirectory()) {
                    const bytes = await (await handle.getFile()).arrayBuffer();
                    const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
                    sums[name] = [...sum].map((b) => b.toString(16).padStart(2, '0')).join('');
                }
                return sums;
            })()""")
    finally:
        server.shutdown()
    made = snapshot(here / "out")
    made["config.json"] = b"mine"
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}


@case
def an_evaluation_is_the_tools(here):
    base, donor = MODELS / "base", MODELS / "donor"
    call("evaluate", base, donor, "-q", "--json", here / "tool.json")

    def without_times(path):
        text = re.sub(r'"seconds": [^,}\n]*', '"seconds": 0', path.read_text())
        content = json.loads(text)
        return {**content, "base": "", "donor": ""}

    with Page() as page:
        page.pair(base, donor)
        page.click("#evaluate button[type=submit]")
        page.wait("#evaluate iframe", ".error", seconds=240)
        saved = page.save("#evaluate a[download='evaluation.json']")
        assert without_times(saved) == without_times(here / "tool.json")
        html = page.at.run("document.querySelector('#evaluate iframe').srcdoc")
        assert "<svg" in html and "omp-affine" in html
        page.at.run("document.querySelector('#evaluate iframe').scrollIntoView()")
        page.at.look(PAGE.parent / "evaluated.png", 1100, 900, whole=False)


# ---- alignment ----------------------------------------------------------------------------------


@case
def tokenizers_alone_are_aligned(here):
    base, donor = pair(here)
    alone = here / "a tokenizer (1).json"
    shutil.copy(donor / "tokenizer.json", alone)
    with Page() as page:
        page.drop("base", base / "tokenizer.json", base / "tokenizer_config.json")
        assert "without weights" in page.drop("donor", alone)
        same_counts(page.aligned(), counted(base / "tokenizer.json", alone))
        for section in ("#transplant", "#evaluate"):
            assert "the weights are needed too" in page.text(section + " .why-not")
            assert not page.at.run(page.shown(section + " form"))
        # With the base's weights there are methods that look at no row of the donor.
        page.drop("base", MODELS / "base")
        tokenizer = MODELS / "donor" / "tokenizer.json"
        page.drop("donor", tokenizer)
        page.aligned()
        assert page.at.run("document.querySelector('#method').value") == "mean"
        assert "the donor came without" in page.text("#evaluate .why-not")
        page.transplant("subword")
        (here / "alone").mkdir()
        shutil.copy(tokenizer, here / "alone")
        call(MODELS / "base", here / "alone", here / "out", "-q", "-a", "subword")
        assert page.saved_files() == snapshot(here / "out")


@case
def dialogs_do_what_drops_do(here):
    base, donor = pair(here)
    with Page() as page:
        page.at.choose("#base .folder", base)
        assert "6 tensors" in page.looked_at("base")
        page.at.choose("#donor .files", *sorted(p for p in donor.iterdir() if p.is_file()))
        assert "tensors" in page.looked_at("donor")
        same_counts(page.aligned(), counted(base, donor))


@case
def the_table_is_searched_and_scrolled(here):
    with Page() as page:
        counts = page.pair(MODELS / "base", MODELS / "donor")
        rows = page.at.run("document.querySelectorAll('.space .row').length")
        assert rows < 60, f"{rows} rows are drawn"
        page.at.run("document.querySelector('.table').scrollTop = 1e9")
        page.at.wait("document.querySelector('.space').innerText.includes('2559')")
        page.set("#shown", "4")
        assert page.text("#matches").startswith(f"{counts['made']:,} of "), page.text("#matches")
        page.set("#search", " THE")
        found = int(page.text("#matches").split()[0])
        assert 0 < found < counts["made"]
        assert page.at.run("""[...document.querySelectorAll('.space .row')].every((row) =>
            row.children[1].textContent.toLowerCase().includes('␣the'))""")
        page.set("#shown", "-1")
        page.set("#search", "#3")
        assert page.text("#matches").startswith("1 of ")
        assert "stands for the same byte" in page.text(".space .row")
        page.set("#search", "no such token")
        assert page.text("#matches").startswith("0 of ")


@case
def real_tokenizers_are_aligned(here):
    real = Path(os.environ.get("OTX_REAL_TOKENIZERS", "/nowhere"))
    if not (real / "gemma3").is_dir():
        raise Skip("OTX_REAL_TOKENIZERS is not set")
    with Page() as page:
        began = time.monotonic()
        counts = page.pair(real / "qwen3", real / "gemma3")
        print(f"  qwen3 and gemma3 aligned in {time.monotonic() - began:.1f} s, "
              f"memory {page.text('#memory')}")
        same_counts(counts, counted(real / "qwen3", real / "gemma3"))
        began = time.monotonic()
        page.set("#search", "transpl")
        print(f"  {page.text('#matches')} found in {time.monotonic() - began:.2f} s")
        assert page.at.run("document.querySelectorAll('.space .row').length") < 60
        picture(page, "real")
        page.at.screen(360, 740)
        page.fits()


@case
def a_table_of_a_million_rows_is_seen_to_its_end(here):
    """Beyond some 17 or 33 million pixels browsers draw nothing."""
    with Page(width=360, height=740) as page:
        page.run_parts(["chart.js", "table.js"], """
            window.plan = new Plan(new Uint8Array(1e6 * ROW), new Uint8Array(0), null);
            window.many = new TokenTable(document.body);
            many.show(plan, plan.search('', -1));""")
        for place, ids in ((0, range(0, 9)), (0.5, range(499_990, 500_010)),
                           (1, range(999_990, 1_000_000))):
            seen = page.at.run(f"""(async () => {{
                many.box.scrollTop = {place} * (many.box.scrollHeight - many.box.clientHeight);
                await new Promise((done) => setTimeout(done, 200));
                const box = many.box.getBoundingClientRect();
                return [...many.space.children].map((row) => [row, row.getBoundingClientRect()])
                    .filter(([row, at]) => at.bottom > box.top + 2 && at.top < box.bottom - 2)
                    .map(([row]) => Number(row.children[0].textContent));
            }})()""")
            assert len(seen) > 2 and set(seen) <= set(ids), (place, seen)
        assert seen[-1] == 999_999, seen


@case
def a_token_is_text_whatever_is_in_it(here):
    mark = "<img src=x onerror=\"window.ran = 1\">"
    words = [mark, "\ufeffusing", "سلام", "a\u202eb", "y" * 3000]
    base = base_model(words=tool.BASE_WORDS + ["Ø³ÙĦØ§Ùħ"]).write(here / mark)
    donor = donor_model(words=tool.DONOR_WORDS + words).write(here / "donor")
    (base / mark).write_text("a file\n")
    with Page() as page:
        # By the dialog: of a folder that is dropped Chromium hides a file of such a name.
        page.at.choose("#base .folder", base)
        assert mark in page.looked_at("base")
        page.drop("donor", donor)
        page.aligned()
        page.transplant("omp", "3")
        assert mark in page.saved_files()
        rows = []
        for i in range(len(words)):
            page.set("#search", f"#{tool.DONOR_COUNT + i}")
            rows.append(page.at.run("[...document.querySelectorAll('.space .row span')]"
                                    ".map((cell) => cell.textContent)"))
        assert rows[0][1] == mark.replace(" ", "␣"), rows[0]
        assert rows[1][1] == "U+FEFFusing", rows[1]
        assert rows[2][1] == "سلام" and "the same bytes" in rows[2][4], rows[2]
        assert rows[3][1] == "aU+202Eb", rows[3]
        assert len(rows[4][1]) < 300, len(rows[4][1])
        # What stands in a sentence turns none of it around.
        assert re.fullmatch("[^“]*(“\u2068[^”]*\u2069”[^“]*)+", rows[0][4]), rows[0]
        page.set("#search", "img src")
        assert page.at.run("document.images.length") == 0
        assert page.at.run("window.ran") is None


# ---- what goes wrong --------------------------------------------------------------------------


@case
def errors_are_the_librarys_where_the_file_was_dropped(here):
    base, donor = pair(here)
    whole = (donor / "tokenizer.json").read_bytes()
    (donor / "tokenizer.json").write_bytes(whole[:-40])
    short = (base / "model.safetensors").read_bytes()
    (base / "model.safetensors").write_bytes(short[:-5])
    noise = here / "noise.bin"
    noise.write_bytes(bytes(range(256)) * 9)

    def native(*args):
        return call(*args, status=1).error.replace("transplant: error: ", "")

    with Page() as page:
        said = page.drop("donor", donor)
        error = native("align", donor, donor)
        assert error.replace(str(donor), "donor") in said, (error, said)
        picture(page, "error", 360, 740)
        page.fits()
        said = page.drop("donor", noise)
        assert native("align", noise, noise).replace(str(noise), "donor/noise.bin") in said, said
        # In a folder a browser follows no links.
        (here / "cache").mkdir()
        (here / "cache" / "tokenizer.json").symlink_to(base / "tokenizer.json")
        assert "there is no file in it" in page.drop("donor", here / "cache")
        page.at.choose("#donor .files", here / "cache" / "tokenizer.json")
        assert "without weights" in page.looked_at("donor")
        # Its tokenizer is good, so that it is aligned, and what is wrong with its weights said.
        (donor / "tokenizer.json").write_bytes(whole)
        page.drop("donor", donor)
        said = page.drop("base", base)
        assert native("inspect", base).replace(str(base), "base") in said, said
        page.aligned()
        # Good files in place of the bad ones, and the words are gone.
        (base / "model.safetensors").write_bytes(short)
        page.drop("base", base)
        page.aligned()
        assert not page.at.run("[...document.querySelectorAll('.error')]"
                               ".some((e) => e.checkVisibility())")
        page.transplant()


@case
def a_script_that_is_not_the_pages_does_not_run(here):
    with Page() as page:
        page.at.run("""(() => {
            const script = document.createElement('script');
            script.textContent = 'window.ran = 1';
            document.body.append(script);
            document.querySelector('h1').setAttribute('onclick', 'window.ran = 2');
            document.querySelector('h1').click();
        })()""")
        page.at.listen(0.3)
        assert page.at.run("window.ran") is None
        assert page.at.said and all("Content Security" in line for line in page.at.said)
        page.at.said = []


@case
def drops_of_every_browser_are_files(here):
    with Page() as page:
        said = page.run_parts(["drop.js"], """
            const file = (name, path) => Object.defineProperty(new File(['x'], name),
                                                               'webkitRelativePath',
                                                               { value: path });
            const entry = (name, get) => ({ name, isFile: true, isDirectory: false, file: get });
            const folder = (entries) => ({ name: 'm', isFile: false, isDirectory: true,
                createReader: () => ({ readEntries: (done) => done(entries.splice(0, 100)) }) });
            const item = (entry, more) => ({ kind: 'file', webkitGetAsEntry: () => entry,
                                             getAsFile: () => null, ...more });
            const drop = (...items) => dropped({ items });
            const files = async (coming) => (await coming).files.map(([path]) => path).join();
            /* Each new File is told to another process, so one is the file of them all. */
            const one = new File(['x'], 'a'), good = entry('a', (done) => done(one));
            const gone = entry('b', (done, fail) => fail(new Error('it is gone')));
            const many = Array.from({ length: 200000 }, () => good);
            const refuse = { getAsFileSystemHandle: () => Promise.reject(new Error('no')) };
            const image = { getAsFile: () => new File(['x'], 'image.png') };
            return (async () => [
                whyUnfit(await drop({ kind: 'string' })), whyUnfit(await drop(item(null))),
                await files(drop(item(null, image))),
                await files(drop(item(folder([good]), refuse))),
                await files(drop(item(folder([good])))),
                (await drop(item(folder([folder(many)])))).files.length,
                await drop(item(folder([good, gone]))).catch(({ message }) => message),
                whyUnfit(await drop(item(null, image), item(null, image))),
                await files(chosen({ webkitdirectory: true, files: [file('c', '')] })),
                await files(chosen({ webkitdirectory: true, files: [file('c', 'm/d/c')] })),
                whyUnfit(chosen({ files: [file('c', 'm/../donor/c')] })),
            ])();""")
    nothing = "There is no file in what was dropped"
    assert said == [nothing, nothing, "image.png", "a", "a", 200000, "b: it is gone",
                    "image.png: two files have this name", "c", "d/c",
                    "../donor/c: the name leads out of its folder"], said


@case
def archives_and_files_keep_to_their_limits(here):
    with Page() as page:
        names, holds, kept, read = page.run_parts(["files.js", "zip.js"], """
            const file = (path, size = 1) => ({ path, size, sum: 0, blob: new Blob(['x']) });
            const files = Array.from({ length: 3000 }, () => new Written());
            for (const one of files) { one.append(new Uint8Array(10)); one.close(); }
            const long = new Written(), size = 9.5 * 2 ** 20;
            for (let at = 0; at < size; at += 2 ** 19)
                long.append(new Uint8Array(2 ** 19).fill(at >> 19));
            return (async () => [
                await zipOf([file('m/..\\\\..\\\\run.exe')]).text(),
                [[file('a', 2 ** 32 - 200)], [file('a', 2 ** 32 - 100)],
                 new Array(65534).fill(file('a')), new Array(65535).fill(file('a'))].map(zipHolds),
                files.reduce((sum, { tail }) => sum + tail.length, 0),
                new Uint8Array(await long.blob().arrayBuffer())
                    .every((byte, at) => byte === at >> 19) && long.size === size,
            ])();""")
    assert "m/.._.._run.exe" in names and "\\" not in names
    assert holds == [True, False, True, False], holds
    assert kept == 0 and read is True


@case
def a_file_that_changes_is_an_error(here):
    base, donor = pair(here)
    with Page() as page:
        page.pair(base, donor)
        with open(base / "model.safetensors", "ab") as file:
            file.write(b"more")
        page.begin()
        page.wait("#base .error", "#transplant .error", "#transplant .files")
        said = page.text("#base .error")
        assert "base/model.safetensors" in said and "drop it again" in said, page.text("main")
        assert not page.at.run(page.shown("#transplant .result"))


@case
def cancelling_leaves_nothing(here):
    base, donor = tool.big_pair(here)
    small = pair(here)
    with Page() as page:
        page.pair(base, donor)
        page.begin("omp", "64")
        page.at.wait("/solving|correlating/.test(document.querySelector('.stage')?.innerText)",
                     60)
        assert page.at.run("document.activeElement.className") == "cancel"
        assert page.at.run("document.querySelector('progress').ariaLabel")
        assert page.text(".stage [role=status]") in ("correlating", "solving", "writing")
        assert not page.text("#memory").startswith("none") and len(page.at.workers) == 1
        picture(page, "running")
        page.click("#transplant .cancel")
        page.wait("#transplant .error")
        assert page.text("#transplant .error") == "cancelled: nothing was written"
        assert page.text("#memory").startswith("none now")
        page.at.until(lambda: not page.at.workers, "the worker's end", 20)
        assert not page.at.run(page.shown("#transplant .files"))
        assert page.at.run("document.activeElement.textContent") == "Transplant"
        page.transplant()
        # Files that are dropped meanwhile end a run as well.
        page.begin("omp", "64")
        page.wait("#transplant .cancel")
        page.pair(*small)
        assert not page.at.run(page.shown("#transplant .cancel"))
        assert page.text("#memory").startswith("none now")
        page.transplant()


@case
def what_is_too_large_is_read_but_not_made(here):
    base, donor = pair(here)
    large = 5 << 30
    name = "model.layers.0.mlp.weight"
    model = base / "model.safetensors"
    header = {n: {"dtype": t.dtype, "shape": t.shape} for n, t in base_model().tensors.items()}
    header[name] = {"dtype": "U8", "shape": [large]}
    at = 0
    for n, entry in header.items():
        size = large if n == name else len(base_model().tensors[n].data)
        entry["data_offsets"] = [at, at + size]
        at += size
    with open(model, "wb") as file:
        head = tool.header_bytes(header)
        file.write(head)
        file.truncate(len(head) + at)
    with Page() as page:
        assert "5.0 GiB" in page.drop("base", base)
        page.drop("donor", donor)
        page.aligned()
        assert "A page can make a model of 4.0 GiB at most" in page.text("#transplant .why-not")
        assert not page.at.run(page.shown("#transplant form"))
        # As a donor, which is only read, it may be as large as it likes.
        page.drop("donor", base)
        page.drop("base", donor)
        page.aligned()
        page.transplant()


# ---- for everybody ------------------------------------------------------------------------------


@case
def all_of_it_is_reached_by_the_keyboard(here):
    base, donor = pair(here)
    with Page() as page:
        page.pair(base, donor)
        page.at.run("document.activeElement.blur()")
        names = []
        for _ in range(40):
            page.at.press("Tab")
            focused = page.at.run("""(() => { const e = document.activeElement;
                return e === document.body ? '' : e.ariaLabel || e.labels?.[0]?.innerText ||
                    e.innerText; })()""")
            if not focused:
                break
            names.append(focused.split("\n")[0].strip())
        assert names == [
            "Base: choose a folder", "Base: choose files", "Base: take away",
            "Donor: choose a folder", "Donor: choose files", "Donor: take away", "Search", "Show",
            "Tokens of the donor", "Method", "Shared tokens for each new one", "Transplant",
            "Evaluate"], names
        page.set("#method", "mean")
        page.at.run("document.querySelector('#transplant button').focus()")
        page.at.press("Enter", "\r")
        page.wait("#transplant .files", ".error")
        page.at.run("document.querySelector('.table').focus()")
        page.at.press("End")
        page.at.wait("document.querySelector('.table').scrollTop > 0")


@case
def a_screen_reader_has_names_for_all(here):
    base, donor = pair(here)
    with Page() as page:
        page.pair(base, donor)
        page.transplant()
        nodes = page.at.call("Accessibility.getFullAXTree")["nodes"]
        roles = {}
        for node in nodes:
            if not node.get("ignored"):
                name = node.get("name", {}).get("value", "")
                roles.setdefault(node["role"]["value"], []).append(name)
        for role in ("button", "link", "combobox", "searchbox", "spinbutton", "image", "table",
                     "region"):
            assert all(roles.get(role, [""])), (role, roles.get(role))
        assert any("What becomes of" in name for name in roles["image"]), roles["image"]
        assert {"Base", "Donor", "Transplant"} <= set(roles["heading"]), roles["heading"]
        assert len(roles["main"]) == 1 and len(roles["columnheader"]) >= 5
        assert page.text("#told") == "The transplant is complete."


@case
def words_stand_out_in_light_and_dark(here):
    """By the rule of the WCAG, 4.5 to 1."""
    contrasts = """(() => {
        const style = getComputedStyle(document.documentElement);
        const light = (name) => {
            const hex = style.getPropertyValue(name).trim().slice(1);
            const [r, g, b] = [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
                .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        return [['--ink', '--page'], ['--ink', '--raised'], ['--soft', '--page'],
                ['--soft', '--raised'], ['--accent', '--page'], ['--on-accent', '--accent'],
                ['--error', '--error-page']].map(([a, b]) => {
            const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
            return [a, b, (x + 0.05) / (y + 0.05)];
        });
    })()"""
    pages = set()
    for dark in (False, True):
        with Page(dark=dark) as page:
            for ink, paper, ratio in page.at.run(contrasts):
                assert ratio >= 4.5, (dark, ink, paper, ratio)
            pages.add(page.at.run("getComputedStyle(document.body).backgroundColor"))
    assert len(pages) == 2


def main():
    global PAGE, DOWNLOADS, CHROMIUM
    if not browser.find():
        print("no chromium")
        return 77
    PAGE = Path(sys.argv.pop(2)).resolve()
    with tempfile.TemporaryDirectory(prefix="otx-saved-") as saved:
        DOWNLOADS = Path(saved)
        CHROMIUM = browser.Browser(saved)
        with contextlib.closing(CHROMIUM):
            return tool.main(CASES)


if __name__ == "__main__":
    sys.exit(main())
