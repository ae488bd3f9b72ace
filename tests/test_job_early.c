/* Whatever can fail without a solve fails before the first one, which may take hours.
   A suite of the public API: linked with the implementation. */
#include "small_models.h"

static int solves;

static otx_result count_solves(void *context, const otx_context *ctx, const otx_matrix *atoms,
                               const otx_matrix *targets, const otx_omp_options *options,
                               const otx_omp_output *output, otx_omp_stats *stats,
                               otx_error *error)
{
    (void)context;
    solves++;
    return otx_omp(ctx, atoms, targets, options, output, stats, error);
}

#ifndef _WIN32
/* A file that cannot be copied ends the run before the first solve, which may take hours,
   and what stood under the output's name stays. */
static void test_files_before_solving(void)
{
    static const char *const files[] = {"base/LICENSE", "base/assets/deep/a.txt",
                                        "donor/chat_template.jinja",
                                        "donor/additional_chat_templates/a.jinja"};
    static const struct {
        const char *command;
        const char *message;
    } cases[] = {
        {"mkfifo", "is a device or a pipe, not a regular file"},
        {"ln -s nowhere", "is a link that leads nowhere"},
        {"ln -s circle circle && ln -s circle", "cannot be looked at"},
    };
    otx_job_options options;
    model base, donor;
    size_t i, j;
    base_model_of(&base, OTX_F32, true);
    base.shards = 3;
    donor_model_of(&donor, OTX_F32, true);
    memset(&options, 0, sizeof options);
    options.how.solve = count_solves;
    options.overwrite = true;
    for (i = 0; i < COUNT(files); i++)
        for (j = 0; j < COUNT(cases); j++) {
            const char *name = strrchr(files[i], '/');
            char line[200];
            write_model("base", &base);
            write_model("donor", &donor);
            (void)snprintf(line, sizeof line, "mkdir -p %.*s && cd %.*s && %s %s",
                           (int)(name - files[i]), files[i], (int)(name - files[i]), files[i],
                           cases[j].command, name + 1);
            CHECK(scratch_shell(line));
            solves = 0;
            check_fails(&options, OTX_ERROR_IO, cases[j].message);
            CHECK_CONTAINS(last_error.message, files[i]);
            CHECK_INT(solves, 0);
            write_model("out", &base);
            CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), at("out"), &options, NULL,
                                     NULL), OTX_ERROR_IO);
            CHECK_INT(solves, 0);
            CHECK_INT(scratch_count("out"), 1);
            CHECK_STRING(read_file("out", "config.json"), plain_config);
        }
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(&options, NULL);
    CHECK_INT(solves, 2); /* which is what was not called above */
}

/* An index that has become unreadable after the job was opened. */
static void test_index_before_solving(void)
{
    otx_job_options options;
    otx_error error;
    otx_job *job = NULL;
    model base, donor;
    base_model_of(&base, OTX_F32, true);
    base.shards = 3;
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
    scratch_remove_tree("out");
    memset(&options, 0, sizeof options);
    options.how.solve = count_solves;
    solves = 0;
    CHECK_INT(otx_job_open(NULL, at("base"), at("donor"), &options, &job, &error), OTX_OK);
    CHECK(scratch_remove("base/model.safetensors.index.json"));
    CHECK_INT(otx_job_run(job, at("out"), &error), OTX_ERROR_NOT_FOUND);
    CHECK_CONTAINS(error.message, "index.json: is gone");
    CHECK_INT(solves, 0);
    CHECK_INT(scratch_count("out"), 0);
    otx_job_close(job);
}
#endif

static double spoiled_donor(size_t row, size_t column)
{
    return row == bad_row && column == 1 ? bad_value : donor_embedding(row, column);
}

/* Values that cannot be used, of whatever matrix, end the run before the first solve. */
static void test_values_before_solving(void)
{
    otx_job_options options;
    model base, donor;
    memset(&options, 0, sizeof options);
    options.how.solve = count_solves;
    solves = 0;
    bad_row = 6;
    bad_value = (double)NAN;
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, true);
    base.tensors[1].value = spoiled_base;
    write_model("base", &base);
    write_model("donor", &donor);
    check_fails(&options, OTX_ERROR_NOT_FINITE, "base: tensor \"lm_head.weight\", row 6");
    CHECK_INT(solves, 0);
    base.tensors[1].value = base_head;
    donor.tensors[1].value = spoiled_donor; /* the second that is solved for */
    write_model("base", &base);
    write_model("donor", &donor);
    check_fails(&options, OTX_ERROR_NOT_FINITE, "donor: tensor \"lm_head.weight\", row 6");
    CHECK_INT(solves, 0);
    CHECK_INT(otx_transplant(NULL, at("base"), at("donor"), NULL, &options, NULL, NULL),
              OTX_ERROR_NOT_FINITE);
    CHECK_INT(solves, 0);
    /* A row that is copied does not fit its new type. */
    bad_value = 480;
    options.dtype = OTX_F8_E4M3;
    donor.tensors[1].value = donor_head;
    base.tensors[0].value = spoiled_base;
    write_model("base", &base);
    write_model("donor", &donor);
    check_fails(&options, OTX_ERROR_RANGE, "donor id 4 (token \"e\") has a value beyond the "
                                           "largest of F8_E4M3; pass --saturate");
    CHECK_INT(solves, 0);
    options.saturate = true;
    CHECK_RUN(&options, NULL);
    CHECK_INT(solves, 2);
}

int main(void)
{
    scratch_open("job_early");
#ifndef _WIN32
    RUN(test_files_before_solving);
    RUN(test_index_before_solving);
#endif
    RUN(test_values_before_solving);
    scratch_close();
    return test_end();
}
