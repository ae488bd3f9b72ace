/* page - the two sides, and what is asked about them: their alignment as soon as both are there;
   the transplant and the evaluation when the user wants them. */

/* Most bytes of a base that is transplanted here: all of its output is kept by the browser
   until it is saved. */
const MOST_BYTES = 4 * 2 ** 30;

const METHODS = ['omp-affine', 'omp', 'omp-centred', 'affine', 'mean', 'zero', 'subword',
                 'common_interpolation', 'clp', 'wechsel', 'focus', 'hull', 'procrustes',
                 'landmark_pca', 'stb', 'mp_rope', 'randn', 'john_hewitt'];

/* Those that look at no row of the donor: for a tokenizer that came alone. */
const WITHOUT_DONOR = ['mean', 'zero', 'subword', 'randn', 'john_hewitt'];

const get = (id) => document.getElementById(id);
const sides = { base: null, donor: null }; /* {files, path, name, size, weights, ...} or null */
let table = null, aligning = null, verifying = null;
let aligned = null, plan = null; /* what the alignment gave, and what the table shows */

function show(node, text) {
    node.textContent = text;
    node.hidden = text === '';
}

/* ---- the sides ---- */

function makeSide(id) {
    const side = get(id), name = side.querySelector('h2').textContent;
    side.append(get('side').content.cloneNode(true));
    side.querySelector('.folder').setAttribute('aria-label', `${name}: choose a folder`);
    side.querySelector('.files').setAttribute('aria-label', `${name}: choose files`);
    const clear = side.querySelector('.clear');
    clear.setAttribute('aria-label', `${name}: take away`);
    clear.addEventListener('click', () => {
        setSide(id, null);
        side.querySelector('.folder').focus();
    });
    watchZone(side, (coming) => takeSide(id, coming));
}

/* Something was dropped on a side: looks at what it is. */
async function takeSide(id, coming) {
    setSide(id, null);
    const side = get(id), found = side.querySelector('.found'), mine = {};
    sides[id] = mine;
    show(found, 'looking at it …');
    try {
        Object.assign(mine, await coming);
        const unfit = whyUnfit(mine);
        if (unfit) throw new Error(unfit);
        mine.path = pathOfSide(id, mine);
        mine.size = sizeOfFiles(mine.files);
        if (sides[id] !== mine) return;
        const question = ask(['look', mine.path], filesOfSide(id, mine));
        mine.cancel = question.cancel;
        const { answers } = await question.answer;
        mine.vocabulary = jsonOf(answers.vocabulary);
        mine.weights = jsonOf(answers.weights);
        mine.unusable = textOf(answers.unusable);
    } catch (error) {
        if (sides[id] !== mine || error instanceof Cancelled) return;
        setSide(id, null);
        show(side.querySelector('.error'), wordsOfError(error));
        return;
    }
    if (sides[id] !== mine) return;
    mine.ready = true;
    show(found, wordsOfSide(mine));
    show(side.querySelector('.error'), mine.unusable);
    side.querySelector('.clear').hidden = false;
    changed();
}

function wordsOfSide({ name, size, files, vocabulary, weights }) {
    const { tokens, model, family, source } = vocabulary;
    const count = files.length === 1 ? '' : `${files.length} files, `;
    const lines = [`${isolated(name)}: ${count}${sizeText(size)}`,
                   `${numberText(tokens)} tokens, ${model}, ${family}, from ${source}`];
    lines.push(weights ? `${numberText(weights.tensors)} tensors, ${sizeText(weights.bytes)}`
                       : 'the tokenizer alone, without weights');
    return lines.join('\n');
}

/* Forgets a side, and all that came of it. */
function setSide(id, value) {
    sides[id]?.cancel?.();
    sides[id] = value;
    const side = get(id);
    show(side.querySelector('.found'), '');
    show(side.querySelector('.error'), '');
    side.querySelector('.clear').hidden = true;
    changed();
}

function wordsOfError({ message, lost }) {
    return lost ? `${message} (a file was moved, or has changed, since it was dropped: drop it ` +
                  'again)'
                : message;
}

/* Where an error is shown: at the side whose file it names, or at `otherwise`. */
function showError(error, otherwise) {
    const id = /^"?(base|donor)(\/|:|"|$)/.exec(error.message)?.[1];
    const at = id === undefined ? otherwise : get(id).querySelector('.error');
    show(at, wordsOfError(error));
    if (at !== otherwise) at.scrollIntoView({ block: 'nearest' });
}

/* A side came or went: what was made of the old ones goes, and the two are aligned. */
function changed() {
    for (const run of Object.values(runs)) run.reset();
    aligning?.cancel();
    aligning = aligned = plan = null;
    const both = sides.base?.ready && sides.donor?.ready;
    for (const id of ['alignment', 'transplant', 'evaluate']) get(id).hidden = !both;
    get('breakdown').hidden = true;
    if (both) align();
}

const bothFiles = () => [...filesOfSide('base', sides.base), ...filesOfSide('donor', sides.donor)];

/* ---- alignment ---- */

