/* details - what the library's token report says of each new row, for the table: the lines are
   read as they are written, and of each token's shared tokens the first few are kept. Runs in
   the worker. */

/* Shared tokens that are kept of one token. */
const ATOMS = 6;

/* Fields of a line before those of the first matrix, and of a matrix. */
const FIELDS = 5, MATRIX_FIELDS = 5;

class Details {
    constructor() {
        this.text = new TextDecoder();
        this.rest = new Uint8Array(0); /* of a line whose end has not come */
        this.lines = -1; /* the head is none */
        this.untrained = []; /* ids */
        this.ids = []; /* of made rows, and of each: */
        this.residuals = [];
        this.nearest = []; /* the base's id whose row is most alike, or -1, */
        this.cosines = []; /* and how much */
        this.donors = []; /* ATOMS ids of shared tokens, -1 where there are fewer, */
        this.weights = [];
    }

    add(bytes) {
        let first = 0, end;
        while ((end = bytes.indexOf(10, first)) >= 0) {
            let line = bytes.subarray(first, end);
            if (this.rest.length > 0) line = joined(this.rest, line);
            this.rest = new Uint8Array(0);
            if (this.lines++ >= 0) this.line(line);
            first = end + 1;
        }
        this.rest = joined(this.rest, bytes.subarray(first));
    }

    /* One token: its fields, of the first matrix whose row was made. */
    line(line) {
        const ends = [];
        for (let at = line.indexOf(9); at >= 0; at = line.indexOf(9, at + 1)) ends.push(at);
        ends.push(line.length);
        const start = (i) => i === 0 ? 0 : ends[i - 1] + 1;
        const field = (i, most) => this.text.decode(
            line.subarray(start(i), Math.min(ends[i], start(i) + (most ?? Infinity))));
        const id = Number(field(0));
        if (field(3) === 'untrained') this.untrained.push(id);
        for (let i = FIELDS; i + MATRIX_FIELDS <= ends.length; i += MATRIX_FIELDS) {
            if (ends[i + MATRIX_FIELDS - 1] - start(i) < MATRIX_FIELDS) continue;
            const atoms = field(i + 1, 64 * ATOMS).split(' ').slice(0, ATOMS)
                .filter((atom) => atom !== '').map((atom) => atom.split(':').map(Number));
            const [nearest, cosine] = field(i + 4).split(':').map(Number);
            const residual = field(i);
            this.ids.push(id);
            this.residuals.push(residual === '' ? NaN : Number(residual));
            this.nearest.push(cosine === undefined ? -1 : nearest);
            this.cosines.push(cosine ?? NaN);
            for (let a = 0; a < ATOMS; a++) {
                this.donors.push(atoms[a]?.[0] ?? -1);
                this.weights.push(atoms[a]?.[2] ?? 0);
            }
            break;
        }
    }

    all() {
        return {
            untrained: Int32Array.from(this.untrained), ids: Int32Array.from(this.ids),
            residuals: Float32Array.from(this.residuals), nearest: Int32Array.from(this.nearest),
            cosines: Float32Array.from(this.cosines), atoms: ATOMS,
            donors: Int32Array.from(this.donors), weights: Float32Array.from(this.weights),
        };
    }
}

function joined(a, b) {
    const both = new Uint8Array(a.length + b.length);
    both.set(a);
    both.set(b, a.length);
    return both;
}
