/* JSON: parsing, looking up, decoding every string, and an edit of what was read. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"
#include "fuzz.h"

static bool keep_count(void *context, const void *bytes, size_t size)
{
    *(size_t *)context += size;
    (void)fuzz_touch(bytes, size);
    return true;
}

/* Every value can be replaced; what comes out is as long as it should be. */
static void edit(const otx_json *json)
{
    otx_json_edit *edit = NULL;
    otx_error error;
    otx_sink sink;
    size_t written = 0;
    uint32_t root = 0;
    sink.write = keep_count;
    sink.context = &written;
    FUZZ_CHECK(otx_json_edit_open(NULL, json, &edit, &error) == OTX_OK);
    if (otx_json_type_of(json, root) == OTX_JSON_OBJECT)
        FUZZ_CHECK(otx_json_edit_set(NULL, edit, root, "vocab_size", "12", &error) == OTX_OK);
    else
        FUZZ_CHECK(otx_json_edit_replace(NULL, edit, root, "null", &error) == OTX_OK);
    FUZZ_CHECK(otx_json_edit_write(edit, &sink, &error) == OTX_OK);
    FUZZ_CHECK(written >= 4);
    otx_json_edit_close(NULL, edit);
}

static void fuzz_one(const char *bytes, size_t size)
{
    otx_json_options options;
    otx_error error;
    otx_json json;
    uint32_t node;
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = size % 2 != 0;
    if (otx_json_parse(NULL, bytes, size, "fuzz", &options, &json, &error)) {
        fuzz_check_error(&error);
        return;
    }
    for (node = 0; node < json.count; node++) {
        uint64_t number;
        otx_json_iter entries;
        const otx_json_node *at = &json.nodes[node];
        FUZZ_CHECK(at->start <= at->end && at->end <= size && at->next > node);
        entries = otx_json_iter_of(&json, node);
        while (otx_json_iter_next(&entries))
            FUZZ_CHECK(otx_json_after(&json, entries.value) <= at->next);
        FUZZ_CHECK(entries.index + 1 == at->count);
        (void)otx_json_uint(&json, node, &number);
        (void)otx_json_find(&json, node, "a");
        if (otx_json_type_of(&json, node) == OTX_JSON_STRING) {
            const size_t room = at->end - at->start;
            char *string = (char *)malloc(room ? room : 1);
            if (string) FUZZ_CHECK(otx_json_string(&json, node, string) <= room);
            free(string);
        }
        if (node > 64) break; /* a document of many objects would take quadratic time */
    }
    edit(&json);
    otx_json_close(NULL, &json);
}
