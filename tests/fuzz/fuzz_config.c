/* config.json and generation_config.json (behind a byte 0x1e), edited for another vocabulary:
   refused in one line, or still JSON in which only what can speak of the vocabulary is other. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"
#include "fuzz.h"
#include "fuzz_models.h"

static otx_job *job;

static void make_job(void)
{
    otx_job_options options;
    otx_error error;
    char base[300], donor[300];
    model m;
    scratch_open("fuzz-config");
    base_model_of(&m, OTX_F32, true);
    write_model("base", &m);
    donor_model_of(&m, OTX_BF16, true);
    write_model("donor", &m);
    snprintf(base, sizeof base, "%s", at("base"));
    snprintf(donor, sizeof donor, "%s", at("donor"));
    memset(&options, 0, sizeof options);
    options.method = OTX_METHOD_MEAN;
    FUZZ_CHECK(otx_job_open(NULL, base, donor, &options, &job, &error) == OTX_OK);
    scratch_close();
}

/* ---- what may change ---- */

/* A key, decoded; to be freed. */
static char *key_of(const otx_json *json, uint32_t node)
{
    size_t size = otx__json_span(json, node).size;
    char *key = (char *)malloc(size + 1);
    FUZZ_CHECK(key);
    key[otx_json_string(json, node, key)] = 0;
    return key;
}

/* Whether a key can speak of ids, sizes, types or classes, wherever it stands. */
static bool may_change(const char *key)
{
    static const char *const others[] = {OTX__KEY_TIE, OTX__KEY_NEW_DTYPE, OTX__KEY_DRAFT_SIZE,
                                         OTX__KEY_TOKENIZER_CLASS, OTX__KEY_AUTO_MAP,
                                         OTX__KEY_AUTO_TOKENIZER};
    size_t i;
    if (strlen(key) > OTX__KEY_MOST) return false;
    for (i = 0; i < COUNT(others); i++)
        if (strcmp(key, others[i]) == 0) return true;
    for (i = 0; i < OTX__COUNT(otx__member_rules); i++) {
        const otx__member_rule *rule = &otx__member_rules[i];
        if (!otx__name_fits(key, rule->pattern)) continue;
        if (rule->kind != OTX__MEMBER_NONE) return true;
        if (!rule->where) return false; /* no rule after it is asked */
    }
    return otx__special_of(otx__span_of(key, strlen(key))) != NULL;
}

/* That ids of roles that the root gives are ids now: of the list, or the number. */
static void check_ids(const otx_json *json, uint32_t node)
{
    otx_json_iter at = otx_json_iter_of(json, node);
    uint64_t id;
    if (otx_json_uint(json, node, &id)) FUZZ_CHECK(id < job->alignment.count);
    while (otx_json_iter_next(&at)) check_ids(json, at.value);
}

/* Holds a value to what it was: the same members in the same order, then new ones. */
static void compare(const otx_json *old, uint32_t a, const otx_json *made, uint32_t b)
{
    otx_json_iter from = otx_json_iter_of(old, a), to = otx_json_iter_of(made, b);
    otx_json_type type = otx_json_type_of(old, a);
    otx__span one = otx__json_span(old, a), other = otx__json_span(made, b);
    FUZZ_CHECK(type == otx_json_type_of(made, b));
    if (type != OTX_JSON_OBJECT && type != OTX_JSON_ARRAY) {
        FUZZ_CHECK(otx__same_bytes(one.bytes, one.size, other.bytes, other.size));
        return;
    }
    while (otx_json_iter_next(&from)) {
        bool changes = false;
        FUZZ_CHECK(otx_json_iter_next(&to));
        if (type == OTX_JSON_OBJECT) {
            char *key = key_of(old, from.key), *again = key_of(made, to.key);
            FUZZ_CHECK(strcmp(key, again) == 0);
            changes = may_change(key);
            free(again);
            free(key);
        }
        if (!changes) compare(old, from.value, made, to.value);
    }
    while (otx_json_iter_next(&to)) {
        char *key;
        FUZZ_CHECK(type == OTX_JSON_OBJECT);
        key = key_of(made, to.key);
        FUZZ_CHECK(may_change(key));
        free(key);
    }
}

static void check(const otx__document *old, const otx__text *text)
{
    otx_json_options options;
    otx_error error;
    otx_json json;
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true;
    FUZZ_CHECK(otx_json_parse(NULL, text->bytes, text->size, "out", &options, &json, &error) ==
               OTX_OK);
    if (old->present) compare(&old->json, 0, &json, 0);
    if (otx_json_find(&json, 0, OTX__KEY_MODEL_TYPE) == OTX_JSON_NONE) {
        check_ids(&json, otx_json_find(&json, 0, "bos_token_id"));
        check_ids(&json, otx_json_find(&json, 0, "eos_token_id"));
    }
    otx_json_close(NULL, &json);
}

/* ---- one input ---- */

/* A document that is not a file. */
static bool parse(const char *bytes, size_t size, otx__document *out)
{
    otx_json_options options;
    otx_error error;
    otx_result result;
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true;
    memset(out, 0, sizeof *out);
    result = otx_json_parse(NULL, bytes, size, "fuzz", &options, &out->json, &error);
    if (!result && otx_json_type_of(&out->json, 0) != OTX_JSON_OBJECT) return false;
    if (!result) result = otx__document_levels(out, "fuzz", &error);
    out->present = !result;
    if (result) fuzz_check_error(&error);
    return out->present;
}

static void edit(otx__side *base, unsigned how)
{
    otx__config_plan plan;
    otx__text config, generation;
    otx_error error;
    memset(&plan, 0, sizeof plan);
    plan.base = base;
    plan.donor = &job->donor;
    plan.alignment = &job->alignment;
    plan.dtype = how & 1 ? OTX_F16 : OTX_DTYPE_NONE;
    plan.draft_rows = how & 2 ? 3 : 0;
    otx__text_open(&config, NULL);
    otx__text_open(&generation, NULL);
    if (otx__config_make(&plan, &config, &generation, &error)) {
        fuzz_check_error(&error);
    } else {
        check(&base->config, &config);
        if (generation.size) check(&base->generation, &generation);
    }
    otx__text_close(&generation);
    otx__text_close(&config);
}

static void fuzz_one(const char *bytes, size_t size)
{
    const char *behind = size ? (const char *)memchr(bytes, 0x1e, size) : NULL;
    size_t first = behind ? (size_t)(behind - bytes) : size;
    otx__side base;
    if (!job) make_job();
    base = job->base; /* shares all but the two documents */
    memset(&base.generation, 0, sizeof base.generation);
    if (parse(bytes, first, &base.config) &&
        (!behind || parse(behind + 1, size - first - 1, &base.generation)))
        edit(&base, (unsigned)size);
    otx_json_close(NULL, &base.generation.json);
    otx_json_close(NULL, &base.config.json);
}
