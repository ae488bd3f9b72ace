/* Models that change while they are read would make a mixture: the job says so, and its
   output does not get its name. A suite of the public API: linked with the
   implementation. */
#include <time.h>

#include "small_models.h"

/* A file to be written to, and how. */
typedef struct meddler {
    const char *path, *mode, *text;
} meddler;

/* Waits until a file system tells the time from that of the call. */
static void pass_time(void)
{
    const clock_t start = clock();
    while (clock() - start < CLOCKS_PER_SEC / 20) {}
}

/* Solves, and writes to the file meanwhile. */
static otx_result meddle(void *context, const otx_context *ctx, const otx_matrix *atoms,
                         const otx_matrix *targets, const otx_omp_options *options,
                         const otx_omp_output *output, otx_omp_stats *stats, otx_error *error)
{
    const meddler *m = (const meddler *)context;
    FILE *file;
    pass_time();
    file = fopen(m->path, m->mode);
    if (!file || fputs(m->text, file) == EOF || fclose(file) != 0) exit(1);
    return otx_omp(ctx, atoms, targets, options, output, stats, error);
}

/* Whether a job fails in whose course the file is written to. */
static void check_change(const char *name, const char *mode, const char *text)
{
    otx_job_options options;
    meddler m;
    model base, donor;
    base_model_of(&base, OTX_F32, true);
    base.shards = 3;
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_file("base", "README.md", "read me");
    scratch_directory("base/assets");
    write_file("base", "assets/a.txt", "a");
    write_model("donor", &donor);
    write_file("donor", "chat_template.jinja", "donor");
    m.path = at(name);
    m.mode = mode;
    m.text = text;
    memset(&options, 0, sizeof options);
    options.how.solve = meddle;
    options.how.solve_context = &m;
    check_fails(&options, OTX_ERROR_IO, name);
    CHECK_CONTAINS(last_error.message, "it was first looked at");
}

static void test_weights(void)
{
    check_change("base/model-00001-of-00003.safetensors", "ab", "more");
    check_change("base/model-00002-of-00003.safetensors", "r+b", "x");
    check_change("base/model.safetensors.index.json", "ab", " ");
    check_change("donor/model.safetensors", "ab", "more");
}

static void test_files_that_are_read(void)
{
    check_change("base/config.json", "ab", " ");
    check_change("base/tokenizer.json", "ab", " ");
    check_change("donor/tokenizer.json", "ab", " ");
}

static void test_files_that_are_copied(void)
{
    check_change("base/README.md", "ab", "more");
    check_change("base/README.md", "r+b", "x");
    check_change("base/assets/a.txt", "wb", "");
    check_change("donor/chat_template.jinja", "ab", "more");
}

int main(void)
{
    scratch_open("changes");
    RUN(test_weights);
    RUN(test_files_that_are_read);
    RUN(test_files_that_are_copied);
    scratch_close();
    return test_end();
}
