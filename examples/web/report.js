/* report - the library's report of a transplant as a table. */

/* The report's figures, a column a matrix. */
function reportTable({ matrices, seconds, peak_bytes: peak }) {
    const figure = (value, digits) => value === null || value === undefined ? 'none'
                                                                           : value.toFixed(digits);
    const rows = [
        ['method', (m) => m.method],
        ['rows', (m) => `${numberText(m.rows)} × ${numberText(m.columns)}, ${m.dtype}`],
        ['shared tokens to build from', (m) => numberText(m.anchors)],
        ['rows made', (m) => numberText(m.approximated)],
        ['shared tokens a row', (m) => m.k === undefined ? 'none' : numberText(m.k)],
        ['left over, mean', (m) => figure(m.mean_relative_residual, 4)],
        ['left over, most', (m) => figure(m.max_relative_residual, 4)],
        ['loss on hidden tokens', (m) => figure(m.map?.loss, 3)],
        ['seconds', (m) => figure(m.seconds, 1)],
    ];
    const made = document.createElement('div'), wide = document.createElement('div');
    const list = document.createElement('table'), head = list.createTHead().insertRow();
    made.append(`Complete in ${durationText(seconds)}; the library held ${sizeText(peak)} at most.`,
                wide);
    wide.className = 'wide';
    wide.tabIndex = 0; /* it may scroll, on a narrow screen */
    wide.setAttribute('role', 'region');
    for (const node of [wide, list]) node.setAttribute('aria-label', 'Figures of the transplant');
    wide.append(list);
    for (const text of ['', ...matrices.map(({ name }) => name)]) {
        const cell = document.createElement(text ? 'th' : 'td');
        cell.textContent = text;
        if (text) cell.scope = 'col';
        head.append(cell);
    }
    const body = list.createTBody();
    for (const [name, of] of rows) {
        const row = body.insertRow(), cell = document.createElement('th');
        cell.scope = 'row';
        cell.textContent = name;
        row.append(cell);
        for (const matrix of matrices) row.insertCell().textContent = of(matrix);
    }
    return made;
}
