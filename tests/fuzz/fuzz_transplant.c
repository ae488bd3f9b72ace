/* A whole transplant of small models of which some bytes are others: it is refused in one line
   and nothing stands at the output's name, or what stands there is sound if both models were. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"
#include "fuzz.h"
#include "fuzz_models.h"

static fuzz_text files[] = {
    {"base/config.json", NULL, 0, false},      {"base/tokenizer.json", NULL, 0, false},
    {"base/tokenizer_config.json", NULL, 0, false},
    {"base/generation_config.json", NULL, 0, false},
    {"base/model.safetensors", NULL, 0, false}, {"donor/config.json", NULL, 0, false},
    {"donor/tokenizer.json", NULL, 0, false},  {"donor/tokenizer_config.json", NULL, 0, false},
    {"donor/model.safetensors", NULL, 0, false}};

static void make_models(void)
{
    model m;
    scratch_open("fuzz-transplant");
    atexit(scratch_close);
    base_model_of(&m, OTX_F32, true);
    m.generation = "{\"eos_token_id\": [1], \"bos_token_id\": 0}";
    write_model("base", &m);
    donor_model_of(&m, OTX_BF16, true);
    write_model("donor", &m);
    fuzz_keep(files, COUNT(files));
}

static void fuzz_one(const char *bytes, size_t size)
{
    otx_job_options options;
    otx_error error;
    char base[300], donor[300], out[300];
    if (!files[0].good) make_models();
    fuzz_spoil(files, COUNT(files), bytes, size);
    snprintf(base, sizeof base, "%s", at("base"));
    snprintf(donor, sizeof donor, "%s", at("donor"));
    snprintf(out, sizeof out, "%s", at("out"));
    memset(&options, 0, sizeof options);
    options.method = OTX_METHOD_MEAN;
    if (otx_transplant(NULL, base, donor, out, &options, NULL, &error)) {
        fuzz_check_error(&error);
        FUZZ_CHECK(!scratch_exists(out));
    } else {
        FUZZ_CHECK(fuzz_sound(out) || !fuzz_sound(base) || !fuzz_sound(donor));
        scratch_remove_tree("out");
    }
}
