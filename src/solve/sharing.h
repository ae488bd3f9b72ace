/* ---- sharing: columns that many atoms have in common ----------------------------- */

/* Rows may be made of parts that others have too, as most columns of lengthened rows are
   (methods/lengthen.h). The products of a vector with all parts that differ are computed once,
   and each atom takes its own from among them. They add up to a sum of products in float like
   any other: the bound of it is the same (screen.h). */

#define OTX__SHARED_PARTS 2

/* Panels of vectors whose products with parts are kept at a time. */
#define OTX__SHARED_PANELS 8

/* Columns whose product takes as long as looking up that of a part. */
#define OTX__SHARED_LOOK 16.0

/* Columns of a matrix, as its owner knows them. */
typedef struct otx__shared {
    size_t first, columns;
    size_t count;          /* of parts that differ */
    const uint32_t *which; /* [row, as it is stored] which of them it has there */
} otx__shared;

/* All of its columns: its own, and behind them parts, beside one another. */
typedef struct otx__sharing {
    size_t own;
    otx__shared parts[OTX__SHARED_PARTS];
} otx__sharing;

/* What a solve keeps of one part of the atoms. */
typedef struct otx__shares_part {
    size_t first, columns;
    size_t tiles;    /* of those that differ, as are the next four */
    uint32_t *atoms; /* [tile][32] one that has it, or OTX__NO_ATOM */
    double *units;   /* [tile][32] the power of 2 that it is in units of; 0 for one of zeros */
    float *panels;   /* [tile][column][32] */
    float *products; /* [tile][panel][32][32 vectors] with the panels at hand */
    uint32_t *which; /* [atom of whole tiles] */
    float *factors;  /* [atom of whole tiles] unit / norm */
} otx__shares_part;

typedef struct otx__shares {
    size_t panel; /* the first of those at hand */
    otx__shares_part parts[OTX__SHARED_PARTS];
} otx__shares;

/* ---- what it costs ---- */

/* Columns that a product with an atom takes, in the mean. */
OTX__PRIVATE double otx__sharing_columns(const otx__sharing *sharing, double atoms)
{
    double columns = (double)sharing->own;
    size_t i;
    for (i = 0; i < OTX__SHARED_PARTS; i++)
        columns += OTX__SHARED_LOOK + (double)sharing->parts[i].columns *
                                          otx__least(1.0, (double)sharing->parts[i].count / atoms);
    return columns;
}

/* Bytes; width: atoms of whole tiles. */
OTX__PRIVATE double otx__shares_need(const otx__sharing *sharing, double width)
{
    double need = sizeof(otx__shares);
    size_t i;
    for (i = 0; i < OTX__SHARED_PARTS; i++)
        need += 8.0 * width +
                (double)otx__tiles(sharing->parts[i].count) * OTX__TILE *
                    (12.0 + 4.0 * (double)sharing->parts[i].columns +
                     4.0 * OTX__SHARED_PANELS * OTX__TILE);
    return need;
}

OTX__PRIVATE bool otx__shares_take(otx__dictionary *dictionary, const otx__sharing *sharing,
                                   otx__pool *pool)
{
    otx__shares *shares = (otx__shares *)otx__pool_take_zero(pool, 1, sizeof *shares);
    size_t width = dictionary->tiles * OTX__TILE, i;
    dictionary->shares = shares;
    for (i = 0; i < OTX__SHARED_PARTS && shares; i++) {
        otx__shares_part *part = &shares->parts[i];
        size_t room;
        part->first = sharing->parts[i].first;
        part->columns = sharing->parts[i].columns;
        part->tiles = otx__tiles(sharing->parts[i].count);
        room = part->tiles * OTX__TILE;
        part->atoms = (uint32_t *)otx__pool_take(pool, room, sizeof(uint32_t));
        part->units = (double *)otx__pool_take(pool, room, sizeof(double));
        part->panels = (float *)otx__pool_take(pool, room, part->columns * sizeof(float));
        part->products = (float *)otx__pool_take(
            pool, room, OTX__SHARED_PANELS * OTX__TILE * sizeof(float));
        part->which = (uint32_t *)otx__pool_take_zero(pool, width, sizeof(uint32_t));
        part->factors = (float *)otx__pool_take_zero(pool, width, sizeof(float));
    }
    return !pool->failed;
}

/* ---- the parts ---- */

typedef struct otx__shares_task {
    const otx__dictionary *dictionary;
    otx__shares_part *part;
    const otx__panels *vectors; /* and of these, which: */
    size_t panel, count;
} otx__shares_task;

/* Fills one panel of parts, each in units of the power of 2 that is next to its norm. */
OTX__PRIVATE void otx__shares_fill_body(void *argument, size_t tile, int worker)
{
    const otx__shares_task *task = (const otx__shares_task *)argument;
    const otx__shares_part *part = task->part;
    size_t i, p;
    (void)worker;
    for (i = tile * OTX__TILE; i < (tile + 1) * OTX__TILE; i++) {
        float *to = part->panels + tile * part->columns * OTX__TILE + i % OTX__TILE;
        bool have = part->atoms[i] != OTX__NO_ATOM;
        otx__row row = otx__view_row(&task->dictionary->rows, have ? part->atoms[i] : 0);
        double square = 0.0;
        int exponent;
        for (p = 0; p < part->columns && have; p++) {
            double value = (double)otx__row_element(row, part->first + p);
            square += value * value;
        }
        (void)frexp(sqrt(square), &exponent);
        part->units[i] = square > 0.0 ? ldexp(1.0, exponent) : 0.0;
        for (p = 0; p < part->columns; p++)
            to[p * OTX__TILE] =
                square > 0.0 ? (float)((double)otx__row_element(row, part->first + p) /
                                       part->units[i])
                             : 0.0f;
    }
}

