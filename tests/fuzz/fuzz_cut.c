/* Cutting text: a regular expression up to the first line's end, in both dialects, or the value
   of a pre-tokenizer if it begins with "{"; what follows is the text. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"
#include "fuzz.h"

/* Pieces are in order and apart; of one rule that only cuts, they are all of the text. */
static void run(const otx__cutter *cutter, const char *text, size_t size, bool whole)
{
    otx__slices slices;
    otx_error error;
    size_t i, at = 0;
    otx__slices_open(&slices, NULL);
    if (otx__cutter_run(cutter, text, size, size % 2 == 0, &slices, &error)) {
        fuzz_check_error(&error);
    } else {
        for (i = 0; i < slices.count; i++) {
            const otx__slice *slice = &slices.items[i];
            FUZZ_CHECK(slice->start >= at && slice->start < slice->end);
            if (whole) FUZZ_CHECK(slice->start == at);
            at = slice->end;
        }
        FUZZ_CHECK(at <= slices.text.size);
        if (whole) FUZZ_CHECK(at == size && slices.text.size == size);
        (void)fuzz_touch(slices.text.bytes, slices.text.size);
    }
    otx__slices_close(&slices);
}

static void by_pattern(const char *pattern, size_t pattern_size, const char *text, size_t size)
{
    otx__cutter cutter;
    otx__step_reader reader;
    otx_error error;
    if (otx__cutter_open_pattern(NULL, pattern, pattern_size, "fuzz", &cutter, &error)) {
        fuzz_check_error(&error);
    } else {
        run(&cutter, text, size, false);
        otx__cutter_close(&cutter);
    }
    otx__cutter_begin(NULL, "fuzz", &cutter, &reader, &error);
    otx__read_pattern(&reader, (otx__behaviour)(1 + size % 4), pattern_size % 2 == 0,
                      OTX__ONIGURUMA, pattern, pattern_size);
    if (otx__cutter_end(&reader)) {
        fuzz_check_error(&error);
    } else {
        run(&cutter, text, size, true);
        otx__cutter_close(&cutter);
    }
}

static void by_steps(const char *steps, size_t steps_size, const char *text, size_t size)
{
    otx_json json;
    otx__cutter cutter;
    otx_error error;
    if (otx_json_parse(NULL, steps, steps_size, "fuzz", NULL, &json, &error)) {
        fuzz_check_error(&error);
        return;
    }
    if (otx__cutter_open(NULL, &json, 0, "fuzz", &cutter, &error)) {
        fuzz_check_error(&error);
    } else {
        run(&cutter, text, size, false);
        otx__cutter_close(&cutter);
    }
    otx_json_close(NULL, &json);
}

static void fuzz_one(const char *bytes, size_t size)
{
    size_t line = 0, text;
    while (line < size && bytes[line] != '\n') line++;
    text = line < size ? line + 1 : size;
    if (size > 0 && bytes[0] == '{') by_steps(bytes, line, bytes + text, size - text);
    else by_pattern(bytes, line, bytes + text, size - text);
}
