/* chart - the breakdown of the donor's tokens as bars, and words for numbers. */

const SVG = 'http://www.w3.org/2000/svg';

/* Every action: its number in the library (api/align.h) or one of ours, the word for it, and
   what it means. */
const ACTIONS = [
    { name: 'copied', of: [1], means: 'the base has the same token; its row stays bit for bit' },
    { name: 'by role', of: [2], means: 'a special token in the same role, as the end of text' },
    { name: 'mapped', of: [3], means: 'paired by hand' },
    { name: 'matched', of: [6], means: 'takes the row of a token that is like it' },
    { name: 'made', of: [4], means: 'new to the base: its row is made from shared tokens' },
    { name: 'unused', of: [5], means: 'reserved, or without a row in the donor' },
    { name: 'untrained', of: [8], means: 'nothing has trained its row in the donor' },
    { name: 'without a row', of: [7], means: 'its id is beyond the new matrices' },
    { name: 'padding', of: [0], means: 'no token has this id' },
];

function element(name, attributes, ...children) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
}

function percentText(part, whole) {
    return whole === 0 ? '' : `${(100 * part / whole).toFixed(1)} %`;
}

function numberText(number) {
    return number.toLocaleString('en');
}

/* Bytes as "12.3 MiB". */
function sizeText(bytes) {
    const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
    let unit = 0;
    for (; bytes >= 1024 && unit + 1 < units.length; unit++) bytes /= 1024;
    return `${bytes.toFixed(unit > 0 ? 1 : 0)} ${units[unit]}`;
}

/* Seconds as "2:05" or "1:02:05". */
function durationText(seconds) {
    const whole = Math.round(seconds), two = (n) => String(n).padStart(2, '0');
    const minutes = Math.floor(whole / 60) % 60, hours = Math.floor(whole / 3600);
    return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}`
                     : `${minutes}:${two(whole % 60)}`;
}

/* A bar an action that any token has, with its word and its count above it. Widths are parts of
   the chart's, so that text keeps its size on every screen. */
function breakdownChart(counts) {
    const rows = ACTIONS.map((action, i) => ({ ...action, count: counts[i] }))
        .filter(({ count }) => count > 0);
    const whole = rows.reduce((sum, { count }) => sum + count, 0);
    const words = rows.map(({ name, count }) => `${name} ${numberText(count)}`).join(', ');
    const chart = element('svg', {
        role: 'img', width: '100%', height: 46 * rows.length, class: 'chart',
        'aria-label': `What becomes of ${numberText(whole)} ids: ${words}`,
    });
    rows.forEach(({ name, count, means }, i) => {
        const y = 46 * i, kind = name.replaceAll(' ', '-');
        chart.append(
            element('text', { x: 0, y: y + 14 }, name),
            element('text', { x: '100%', y: y + 14, 'text-anchor': 'end' },
                    `${numberText(count)}, ${percentText(count, whole)}`),
            element('rect', { class: 'rail', x: 0, y: y + 21, width: '100%', height: 12, rx: 2 }),
            element('rect', { class: `bar ${kind}`, x: 0, y: y + 21, height: 12, rx: 2,
                              width: `${Math.max(100 * count / whole, 0.3)}%` },
                    element('title', {}, `${name}: ${means}`)));
    });
    return chart;
}
