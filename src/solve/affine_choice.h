/* ---- choice: how many atoms, and how much ridge ------------------------------------- */

/* Some anchors are hidden, and their rows made by each choice from the rest: one pursuit
   and one map serve for all numbers of atoms, as the first atoms of a pursuit are those of
   a shorter one. */

#define OTX__CHOICE_KS 64     /* numbers of atoms to choose from */
#define OTX__CHOICE_ROWS 1024 /* of the base, whose products stand for its second moment */

/* What the loss counts a lack of share for, against the error. */
#define OTX__CHOICE_SHARE 0.75

/* The loss at which more atoms are as good as the best, relative to its. */
#define OTX__CHOICE_SLACK 1.01

/* Selecting by cosine is tried with few atoms, and taken where its loss is lower by a tenth. */
#define OTX__CHOICE_COSINE_K 8
#define OTX__CHOICE_COSINE 0.9

/* One way of selecting, and its pursuit of all hidden anchors. */
typedef struct otx__choice_set {
    bool cosine;
    size_t k_count, most; /* of the choice's numbers of atoms, and the largest of them */
    int32_t *indices;     /* [hidden][most] of those kept */
    double *coefficients; /* [k][hidden][most] of the first so many */
} otx__choice_set;

/* Sums of one hidden anchor: <p, b>, <b, b>, and those of squared products with rows of the
   base, of p - b and of b. */
typedef struct otx__figures {
    double share, whole, error, moment;
} otx__figures;

typedef struct otx__choice {
    const otx_context *ctx;
    const otx__kernels *kernels;
    otx__normal *normal;
    otx__affine *map;
    const otx__sharing *sharing; /* of the donor's columns, or NULL */
    const otx_affine_options *options;
    size_t ks[OTX__CHOICE_KS], most; /* the largest of them */
    otx__choice_set sets[2], *set;   /* correlation first; the one at hand */
    size_t set_count;
    size_t hidden, kept;
    uint32_t *order; /* [anchors] those kept, those hidden, both in ascending order */
    uint32_t *donor_rows, *base_rows; /* [anchors] where they stand in the matrices */
    double *last;                     /* [hidden][most] coefficients of all atoms */
    float *rows;                      /* [worker][most + 1][d] less the mean */
    double *wide;                     /* [worker][d] */
    double *factor;                   /* [worker][most * (most + 1) / 2 + 2 * most + 1] */
    otx__mapping mapping;
    float *sample; /* [sample_count][e] rows of the base */
    size_t sample_count;
    double *truth;         /* [worker][e + 1024] */
    otx__figures *figures; /* [hidden] */
    bool known;            /* whether these have what does not go by the choice */
    double seconds_pursuit, seconds_trials;
} otx__choice;

/* ---- which anchors ---- */

/* The next of the numbers that splitmix64 (Steele, Lea and Flood 2014) makes of a seed. */
OTX__PRIVATE uint64_t otx__next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Rows `which` of a matrix, as a matrix; index has room for them. */
OTX__PRIVATE otx_matrix otx__choice_view(const otx_matrix *matrix, const uint32_t *which,
                                         size_t count, uint32_t *index)
{
    otx_matrix view = *matrix;
    size_t i;
    for (i = 0; i < count; i++) index[i] = matrix->index ? matrix->index[which[i]] : which[i];
    view.index = index;
    view.rows = count;
    return view;
}

OTX__PRIVATE uint64_t otx__choice_budget(const otx__choice *choice, uint64_t taken)
{
    uint64_t budget = choice->options->memory ? choice->options->memory : (uint64_t)4 << 30;
    return budget > taken ? budget - taken : 1;
}

