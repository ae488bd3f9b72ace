/* GGUF files as a test writes them, from the format's description: keys, vocabularies in few
   words, tensors. */
#ifndef GGUF_TEXT_H
#define GGUF_TEXT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GGUF_TENSORS = 8 };

typedef struct gguf_tensor {
    char name[64];
    uint64_t columns, rows; /* rows 0: one dimension */
    uint32_t type;
    size_t begin, size;     /* in data */
} gguf_tensor;

/* The file that is being made: begin with gguf_begin. */
typedef struct gguf_text {
    char keys[1 << 16], data[1 << 16], file[1 << 17];
    size_t keys_size, data_size, size;
    uint64_t key_count, tensor_count;
    gguf_tensor tensors[GGUF_TENSORS];
    size_t tokens; /* of the last gguf_tokens */
} gguf_text;

static gguf_text gguf;

/* A number of so many bytes, little-endian. */
static inline size_t gguf_number(char *to, uint64_t value, size_t size)
{
    size_t i;
    for (i = 0; i < size; i++) to[i] = (char)(value >> (8 * i) & 0xff);
    return size;
}

static inline void gguf_put(uint64_t value, size_t size)
{
    gguf.keys_size += gguf_number(gguf.keys + gguf.keys_size, value, size);
}

static inline void gguf_put_string(const char *text, size_t size)
{
    gguf_put(size, 8);
    memcpy(gguf.keys + gguf.keys_size, text, size);
    gguf.keys_size += size;
}

/* ---- keys ---- */

static inline void gguf_key(const char *name, uint32_t type)
{
    gguf.key_count++;
    gguf_put_string(name, strlen(name));
    gguf_put(type, 4);
}

static inline void gguf_text_key(const char *name, const char *text)
{
    gguf_key(name, 8);
    gguf_put_string(text, strlen(text));
}

static inline void gguf_u32(const char *name, uint32_t value)
{
    gguf_key(name, 4);
    gguf_put(value, 4);
}

static inline void gguf_bool(const char *name, int value)
{
    gguf_key(name, 7);
    gguf_put(value != 0, 1);
}

static inline void gguf_array(const char *name, uint32_t type, uint64_t count)
{
    gguf_key(name, 9);
    gguf_put(type, 4);
    gguf_put(count, 8);
}

/* A list of strings, given as one with | between them. */
static inline void gguf_strings(const char *name, const char *list)
{
    size_t count = *list != 0;
    const char *at;
    for (at = list; *at; at++) count += *at == '|';
    gguf_array(name, 8, count);
    for (at = list; count > 0; count--) {
        size_t size = strcspn(at, "|");
        gguf_put_string(at, size);
        at += size + (at[size] == '|');
    }
}

/* Tokens and their types, given as "1 a|3 <s>": a digit, a space, the token. */
static inline void gguf_tokens(const char *list)
{
    char words[8192];
    size_t used = 0, i;
    const char *at;
    uint32_t types[1024];
    gguf.tokens = 0;
    for (at = list; *at;) {
        size_t size = strcspn(at, "|");
        types[gguf.tokens++] = (uint32_t)(*at - '0');
        if (used) words[used++] = '|';
        memcpy(words + used, at + 2, size - 2);
        used += size - 2;
        at += size + (at[size] == '|');
    }
    words[used] = 0;
    gguf_strings("tokenizer.ggml.tokens", words);
    gguf_array("tokenizer.ggml.token_type", 5, gguf.tokens);
    for (i = 0; i < gguf.tokens; i++) gguf_put(types[i], 4);
}

/* The same from a table. */
static inline void gguf_token_table(const char *const *texts, const int *types, size_t count,
                                    size_t type_count)
{
    size_t i;
    gguf.tokens = count;
    gguf_array("tokenizer.ggml.tokens", 8, count);
    for (i = 0; i < count; i++) gguf_put_string(texts[i], strlen(texts[i]));
    if (type_count) gguf_array("tokenizer.ggml.token_type", 5, type_count);
    for (i = 0; i < type_count; i++) gguf_put((uint32_t)types[i], 4);
}

/* The scores 0, -1, -2, ... of so many tokens. */
static inline void gguf_scores(size_t count)
{
    size_t i;
    gguf_array("tokenizer.ggml.scores", 6, count);
    for (i = 0; i < count; i++) {
        const float score = -(float)i;
        uint32_t bits;
        memcpy(&bits, &score, sizeof bits);
        gguf_put(bits, 4);
    }
}

static inline void gguf_merges(const char *list) { gguf_strings("tokenizer.ggml.merges", list); }

/* Begins a file with a vocabulary of that kind. */
static inline void gguf_begin(const char *kind)
{
    memset(&gguf, 0, sizeof gguf);
    gguf_text_key("general.architecture", "llama");
    gguf_text_key("tokenizer.ggml.model", kind);
}

/* ---- tensors ---- */

/* A tensor of that type with the bytes. rows 0: it has one dimension. */
static inline void gguf_add_tensor(const char *name, uint64_t rows, uint64_t columns,
                                   uint32_t type, const void *bytes, size_t size)
{
    gguf_tensor *tensor = &gguf.tensors[gguf.tensor_count++];
    (void)snprintf(tensor->name, sizeof tensor->name, "%s", name);
    tensor->rows = rows;
    tensor->columns = columns;
    tensor->type = type;
    tensor->begin = gguf.data_size;
    tensor->size = size;
    memcpy(gguf.data + gguf.data_size, bytes, size);
    gguf.data_size = (gguf.data_size + size + 31) / 32 * 32;
}

/* Makes gguf.file, of gguf.size bytes. */
static inline void gguf_end(void)
{
    char *to = gguf.file;
    size_t i;
    memcpy(to, "GGUF", 4);
    to += 4;
    to += gguf_number(to, 3, 4);
    to += gguf_number(to, gguf.tensor_count, 8);
    to += gguf_number(to, gguf.key_count, 8);
    memcpy(to, gguf.keys, gguf.keys_size);
    to += gguf.keys_size;
    for (i = 0; i < gguf.tensor_count; i++) {
        const gguf_tensor *tensor = &gguf.tensors[i];
        const size_t size = strlen(tensor->name);
        to += gguf_number(to, size, 8);
        memcpy(to, tensor->name, size);
        to += size;
        to += gguf_number(to, tensor->rows ? 2 : 1, 4);
        to += gguf_number(to, tensor->columns, 8);
        if (tensor->rows) to += gguf_number(to, tensor->rows, 8);
        to += gguf_number(to, tensor->type, 4);
        to += gguf_number(to, tensor->begin, 8);
    }
    while (gguf.tensor_count && (to - gguf.file) % 32) *to++ = 0;
    memcpy(to, gguf.data, gguf.data_size);
    gguf.size = (size_t)(to - gguf.file) + gguf.data_size;
}

#endif
