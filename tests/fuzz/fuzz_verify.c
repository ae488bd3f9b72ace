/* verify on a model of which some bytes are others: it comes to its end, or says why not. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"
#include "fuzz.h"
#include "fuzz_models.h"

static fuzz_text files[] = {{"model/config.json", NULL, 0, false},
                            {"model/tokenizer.json", NULL, 0, false},
                            {"model/tokenizer_config.json", NULL, 0, false},
                            {"model/generation_config.json", NULL, 0, false},
                            {"model/model.safetensors.index.json", NULL, 0, false},
                            {"model/model-00001-of-00003.safetensors", NULL, 0, false},
                            {"model/model-00003-of-00003.safetensors", NULL, 0, false}};

static void make_model(void)
{
    model m;
    scratch_open("fuzz-verify");
    atexit(scratch_close);
    base_model_of(&m, OTX_F32, true);
    m.generation = "{\"eos_token_id\": [1], \"bos_token_id\": 0}";
    m.shards = 3;
    write_model("model", &m);
    fuzz_keep(files, COUNT(files));
    FUZZ_CHECK(fuzz_sound(at("model")));
}

static void fuzz_one(const char *bytes, size_t size)
{
    char path[300];
    if (!files[0].good) make_model();
    fuzz_spoil(files, COUNT(files), bytes, size);
    snprintf(path, sizeof path, "%s", at("model"));
    (void)fuzz_sound(path);
}