/* Marks the anchors nearest to targets, evenly spread, as hidden. */
OTX__PRIVATE otx_result otx__choice_near(otx__choice *choice, const otx_matrix *targets,
                                         uint8_t *marks, size_t *marked, uint64_t taken,
                                         otx_error *error)
{
    size_t count = otx__min(choice->hidden, targets->rows), i;
    const otx_matrix *donor = choice->normal->donor.matrix;
    uint32_t *which = choice->order, *index = choice->base_rows; /* not in use yet */
    otx_omp_options options;
    otx_omp_output output;
    otx_matrix view;
    otx_result result;
    for (i = 0; i < count; i++) {
        which[i] = (uint32_t)((uint64_t)i * targets->rows / count);
        if (!otx__matrix_row_is_finite(targets, which[i]))
            return otx__fail(error, OTX_ERROR_NOT_FINITE,
                             "target %" PRIu32 " holds a value that is NaN, infinite, or beyond a "
                             "float",
                             which[i]);
    }
    view = otx__choice_view(targets, which, count, index);
    memset(&options, 0, sizeof options);
    memset(&output, 0, sizeof output);
    options.k = 1;
    options.cosine = options.centred = true;
    options.memory = otx__choice_budget(choice, taken);
    output.indices = choice->sets[0].indices;
    output.coefficients = choice->last;
    result = otx__omp_shared(choice->ctx, donor, choice->sharing, &view, &options, &output, NULL,
                             error);
    for (i = 0; i < count && !result; i++) {
        if (output.indices[i] < 0 || marks[output.indices[i]]) continue;
        marks[output.indices[i]] = 1;
        ++*marked;
    }
    return result;
}

/* Settles the order: those that look like targets, and others at random, come last. */
OTX__PRIVATE otx_result otx__choice_hide(otx__choice *choice, const otx_matrix *targets,
                                         uint8_t *marks, uint64_t taken, otx_error *error)
{
    size_t anchors = choice->normal->rows, marked = 0, kept = 0, last = choice->kept, i;
    const uint32_t *hide = choice->options->hide;
    uint64_t state = choice->options->seed;
    otx_result result = OTX_OK;
    for (; hide && marked < choice->hidden; marked++) marks[hide[marked]] = 1;
    if (targets && marked < choice->hidden)
        result = otx__choice_near(choice, targets, marks, &marked, taken, error);
    if (result) return result;
    while (marked < choice->hidden) {
        size_t anchor = (size_t)(otx__next_random(&state) % anchors);
        marked += !marks[anchor];
        marks[anchor] = 1;
    }
    for (i = 0; i < anchors; i++) choice->order[marks[i] ? last++ : kept++] = (uint32_t)i;
    return OTX_OK;
}

/* ---- the pursuit ---- */

/* One row less the donor's mean, rounded to float as otx_omp does it. */
OTX__PRIVATE void otx__choice_centre(const otx__choice *choice, size_t anchor, float *to)
{
    const otx__affine_side *donor = &choice->normal->donor;
    size_t i;
    otx_to_float(to, otx__affine_at(donor->matrix, anchor, 0), donor->matrix->dtype,
                 donor->columns);
    for (i = 0; i < donor->columns; i++) to[i] = (float)((double)to[i] - donor->mean[i]);
}

/* The products of an atom with those before it, with itself, and with the target, which
   stands first. */
OTX__PRIVATE void otx__choice_products(const otx__choice *choice, float *rows, size_t atom,
                                       double *wide, double *products)
{
    size_t columns = choice->normal->donor.columns, i;
    const float *own = rows + (atom + 1) * columns;
    for (i = 0; i < columns; i++) wide[i] = (double)own[i];
    for (i = 0; i < atom + 2; i++) {
        otx__row row;
        row.data = rows + i * columns;
        row.bf16 = false;
        choice->kernels->products(wide, &row, 1, columns, &products[i]);
    }
}

/* The coefficients of the first atoms of one hidden anchor, for all numbers of them. */
OTX__PRIVATE void otx__choice_prefix_body(void *argument, size_t i, int worker)
{
    const otx__choice *choice = (const otx__choice *)argument;
    const otx__choice_set *set = choice->set;
    size_t most = set->most, columns = choice->normal->donor.columns, count, j, p;
    size_t triangle = otx__triangle_size(most);
    float *rows = choice->rows + (size_t)worker * (most + 1) * columns;
    double *wide = choice->wide + (size_t)worker * columns;
    double *factor = choice->factor + (size_t)worker * (triangle + 2 * most + 2);
    double *forward = factor + triangle, *products = forward + most;
    const int32_t *indices = set->indices + i * most;
    otx__choice_centre(choice, choice->order[choice->kept + i], rows);
    for (count = 0; count < most && indices[count] >= 0; count++) {
        double *row = factor + otx__triangle_size(count), pivot, value;
        otx__choice_centre(choice, choice->order[indices[count]], rows + (count + 1) * columns);
        otx__choice_products(choice, rows, count, wide, products);
        value = products[0];
        pivot = products[count + 1] * (1.0 + choice->options->ridge);
        for (j = 0; j < count; j++) row[j] = products[j + 1];
        if (count) otx__triangle_forward(factor, count, row);
        for (j = 0; j < count; j++) {
            double square = row[j] * row[j], share = row[j] * forward[j];
            pivot -= square;
            value -= share;
        }
        if (!(pivot > 0.0)) break;
        row[count] = sqrt(pivot);
        forward[count] = value / row[count];
    }
    for (j = 0; j < set->k_count; j++) {
        size_t first = otx__min(choice->ks[j], count);
        double *to = set->coefficients + (j * choice->hidden + i) * most;
        for (p = 0; p < most; p++) to[p] = p < first ? forward[p] : 0.0;
        if (first) otx__triangle_backward(factor, first, to);
    }
}

