/* ---- scores: how near rows come to the true ones ------------------------------------ */

/* What scoring the rows of one method takes. */
typedef struct otx__scoring {
    const otx__evaluating *e;
    const otx__kernels *kernels;
    const double *mean;  /* of the tokens' rows */
    const float *sample; /* [sample_count][e], of all tokens */
    size_t sample_count;
    size_t first;        /* hidden token of the first row at hand */
    const double *rows;  /* [count][e] */
    double *scratch;     /* [worker][2 e] */
    double *moments;     /* [hidden] of the true rows, */
    bool known;          /* which are those of any method */
} otx__scoring;

/* <x, M x>, M being the second moment of the sample: the mean of <sample, x>^2. */
OTX__PRIVATE double otx__scoring_moment(const otx__scoring *s, const double *x, size_t columns)
{
    double products[OTX__TILE], sum = 0.0;
    size_t first, count, i;
    for (first = 0; first < s->sample_count; first += count) {
        otx__row rows[OTX__TILE];
        count = otx__min(OTX__TILE, s->sample_count - first);
        for (i = 0; i < count; i++) {
            rows[i].data = s->sample + (first + i) * columns;
            rows[i].bf16 = false;
        }
        s->kernels->dots(x, rows, count, columns, products);
        for (i = 0; i < count; i++) sum += products[i] * products[i];
    }
    return sum / (double)s->sample_count;
}

/* The figures of one hidden token. */
OTX__PRIVATE void otx__scoring_body(void *argument, size_t index, int worker)
{
    const otx__scoring *s = (const otx__scoring *)argument;
    const otx__evaluating *e = s->e;
    size_t columns = e->truth.columns, at = s->first + index, i;
    double *b = s->scratch + (size_t)worker * 2 * columns, *off = b + columns;
    const double *p = s->rows + index * columns;
    otx__figure *f = &e->figures[at];
    memset(f, 0, sizeof *f);
    f->rank = UINT32_MAX;
    otx__row_read(&e->truth, at, b);
    for (i = 0; i < columns; i++) {
        double cp = p[i] - s->mean[i], cb = b[i] - s->mean[i];
        off[i] = p[i] - b[i];
        f->pp += p[i] * p[i];
        f->pb += p[i] * b[i];
        f->bb += b[i] * b[i];
        f->cpp += cp * cp;
        f->cpb += cp * cb;
        f->cbb += cb * cb;
        f->off += off[i] * off[i];
    }
    f->moment_off = otx__scoring_moment(s, off, columns);
    if (!s->known) s->moments[at] = otx__scoring_moment(s, b, columns);
    f->moment = s->moments[at];
}

/* Adds up the figures of the tokens of a class, in their order. */
OTX__PRIVATE otx_scores otx__scores_of(const otx__evaluating *e, otx_token_class which)
{
    double pb = 0.0, bb = 0.0, off = 0.0, moment = 0.0;
    otx_scores scores;
    size_t i;
    memset(&scores, 0, sizeof scores);
    for (i = 0; i < e->hidden; i++) {
        const otx__figure *f = &e->figures[i];
        if (which != OTX_CLASS_ALL && e->classes[i] != which) continue;
        scores.count++;
        pb += f->pb;
        bb += f->bb;
        off += f->moment_off;
        moment += f->moment;
        scores.cosine += otx__ratio(f->pb, sqrt(f->pp * f->bb));
        scores.centred_cosine += otx__ratio(f->cpb, sqrt(f->cpp * f->cbb));
        scores.relative_error += otx__ratio(sqrt(f->off), sqrt(f->bb));
        scores.norm_ratio += otx__ratio(sqrt(f->pp), sqrt(f->bb));
        if (f->rank == UINT32_MAX) continue;
        scores.ranked++;
        scores.top1 += f->rank < 1;
        scores.top10 += f->rank < 10;
    }
    if (!scores.count) return scores;
    scores.share = otx__ratio(pb, bb);
    scores.error = sqrt(otx__ratio(off, moment));
    scores.loss = scores.error + OTX__CHOICE_SHARE * (1.0 - scores.share);
    scores.cosine = otx__ratio(scores.cosine, (double)scores.count);
    scores.centred_cosine = otx__ratio(scores.centred_cosine, (double)scores.count);
    scores.relative_error = otx__ratio(scores.relative_error, (double)scores.count);
    scores.norm_ratio = otx__ratio(scores.norm_ratio, (double)scores.count);
    scores.top1 = otx__ratio(scores.top1, (double)scores.ranked);
    scores.top10 = otx__ratio(scores.top10, (double)scores.ranked);
    return scores;
}