async function align() {
    const section = get('alignment'), running = section.querySelector('.running');
    const error = section.querySelector('.error');
    show(error, '');
    show(running, 'comparing the two vocabularies …');
    const mine = ask(['align', sides.base.path, sides.donor.path], bothFiles());
    aligning = mine;
    try {
        const { answers } = await mine.answer;
        show(running, '');
        aligned = new Plan(answers.rows, answers.text, null);
        if (plan === null) showPlan(aligned);
    } catch (failure) {
        if (aligning !== mine) return;
        show(running, '');
        showError(failure, error);
    }
}

/* A plan, or what has become of it after a transplant. */
function showPlan(given) {
    plan = given;
    const counts = plan.counts(), tokens = plan.count - counts[ACTIONS.length - 1];
    const shared = counts[0] + counts[1] + counts[2] + counts[3], made = counts[4];
    get('in-short').textContent = `Of the donor's ${numberText(tokens)} tokens the base has ` +
        `${numberText(shared)} (${percentText(shared, tokens)}), whose rows are copied; ` +
        `${numberText(made)} are new to it, and get rows that are made from those.`;
    get('chart').replaceChildren(breakdownChart(counts));
    const options = ACTIONS.map(({ name }, i) => new Option(name, String(i)))
        .filter((_, i) => counts[i] > 0), before = get('shown').value;
    get('shown').replaceChildren(new Option('all', '-1'), ...options);
    if (options.some(({ value }) => value === before)) get('shown').value = before;
    get('breakdown').hidden = false;
    table ??= new TokenTable(get('table'));
    filter();
}

function filter() {
    const ids = plan.search(get('search').value, Number(get('shown').value));
    get('matches').textContent = `${numberText(ids.length)} of ${numberText(plan.count)} ids`;
    table.show(plan, ids);
}

/* ---- long runs ---- */

/* A section with a form that starts a long run, its progress, and what comes of it. */
class Run {
    constructor(id, begin) {
        this.section = get(id);
        this.question = null;
        this.find = (what) => this.section.querySelector(what);
        this.find('form').addEventListener('submit', (event) => {
            event.preventDefault();
            if (this.question === null) this.start(begin);
        });
    }

    /* As before anything was asked; says why nothing can be, if so. */
    reset() {
        this.question?.cancel();
        this.question = null;
        this.working(false);
        this.forget();
        const why = whyNot(this.section.id);
        if (this.section.id === 'transplant') offerMethods();
        show(this.find('.why-not'), why);
        this.find('form').hidden = why !== '';
    }

    forget() {
        show(this.find('.error'), '');
        for (const list of this.section.querySelectorAll('ul')) list.replaceChildren();
        for (const what of ['.warnings', '.notes', '.result']) this.find(what).hidden = true;
        forgetLinks(this.find('.result'));
        this.find('.result').replaceChildren();
        if (this.section.id !== 'transplant') return;
        get('kept').textContent = 'none';
        verifying?.cancel();
        verifying = null;
    }

    working(on) {
        const work = this.find('.work');
        work.replaceChildren(...(on ? [get('work').content.cloneNode(true)] : []));
        work.hidden = !on;
        for (const field of this.find('form').elements) field.disabled = on;
    }

    async start(begin) {
        this.forget();
        get('told').textContent = ''; /* so that the same words are news again */
        this.working(true);
        const cancel = this.find('.cancel'), began = performance.now();
        cancel.addEventListener('click', () => this.question.cancel());
        cancel.focus();
        const mine = begin((told) => this.tell(told, began));
        this.question = mine;
        try {
            await mine.answer;
            if (this.question !== mine) return;
            this.end();
            this.find('.result').hidden = false;
            get('told').textContent = this.section.id === 'transplant'
                ? 'The transplant is complete.' : 'The evaluation is complete.';
        } catch (error) {
            if (this.question !== mine) return;
            this.end();
            showError(error, this.find('.error'));
        }
    }

    /* The focus goes back to the form, if it is not elsewhere by now. */
    end() {
        const here = this.find('.work').contains(document.activeElement);
        this.question = null;
        this.working(false);
        if (here) this.find('form button').focus({ preventScroll: true });
    }

    tell(told, began) {
        if (told.kind === 'log') {
            const line = document.createElement('li');
            line.textContent = told.message;
            this.find(told.severity > 0 ? '.warnings' : '.notes ul').append(line);
            this.find(told.severity > 0 ? '.warnings' : '.notes').hidden = false;
            const notes = this.find('.notes ul').children.length;
            this.find('summary').textContent = `${notes} ${notes === 1 ? 'note' : 'notes'}`;
        } else if (told.kind === 'progress' && this.question !== null) {
            const share = told.total > 0 ? told.done / told.total : 0;
            for (const [what, text] of [['.step', told.stage], ['.subject', told.subject]])
                if (this.find(what).textContent !== text) this.find(what).textContent = text;
            this.find('progress').value = share;
            this.find('.left').textContent = `${(100 * share).toFixed(0)} % of this step, ` +
                `${durationText((performance.now() - began) / 1000)} gone`;
        }
    }
}