/* The pursuit of all hidden anchors, for the set at hand. */
OTX__PRIVATE otx_result otx__choice_pursue(otx__choice *choice, uint64_t taken, otx_error *error)
{
    const otx_matrix *donor = choice->normal->donor.matrix;
    otx__watch watch =
        otx__watch_open(choice->ctx, OTX_STAGE_GRAM, choice->normal->done, choice->normal->total);
    otx_matrix atoms = *donor, targets = *donor;
    otx_omp_options options;
    otx_omp_output output;
    otx_result result;
    if (!choice->set->most) return OTX_OK;
    atoms.index = choice->donor_rows;
    atoms.rows = choice->kept;
    targets.index = choice->donor_rows + choice->kept;
    targets.rows = choice->hidden;
    memset(&options, 0, sizeof options);
    memset(&output, 0, sizeof output);
    options.k = choice->set->most;
    options.cosine = choice->set->cosine;
    options.centred = true;
    options.ridge = choice->options->ridge;
    options.tolerance = choice->options->tolerance;
    options.memory = otx__choice_budget(choice, taken);
    output.indices = choice->set->indices;
    output.coefficients = choice->last;
    result = otx__omp_shared(choice->ctx, &atoms, choice->sharing, &targets, &options, &output,
                             NULL, error);
    if (!result)
        result = otx__watch_loop(&watch, choice->hidden,
                                 (double)choice->set->most * (double)choice->set->most *
                                     (double)donor->columns,
                                 otx__choice_prefix_body, choice, error);
    return result;
}

/* ---- figures ---- */

/* Rows of the base, evenly spread over the anchors. */
OTX__PRIVATE void otx__choice_sample(otx__choice *choice)
{
    const otx_matrix *base = choice->normal->base.matrix;
    size_t i;
    for (i = 0; i < choice->sample_count; i++) {
        size_t row = (size_t)((uint64_t)i * base->rows / choice->sample_count);
        otx_to_float(choice->sample + i * base->columns, otx__affine_at(base, row, 0),
                     base->dtype, base->columns);
    }
}

/* The sum of the squared products of a vector with the sample. */
OTX__PRIVATE double otx__choice_moment(const otx__choice *choice, const double *vector,
                                       double *products)
{
    size_t width = choice->normal->base.columns, first, count, i;
    double sum = 0.0;
    for (first = 0; first < choice->sample_count; first += count) {
        otx__row rows[OTX__TILE];
        count = otx__min(OTX__TILE, choice->sample_count - first);
        for (i = 0; i < count; i++) {
            rows[i].data = choice->sample + (first + i) * width;
            rows[i].bf16 = false;
        }
        choice->kernels->dots(vector, rows, count, width, products);
        for (i = 0; i < count; i++) sum += products[i] * products[i];
    }
    return sum;
}

/* Compares one row with the true one. */
OTX__PRIVATE void otx__choice_compare_body(void *argument, size_t i, int worker)
{
    const otx__choice *choice = (const otx__choice *)argument;
    const otx_matrix *base = choice->normal->base.matrix;
    size_t width = base->columns, j;
    double *truth = choice->truth + (size_t)worker * (width + OTX__TILE);
    double *row = choice->mapping.rows + i * width, share = 0.0;
    otx__figures *figures = &choice->figures[i];
    otx__mapping_copy(&choice->mapping, choice->kept + i, truth);
    for (j = 0; j < width; j++) {
        share += row[j] * truth[j];
        row[j] -= truth[j];
    }
    figures->share = share;
    figures->error = otx__choice_moment(choice, row, truth + width);
    if (choice->known) return;
    figures->whole = 0.0;
    for (j = 0; j < width; j++) figures->whole += truth[j] * truth[j];
    figures->moment = otx__choice_moment(choice, truth, truth + width);
}

