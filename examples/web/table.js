/* table - the plan of the library as rows, and a table of them that draws only what is seen. */

/* Bytes of a row that web.c gives, and the kinds of tokens in order. */
const ROW = 20;
const KINDS = ['none', 'text', 'byte', 'control', 'unused'];
const COPY = 1, ROLE = 2, MAP = 3, MAKE = 4, UNUSED = 5, MATCH = 6, NO_ROW = 7, UNTRAINED = 8;

/* What becomes of every id: the numbers of web.c's table_row, and text. */
class Plan {
    constructor(rows, text, details) {
        this.view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
        this.count = rows.byteLength / ROW;
        this.text = text;
        this.decoder = new TextDecoder('utf-8', { ignoreBOM: true }); /* that is a token too */
        this.starts = new Uint32Array(this.count + 1);
        this.actions = new Uint8Array(this.count);
        this.copies = new Map(); /* base id: donor id that has its row */
        this.lower = null; /* what is searched, once it is wanted */
        for (let id = 0; id < this.count; id++) {
            const at = ROW * id + 8, v = this.view;
            this.starts[id + 1] = this.starts[id] + v.getUint32(at, true) +
                v.getUint32(at + 4, true) + v.getUint32(at + 8, true);
            this.actions[id] = v.getUint8(ROW * id + 4);
            if (this.base(id) >= 0) this.copies.set(this.base(id), id);
        }
        this.details = details;
        this.made = new Map(); /* id: place in details */
        if (details === null) return;
        for (const id of details.untrained) this.actions[id] = UNTRAINED;
        details.ids.forEach((id, i) => this.made.set(id, i));
    }

    base(id) { return this.view.getInt32(ROW * id, true); }
    anchor(id) { return this.view.getUint8(ROW * id + 5) !== 0; }
    kind(id) { return KINDS[this.view.getUint8(ROW * id + 6)]; }
    baseKind(id) { return KINDS[this.view.getUint8(ROW * id + 7)]; }
    size(id, which) { return this.view.getUint32(ROW * id + 8 + 4 * which, true); }

    bytes(id) {
        return this.text.subarray(this.starts[id], this.starts[id] + this.size(id, 0));
    }

    content(id) {
        const at = this.starts[id] + this.size(id, 0);
        return this.decoder.decode(this.text.subarray(at, at + this.size(id, 1)));
    }

    baseContent(id) {
        return this.decoder.decode(this.text.subarray(this.starts[id + 1] - this.size(id, 2),
                                                      this.starts[id + 1]));
    }

    /* What a token stands for, as it is looked for; a special one stands for its content. */
    plain(id) {
        return this.kind(id) === 'text' ? this.decoder.decode(this.bytes(id)) : this.content(id);
    }

    /* How many ids each of ACTIONS has. */
    counts() {
        const counts = new Array(ACTIONS.length).fill(0), place = placesOfActions();
        for (const action of this.actions) counts[place[action]]++;
        return counts;
    }

    /* Ids whose action is one of ACTIONS, or any for -1, and that have the text: a part of it,
       whatever the case, or "#" and the id. */
    search(text, which) {
        const ids = [], place = placesOfActions(), wanted = text.toLowerCase();
        if (wanted !== '')
            this.lower ??= Array.from({ length: this.count },
                                      (_, id) => this.plain(id).toLowerCase());
        const number = /^#\d+$/.test(text) ? Number(text.slice(1)) : -1;
        for (let id = 0; id < this.count; id++) {
            if (which >= 0 && place[this.actions[id]] !== which) continue;
            if (number >= 0 ? id === number
                : wanted === '' || this.lower[id].includes(wanted)) ids.push(id);
        }
        return ids;
    }

    /* A row of the base by the token that it is known by. */
    nameOfBase(base) {
        const id = this.copies.get(base);
        return id === undefined ? `#${base}` : quoted(this.plain(id));
    }

    /* Why a token has its action, and where its row comes from. */
    why(id) {
        const base = this.base(id), number = base >= 0 ? `the base's #${base}` : '';
        switch (this.actions[id]) {
        case COPY:
            if (this.kind(id) === 'control' || this.baseKind(id) === 'control')
                return `${number} is the same special token`;
            return (this.kind(id) === this.baseKind(id)
                ? `${number} stands for the same bytes`
                : `${number}, ${quoted(this.baseContent(id))}, stands for the same byte`) +
                (this.anchor(id) ? '' : '; builds no others');
        case ROLE: return `${number}, ${quoted(this.baseContent(id))}, has the same role`;
        case MAP: return `paired with ${number}`;
        case MATCH: return `${number}, ${quoted(this.baseContent(id))}, is like it`;
        case MAKE: return this.how(id);
        case UNUSED: return this.kind(id) === 'unused'
            ? 'a reserved token: gets what padding gets'
            : 'the donor has no row for it: gets what padding gets';
        case UNTRAINED: return 'its row in the donor holds nothing: gets what padding gets';
        case NO_ROW: return 'its id is beyond the new matrices';
        default: return 'no token has this id: the mean of the new rows';
        }
    }

