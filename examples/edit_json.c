/* Changes a JSON text and keeps every byte that is not touched: order, white space, the
   spelling of numbers.
       cc -O3 -I. examples/edit_json.c -o edit_json -lm && ./edit_json */
#define OTX_STATIC   /* functions are static to this file: what it does not use is left out */
#define OTX_NO_STDIO /* memory alone: nothing of files and directories is built */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include <stdio.h>
#include <string.h>

static bool print(void *context, const void *bytes, size_t size)
{
    return fwrite(bytes, 1, size, (FILE *)context) == size;
}

int main(void)
{
    static const char text[] = "{\n  \"model_type\": \"llama\",\n  \"rope_theta\": 1e+04,\n"
                               "  \"vocab_size\": 32000,\n  \"eos_token_id\": [1, 2]\n}\n";
    otx_sink sink = {print, NULL};
    otx_json_edit *edit;
    otx_json_iter at;
    otx_json json;
    otx_error error;
    otx_result result;
    sink.context = stdout;
    if (otx_json_parse(NULL, text, strlen(text), "config.json", NULL, &json, &error))
        return fprintf(stderr, "%s\n", error.message), 1;
    at = otx_json_iter_of(&json, otx_json_find(&json, 0, "eos_token_id"));
    while (otx_json_iter_next(&at)) {
        uint64_t id;
        if (otx_json_uint(&json, at.value, &id)) printf("ends with token %d\n", (int)id);
    }
    result = otx_json_edit_open(NULL, &json, &edit, &error);
    if (!result) result = otx_json_edit_set(NULL, edit, 0, "vocab_size", "32064", &error);
    if (!result) result = otx_json_edit_set(NULL, edit, 0, "pad_token_id", "0", &error);
    if (!result) result = otx_json_edit_write(edit, &sink, &error);
    if (result) fprintf(stderr, "%s\n", error.message);
    otx_json_edit_close(NULL, edit);
    otx_json_close(NULL, &json);
    return result ? 1 : 0;
}