/* Why a section has nothing to offer; '' where it has. */
function whyNot(id) {
    const { base, donor } = sides;
    if (!base?.ready || !donor?.ready) return '';
    const lacking = [['base', base], ['donor', donor]]
        .filter(([name, side]) => !side.weights && (name === 'base' || id === 'evaluate'))
        .map(([name]) => name);
    if (lacking.length > 0)
        return 'For this the weights are needed too: the ' +
               `${lacking.join(' and the ')} came without.`;
    if (id === 'transplant' && base.weights.bytes > MOST_BYTES)
        return `The base has ${sizeText(base.weights.bytes)} of weights. A page can make a model ` +
               `of ${sizeText(MOST_BYTES)} at most; the command-line tool, of any size.`;
    return '';
}

/* The methods that the donor has rows for. */
function offerMethods() {
    const names = sides.donor?.ready && !sides.donor.weights ? WITHOUT_DONOR : METHODS;
    const before = get('method').value;
    get('method').replaceChildren(...names.map((name) => new Option(name, name)));
    if (names.includes(before)) get('method').value = before;
}

/* What a transplant takes as a model: the whole directory, or a GGUF file. */
function modelOf(id) {
    return sides[id].weights?.gguf || sides[id].path.endsWith('.gguf') ? sides[id].path : id;
}

/* ---- the transplant ---- */

function beginTransplant(tell) {
    const name = `${baseName()}-transplanted`, gguf = sides.base.weights.gguf;
    if (aligned !== null && plan !== aligned) showPlan(aligned); /* not what an earlier one made */
    const words = ['transplant', modelOf('base'), modelOf('donor'), gguf ? `${name}.gguf` : name,
                   get('method').value, String(get('k').valueAsNumber || 0)]; /* "1e3" is 1000 */
    const question = ask(words, bothFiles(), tell);
    question.answer.then((answer) => showTransplant(answer, name), () => {});
    return question;
}

function baseName() {
    return sides.base.name.replace(/\.gguf$/, '').replace(/[^\w.-]+/g, '_') || 'model';
}

function showTransplant({ answers, written, details, tokens }, name) {
    const report = jsonOf(answers.report), into = get('transplant').querySelector('.result');
    showPlan(new Plan(answers.rows, answers.text, details));
    get('kept').textContent = sizeText(written.reduce((sum, { size }) => sum + size, 0));
    const reports = document.createElement('p');
    reports.append('Reports: ',
        saveLink(new Blob([answers.report], { type: 'application/json' }), 'report.json'), ', ',
        saveLink(tokens, 'tokens.tsv'));
    const verified = document.createElement('p');
    verified.setAttribute('role', 'status');
    into.replaceChildren(reportTable(report), verified, waysToSave(written, name), reports);
    verify(written, verified);
}

/* Looks at what was made as the tool's `verify` does. */
async function verify(written, at) {
    at.textContent = 'checking the new model …';
    const first = written[0].path, path = first.includes('/') ? first.split('/')[0] : first;
    const lines = [];
    const mine = ask(['verify', path], written.map(({ path, blob }) => [path, blob]),
                     (told) => { if (told.kind === 'log') lines.push(told.message); });
    verifying = mine;
    try {
        const { faults, warnings } = jsonOf((await mine.answer).answers.verified);
        at.textContent = faults + warnings === 0 ? 'The new model agrees with itself.'
                                                 : lines.join('\n');
        at.classList.toggle('error', faults > 0);
    } catch (error) {
        at.textContent = error.lost
            ? `${error.message} (the browser has not kept it: it may have no room left)`
            : error.message;
        at.classList.add('error');
    }
}

/* ---- the evaluation ---- */

function beginEvaluation(tell) {
    const question = ask(['evaluate', sides.base.path, sides.donor.path], bothFiles(), tell);
    question.answer.then(({ answers }) => {
        const frame = document.createElement('iframe'), links = document.createElement('p');
        frame.title = 'The evaluation: charts and tables';
        frame.setAttribute('sandbox', '');
        frame.srcdoc = textOf(answers.html);
        links.append('Reports: ',
            saveLink(new Blob([answers.html], { type: 'text/html' }), 'evaluation.html'), ', ',
            saveLink(new Blob([answers.json], { type: 'application/json' }), 'evaluation.json'));
        get('evaluate').querySelector('.result').replaceChildren(frame, links);
    }, () => {});
    return question;
}

/* ---- beginning ---- */

const runs = { transplant: new Run('transplant', beginTransplant),
               evaluate: new Run('evaluate', beginEvaluation) };
for (const id of ['base', 'donor']) makeSide(id);
get('search').addEventListener('input', filter);
get('shown').addEventListener('change', filter);
/* What misses a side must not take the page away. */
for (const kind of ['dragover', 'drop'])
    window.addEventListener(kind, (event) => event.preventDefault());
window.addEventListener('beforeunload', (event) => {
    if (saving === 0 && Object.values(runs).every(({ question }) => question === null)) return;
    event.preventDefault();
    event.returnValue = true; /* for Chromium before 119 */
});
compiled = program();
compiled.catch((error) => show(get('unable'),
    `This browser cannot run the program, WebAssembly with SIMD: ${error.message}`));
