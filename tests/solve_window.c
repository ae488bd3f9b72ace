/* One process of a transplant that is divided by hand, without MPI:

       solve_window part INDEX COUNT BASE DONOR DIRECTORY FORM METHOD K MEMORY
       solve_window join 0 COUNT BASE DONOR DIRECTORY FORM METHOD K MEMORY

   A part solves its window of the targets of every matrix and leaves the results in
   DIRECTORY/MATRIX.INDEX; the joining process reads them all in place of solving, and
   writes the model to DIRECTORY/joined. It is linked with the implementation. */
#include "omp_transplant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct share {
    const char *directory;
    bool part;
    size_t index, count; /* which window, of how many */
    int matrix;          /* how many have been asked for */
} share;

/* Moves the results of one window between the arrays and a file. */
static bool move_window(const share *s, size_t index, const otx_omp_output *output,
                        size_t targets, size_t k, bool write)
{
    size_t first = targets * index / s->count, count = targets * (index + 1) / s->count - first;
    void *at[4];
    size_t sizes[4], i;
    char path[1000];
    FILE *file;
    bool good = true;
    at[0] = output->indices + first * k, sizes[0] = k * sizeof *output->indices;
    at[1] = output->coefficients + first * k, sizes[1] = k * sizeof *output->coefficients;
    at[2] = output->residual_norms + first, sizes[2] = sizeof *output->residual_norms;
    at[3] = output->target_norms + first, sizes[3] = sizeof *output->target_norms;
    snprintf(path, sizeof path, "%s/%d.%d", s->directory, s->matrix, (int)index);
    file = fopen(path, write ? "wb" : "rb");
    if (!file) return false;
    for (i = 0; i < 4; i++)
        good &= (write ? fwrite(at[i], sizes[i], count, file)
                       : fread(at[i], sizes[i], count, file)) == count;
    return (fclose(file) == 0) & good;
}

static otx_result solve(void *context, const otx_context *ctx, const otx_matrix *atoms,
                        const otx_matrix *targets, const otx_omp_options *options,
                        const otx_omp_output *output, otx_omp_stats *stats, otx_error *error)
{
    share *s = (share *)context;
    size_t k = otx_omp_k(options->k, atoms->rows, atoms->columns), i;
    otx_omp_options window = *options;
    otx_result result = OTX_OK;
    bool good = true;
    window.first_target = targets->rows * s->index / s->count;
    window.target_count = targets->rows * (s->index + 1) / s->count - window.first_target;
    if (s->part) {
        for (i = 0; i < targets->rows * k; i++) output->indices[i] = -1; /* of the others */
        for (i = 0; i < targets->rows; i++) output->target_norms[i] = 0;
        if (window.target_count > 0)
            result = otx_omp(ctx, atoms, targets, &window, output, stats, error);
        if (!result) good = move_window(s, s->index, output, targets->rows, k, true);
    } else {
        for (i = 0; i < s->count && good; i++)
            good = move_window(s, i, output, targets->rows, k, false);
    }
    s->matrix++;
    if (good) return result;
    error->code = OTX_ERROR_IO;
    strcpy(error->message, "the results of a window could not be written or read");
    return error->code;
}

/* Whether the names are known ones. */
static bool read_names(const char *form, const char *method, otx_job_options *options)
{
    int i;
    for (i = 0; i < OTX_FORM_COUNT && strcmp(form, otx_omp_form_name((otx_omp_form)i)); i++) {}
    options->how.omp.form = (otx_omp_form)i;
    if (i == OTX_FORM_COUNT) return false;
    for (i = 0; i < OTX_METHOD_COUNT && strcmp(method, otx_method_name((otx_method)i)); i++) {}
    options->method = (otx_method)i;
    return i < OTX_METHOD_COUNT;
}

int main(int count, char **words)
{
    char out[1000];
    otx_context ctx;
    otx_job_options options;
    otx_error error;
    share s;
    if (count != 11) return 2;
    memset(&ctx, 0, sizeof ctx);
    memset(&s, 0, sizeof s);
    memset(&options, 0, sizeof options);
    ctx.threads = 1;
    s.part = strcmp(words[1], "part") == 0;
    s.index = (size_t)atoi(words[2]);
    s.count = (size_t)atoi(words[3]);
    s.directory = words[6];
    snprintf(out, sizeof out, "%s/joined", words[6]);
    if (!read_names(words[7], words[8], &options)) return 2;
    options.how.omp.k = (size_t)atoi(words[9]);
    options.how.omp.memory = (uint64_t)atoi(words[10]);
    options.how.solve = solve;
    options.how.solve_context = &s;
    if (!otx_transplant(&ctx, words[4], words[5], s.part ? NULL : out, &options, NULL, &error))
        return 0;
    fprintf(stderr, "%s\n", error.message);
    return 1;
}