/* Learns which parts the atoms have, whose rows and norms are known. index: of the atoms, where
   they are stored, or NULL. */
OTX__PRIVATE otx_result otx__shares_fill(const otx__dictionary *dictionary,
                                         const otx__sharing *sharing, const uint32_t *index,
                                         otx_error *error)
{
    otx__watch watch = otx__watch_open(dictionary->ctx, OTX_STAGE_GRAM, 0, dictionary->count);
    otx_result result = OTX_OK;
    otx__shares_task task;
    size_t i, j;
    memset(&task, 0, sizeof task);
    task.dictionary = dictionary;
    for (i = 0; i < OTX__SHARED_PARTS && !result; i++) {
        otx__shares_part *part = task.part = &dictionary->shares->parts[i];
        for (j = 0; j < part->tiles * OTX__TILE; j++) part->atoms[j] = OTX__NO_ATOM;
        for (j = 0; j < dictionary->count; j++) {
            part->which[j] = sharing->parts[i].which[index ? index[j] : j];
            if (part->atoms[part->which[j]] == OTX__NO_ATOM)
                part->atoms[part->which[j]] = (uint32_t)j;
        }
        result = otx__watch_loop(&watch, part->tiles,
                                 8.0 * OTX__TILE * (double)part->columns,
                                 otx__shares_fill_body, &task, error);
        for (j = 0; j < dictionary->count && !result; j++)
            if (dictionary->norms[j] > 0.0)
                part->factors[j] =
                    (float)(part->units[part->which[j]] / dictionary->norms[j]);
    }
    return result;
}

/* ---- products ---- */

/* One panel of parts with those of the vectors at hand. */
OTX__PRIVATE void otx__shares_look_body(void *argument, size_t tile, int worker)
{
    const otx__shares_task *task = (const otx__shares_task *)argument;
    const otx__shares_part *part = task->part;
    const float *vectors = (const float *)(const void *)otx__panel_at(task->vectors, task->panel);
    (void)worker;
    otx__panels_multiply_strips(
        task->dictionary->kernels, vectors + part->first * OTX__TILE, task->count,
        task->vectors->columns, part->panels + tile * part->columns * OTX__TILE, part->columns,
        OTX__TILE, part->products + tile * OTX__SHARED_PANELS * OTX__TILE_SIZE);
}

/* Computes the products of all parts with `count` panels of whole vectors from one on. */
OTX__PRIVATE otx_result otx__shares_look(const otx__dictionary *dictionary,
                                         const otx__panels *vectors, size_t panel, size_t count,
                                         otx__watch *watch, otx_error *error)
{
    otx_result result = OTX_OK;
    otx__shares_task task;
    size_t i;
    task.dictionary = dictionary;
    task.vectors = vectors;
    task.panel = dictionary->shares->panel = panel;
    task.count = count;
    for (i = 0; i < OTX__SHARED_PARTS && !result; i++) {
        otx__shares_part *part = task.part = &dictionary->shares->parts[i];
        double work = (double)(count * OTX__TILE_SIZE) * (double)part->columns;
        result = otx__watch_loop(watch, part->tiles, work, otx__shares_look_body, &task, error);
    }
    return result;
}

/* Adds to the products of a tile's own columns those of its parts, with the first vectors of a
   panel at hand. */
OTX__PRIVATE void otx__shares_add(const otx__shares *shares, size_t tile, size_t panel,
                                  size_t wanted, float *products)
{
    size_t atom, i, j;
    for (atom = tile * OTX__TILE; atom < (tile + 1) * OTX__TILE; atom++) {
        float *to = products + atom % OTX__TILE, sums[OTX__TILE] = {0};
        for (i = 0; i < OTX__SHARED_PARTS; i++) {
            const otx__shares_part *part = &shares->parts[i];
            size_t which = part->which[atom], at = which / OTX__TILE * OTX__SHARED_PANELS;
            const float *from = part->products + (at + panel - shares->panel) * OTX__TILE_SIZE +
                                which % OTX__TILE * OTX__TILE;
            float by = part->factors[atom];
            for (j = 0; j < OTX__TILE; j++) sums[j] += from[j] * by;
        }
        for (j = 0; j < wanted; j++) to[j * OTX__TILE] += sums[j];
    }
}

/* As otx__panels_multiply, of all atoms of some tiles. */
OTX__PRIVATE void otx__dictionary_multiply(const otx__dictionary *dictionary, size_t first,
                                           size_t tiles, const otx__panels *vectors,
                                           size_t panel, size_t wanted, float *products)
{
    const otx__panels *panels = &dictionary->panels;
    size_t i;
    otx__panels_multiply(dictionary->kernels, panels, first, tiles, vectors, panel, wanted,
                         products);
    if (!dictionary->shares) return;
    for (i = 0; i < tiles; i++)
        otx__shares_add(dictionary->shares, first + i, panel, wanted,
                        products + i * OTX__TILE_SIZE);
    otx__panels_take_common(panels, first, tiles, vectors, panel, wanted, products);
}
