/* Files that a fuzz target spoils: the small models of the suites, with edits that the input
   names, so that most of what comes out is nearly a model. An edit is five bytes: which file,
   where (two bytes), what, and with what. */
#ifndef FUZZ_MODELS_H
#define FUZZ_MODELS_H

#include "../small_models.h"

typedef struct fuzz_text {
    const char *name; /* within the scratch directory */
    char *good;       /* as it was written */
    size_t size;
    bool spoiled;
} fuzz_text;

/* Reads the files whose names are given, once. */
static void fuzz_keep(fuzz_text *texts, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) {
        texts[i].good = scratch_read(texts[i].name, &texts[i].size);
        FUZZ_CHECK(texts[i].good);
    }
}

/* What is put in place of, or before, something: values that a config hardly has. */
static const char *const fuzz_words[] = {
    "-1", "0", "4294967296", "18446744073709551616", "1e400", "null", "true", "\"\"", "[]", "{}",
    "[0, 1]", "\"x\"", "\"vocab_size\": 3", "\"eos_token_id\": 2", "\"<s>\"", "\"BF16\"",
    "[10, 3]", "\\ud800", "\xff", "\"model.embed_tokens.weight\""};

static void fuzz_edit(char **text, size_t *size, const unsigned char *edit)
{
    const char *word = fuzz_words[edit[4] % COUNT(fuzz_words)];
    size_t at = ((size_t)edit[1] << 8 | edit[2]) % (*size + 1), drop = 0, put = 0;
    char *fresh;
    switch (edit[3] % 6) {
    case 0: drop = put = 1, word = (const char *)&edit[4]; break;
    case 1: put = 1, word = (const char *)&edit[4]; break;
    case 2: drop = edit[4]; break;
    case 3: put = strlen(word); break;
    case 4: /* a number or a word, whole */
        put = strlen(word);
        while (at + drop < *size && strchr("0123456789.truefalsn", (*text)[at + drop])) drop++;
        break;
    default: drop = *size - at; break;
    }
    if (drop > *size - at) drop = *size - at;
    fresh = (char *)malloc(*size - drop + put + 1);
    memcpy(fresh, *text, at);
    memcpy(fresh + at, word, put);
    memcpy(fresh + at + put, *text + at + drop, *size - at - drop);
    *size += put - drop;
    free(*text);
    *text = fresh;
}

/* Makes the edits that name a file and writes it, or writes it as it was. */
static void fuzz_spoil_one(fuzz_text *file, size_t index, size_t count, const char *bytes,
                           size_t size)
{
    char *text = (char *)malloc(file->size + 1);
    size_t length = file->size, i;
    bool spoiled = false;
    memcpy(text, file->good, file->size);
    for (i = 0; i + 5 <= size && i < 5 * 16; i += 5) {
        if ((unsigned char)bytes[i] % count != index) continue;
        fuzz_edit(&text, &length, (const unsigned char *)bytes + i);
        spoiled = true;
    }
    if (spoiled || file->spoiled) scratch_write(file->name, text, length);
    file->spoiled = spoiled;
    free(text);
}

static void fuzz_spoil(fuzz_text *files, size_t count, const char *bytes, size_t size)
{
    size_t i;
    for (i = 0; i < count; i++) fuzz_spoil_one(&files[i], i, count, bytes, size);
}

/* Whether verify finds no fault; it comes to its end or says why not. */
static bool fuzz_sound(const char *path)
{
    otx_verify_summary summary;
    otx_error error;
    memset(&summary, 0, sizeof summary);
    if (otx_verify(NULL, path, NULL, &summary, &error)) {
        fuzz_check_error(&error);
        return false;
    }
    return summary.faults == 0;
}

#endif
