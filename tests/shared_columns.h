/* Problems whose atoms share columns, for test_bound.c and test_sharing.c, which include the
   implementation. */
#ifndef SHARED_COLUMNS_H
#define SHARED_COLUMNS_H

#include "problems.h"

/* Which parts of atoms are alike, and where it is told. */
typedef struct shared_columns {
    otx__sharing sharing;
    uint32_t *which[OTX__SHARED_PARTS]; /* [atom] */
} shared_columns;

/* Gives the columns behind `own` of all atoms, in two parts, one of so many contents each: one
   of zeros, one so small that its products vanish, and the last not used by any atom. Targets
   get them too. The first atoms have nothing else, or little. */
static inline shared_columns share_columns(problem *p, size_t own, size_t count)
{
    shared_columns s;
    size_t part, first = own, i, j;
    memset(&s, 0, sizeof s);
    s.sharing.own = own;
    for (part = 0; part < OTX__SHARED_PARTS; part++) {
        otx__shared *shared = &s.sharing.parts[part];
        size_t columns = part ? p->columns - first : (p->columns - own) / 2;
        float *contents = (float *)malloc(count * columns * sizeof *contents);
        s.which[part] = (uint32_t *)malloc(p->atoms * sizeof(uint32_t));
        for (i = 0; i < count * columns; i++) {
            double scale = i < columns ? 0.0 : i < 2 * columns ? 1e-38 : 1.5;
            contents[i] = (float)(scale * normal());
        }
        for (i = 0; i < p->atoms + p->targets; i++) {
            size_t which = (size_t)(uniform() * (double)(count - 1));
            float *row = i < p->atoms ? p->a + i * p->columns
                                      : p->y + (i - p->atoms) * p->columns;
            if (i < p->atoms) s.which[part][i] = (uint32_t)which;
            for (j = 0; j < columns; j++) row[first + j] = contents[which * columns + j];
        }
        for (j = 0; j < own; j++) {
            p->a[4 * p->columns + j] = 0.0f;
            p->a[5 * p->columns + j] *= 1e-30f;
        }
        shared->first = first;
        shared->columns = columns;
        shared->count = count;
        shared->which = s.which[part];
        first += columns;
        free(contents);
    }
    return s;
}

static inline void shared_columns_close(shared_columns *s)
{
    size_t part;
    for (part = 0; part < OTX__SHARED_PARTS; part++) free(s->which[part]);
}

#endif