/* The rows of all hidden anchors by one choice, and its figures. */
OTX__PRIVATE otx_result otx__choice_try(otx__choice *choice, size_t k, otx_affine_trial *trial,
                                        otx_error *error)
{
    otx__watch watch =
        otx__watch_open(choice->ctx, OTX_STAGE_GRAM, choice->normal->done, choice->normal->total);
    double width = (double)choice->normal->base.columns;
    otx__figures sum = {0.0, 0.0, 0.0, 0.0};
    otx_result result;
    size_t i;
    choice->mapping.indices = choice->set->indices;
    choice->mapping.coefficients =
        choice->set->coefficients + k * choice->hidden * choice->set->most;
    choice->mapping.k = choice->set->most;
    result = otx__mapping_run(&choice->mapping, &watch, error);
    if (!result)
        result = otx__watch_loop(&watch, choice->hidden,
                                 2.0 * (double)choice->sample_count * width,
                                 otx__choice_compare_body, choice, error);
    choice->known = true;
    for (i = 0; i < choice->hidden && !result; i++) {
        sum.share += choice->figures[i].share;
        sum.whole += choice->figures[i].whole;
        sum.error += choice->figures[i].error;
        sum.moment += choice->figures[i].moment;
    }
    trial->share = sum.whole > 0.0 ? sum.share / sum.whole : 0.0;
    trial->error = sum.moment > 0.0 ? sqrt(sum.error / sum.moment) : 0.0;
    trial->loss = trial->error + OTX__CHOICE_SHARE * (1.0 - trial->share);
    return result;
}

/* The choice of the least loss, of equals the first. */
OTX__PRIVATE size_t otx__choice_least(const otx_affine_trial *trials, size_t count, bool cosine)
{
    size_t best = SIZE_MAX, i;
    for (i = 0; i < count; i++)
        if (trials[i].cosine == cosine &&
            (best == SIZE_MAX || trials[i].loss < trials[best].loss))
            best = i;
    return best;
}

/* The best choice by each way of selecting is found, and by cosine if that is far better; if
   it takes atoms, the one with most atoms, all else being the same, whose loss is nearly
   that. */
OTX__PRIVATE size_t otx__choice_best(const otx_affine_trial *trials, size_t count)
{
    size_t best = otx__choice_least(trials, count, false), i;
    size_t cosine = otx__choice_least(trials, count, true);
    double least;
    if (best == SIZE_MAX ||
        (cosine != SIZE_MAX && trials[cosine].loss < OTX__CHOICE_COSINE * trials[best].loss))
        best = cosine;
    least = trials[best].loss;
    if (trials[best].k == 0) return best;
    for (i = best + 1; i < count && trials[i].k > trials[i - 1].k; i++)
        if (trials[i].loss <= OTX__CHOICE_SLACK * least) best = i;
    return best;
}

/* Tries every choice, in their order. */
OTX__PRIVATE otx_result otx__choice_run(otx__choice *choice, otx_affine_trial *trials,
                                        size_t count, uint64_t taken, otx_error *error)
{
    size_t i = 0, set, k;
    double clock = otx__now();
    otx_result result = OTX_OK;
    for (set = 0; set < choice->set_count && !result; set++) {
        choice->set = &choice->sets[set];
        result = otx__choice_pursue(choice, taken, error);
    }
    choice->seconds_pursuit += otx__now() - clock;
    while (i < count && !result) {
        result = otx__normal_solve(choice->normal, trials[i].lambda, error);
        if (!result) result = otx__affine_set(choice->map, choice->normal, choice->wide, error);
        clock = otx__now();
        for (set = 0; set < choice->set_count; set++) {
            choice->set = &choice->sets[set];
            for (k = 0; k < choice->set->k_count && !result; k++)
                result = otx__choice_try(choice, k, &trials[i++], error);
        }
        choice->seconds_trials += otx__now() - clock;
    }
    return result;
}