    /* How a row was made, once it was. */
    how(id) {
        const d = this.details, i = this.made.get(id);
        if (i === undefined) return 'the base has no token of these bytes';
        const atoms = [];
        for (let a = d.atoms * i; a < d.atoms * (i + 1) && d.donors[a] >= 0; a++)
            atoms.push(`${Number(d.weights[a].toPrecision(2))} ${quoted(this.plain(d.donors[a]))}`);
        const parts = [atoms.length > 0 ? atoms.join(' + ').replaceAll('+ -', '− ')
                                        : 'by the map alone'];
        if (atoms.length === d.atoms) parts[0] += ' + …';
        if (!Number.isNaN(d.residuals[i])) parts.push(`left over ${d.residuals[i].toFixed(2)}`);
        if (d.nearest[i] >= 0) parts.push(`most like the base's ${this.nameOfBase(d.nearest[i])}` +
                                          ` (${d.cosines[i].toFixed(2)})`);
        return parts.join('; ');
    }
}

/* Action of the library: place in ACTIONS. */
function placesOfActions() {
    const places = [];
    ACTIONS.forEach(({ of }, i) => of.forEach((action) => { places[action] = i; }));
    return places;
}

/* Characters of a token that are shown at most. */
const SHOWN = 200;

/* Text in quotes with all that is not seen made visible. It keeps its direction to itself, or
   Arabic would take the numbers and the tokens beside it along. */
function quoted(text) {
    return `“${isolated(visible(text))}”`;
}

function isolated(text) {
    return `\u2068${text}\u2069`;
}

function visible(text) {
    if (text.length > SHOWN) return `${visible(text.slice(0, SHOWN))}…`;
    return text.replaceAll(' ', '␣').replaceAll('\n', '⏎').replaceAll('\t', '⇥')
        .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Zs}\p{Zl}\p{Zp}]/gu,
                 (c) => `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`);
}

function hexText(bytes) {
    const shown = [...bytes.subarray(0, 24)].map((b) => b.toString(16).padStart(2, '0')).join(' ');
    return bytes.length > 24 ? `${shown} …` : shown;
}

/* Pixels that a table is high at most: browsers draw nothing beyond some 17 million. */
const MOST_HEIGHT = 8e6;

/* A table of ids of a plan in a box that scrolls: rows that are not seen are not there. Where
   all rows would be too high, a pixel of the scroll bar stands for more than one of theirs. */
class TokenTable {
    constructor(into) {
        this.box = document.createElement('div');
        this.box.className = 'table';
        this.box.tabIndex = 0;
        this.box.setAttribute('role', 'table');
        this.box.setAttribute('aria-label', 'Tokens of the donor');
        this.head = rowOf(['id', 'token', 'bytes', 'what', 'why'], 'columnheader');
        this.head.classList.add('head');
        this.head.setAttribute('aria-rowindex', '1');
        this.space = document.createElement('div');
        this.space.className = 'space';
        this.space.setAttribute('role', 'rowgroup');
        this.box.append(this.head, this.space);
        into.append(this.box);
        this.ids = [];
        this.drawn = '';
        this.box.addEventListener('scroll', () => this.draw());
        new ResizeObserver(() => this.draw()).observe(this.box);
    }

    show(plan, ids) {
        this.plan = plan;
        this.ids = ids;
        this.drawn = '';
        this.box.setAttribute('aria-rowcount', String(ids.length + 1));
        this.box.scrollTop = 0;
        this.draw();
    }

    /* Draws the rows from a little above what is seen to a little below. */
    draw() {
        const height = parseFloat(getComputedStyle(this.box).getPropertyValue('--row'));
        const whole = height * this.ids.length, high = Math.min(whole, MOST_HEIGHT);
        const seen = this.box.clientHeight - this.head.offsetHeight, top = this.box.scrollTop;
        /* How much further down the rows are seen than the box is scrolled. */
        const ahead = whole > high
            ? Math.round(Math.min(top / (high - seen), 1) * (whole - high)) : 0;
        const first = Math.max(Math.floor((top + ahead) / height) - 4, 0);
        const last = Math.min(first + Math.ceil(this.box.clientHeight / height) + 8,
                              this.ids.length);
        const drawn = `${first} ${last} ${height} ${ahead}`;
        if (drawn === this.drawn) return;
        this.drawn = drawn;
        this.space.style.height = `${high}px`;
        const rows = [];
        for (let i = first; i < last; i++) rows.push(this.row(i, height * i - ahead));
        this.space.replaceChildren(...rows);
    }

    row(i, top) {
        const id = this.ids[i], plan = this.plan;
        const what = ACTIONS[placesOfActions()[plan.actions[id]]].name;
        const row = rowOf([String(id), visible(plan.plain(id)), hexText(plan.bytes(id)), what,
                           plan.why(id)], 'cell');
        row.setAttribute('aria-rowindex', String(i + 2));
        row.style.top = `${top}px`;
        row.children[4].title = plan.why(id);
        row.children[3].classList.add(what.replaceAll(' ', '-'));
        return row;
    }
}

function rowOf(texts, role) {
    const row = document.createElement('div');
    row.className = 'row';
    row.setAttribute('role', 'row');
    for (const text of texts) {
        const cell = document.createElement('span');
        cell.setAttribute('role', role);
        cell.textContent = text;
        row.append(cell);
    }
    return row;
}
