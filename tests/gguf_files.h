/* GGUF files as a test writes them, piece by piece and also wrong. */
#ifndef GGUF_FILES_H
#define GGUF_FILES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GGUF_STRING 8
#define GGUF_ARRAY 9

/* The file that is being written. */
static unsigned char *gguf_bytes;
static size_t gguf_size, gguf_room;

static inline void put_bytes(const void *bytes, size_t size)
{
    if (gguf_size + size > gguf_room) {
        gguf_room = (gguf_size + size) * 2;
        gguf_bytes = (unsigned char *)realloc(gguf_bytes, gguf_room);
    }
    if (size) memcpy(gguf_bytes + gguf_size, bytes, size);
    gguf_size += size;
}

/* A number of so many bytes, little-endian. */
static inline void put_number(uint64_t value, unsigned size)
{
    unsigned char byte;
    for (; size > 0; size--, value >>= 8) {
        byte = (unsigned char)(value & 0xff);
        put_bytes(&byte, 1);
    }
}

static inline void put_u32(uint64_t value) { put_number(value, 4); }
static inline void put_u64(uint64_t value) { put_number(value, 8); }

static inline void put_sized(const void *bytes, size_t size)
{
    put_u64(size);
    put_bytes(bytes, size);
}

static inline void put_string(const char *text) { put_sized(text, strlen(text)); }

/* Begins a file of version 3, or another. */
static inline void put_start_of(uint32_t version, uint64_t tensors, uint64_t keys)
{
    gguf_size = 0;
    put_bytes("GGUF", 4);
    put_u32(version);
    put_u64(tensors);
    put_u64(keys);
}

static inline void put_start(uint64_t tensors, uint64_t keys) { put_start_of(3, tensors, keys); }

/* A key's name and type; its value must follow. */
static inline void put_key(const char *name, unsigned type)
{
    put_string(name);
    put_u32(type);
}

static inline void put_key_u32(const char *name, uint32_t value)
{
    put_key(name, 4);
    put_u32(value);
}

static inline void put_key_string(const char *name, const char *value)
{
    put_key(name, GGUF_STRING);
    put_string(value);
}

/* A key that is an array; its elements must follow. */
static inline void put_key_array(const char *name, unsigned type, uint64_t count)
{
    put_key(name, GGUF_ARRAY);
    put_u32(type);
    put_u64(count);
}

static inline void put_key_strings(const char *name, const char *const *values, size_t count)
{
    size_t i;
    put_key_array(name, GGUF_STRING, count);
    for (i = 0; i < count; i++) put_string(values[i]);
}

/* The entry of a tensor of `rank` dimensions, 0 to 2: columns come first. */
static inline void put_tensor(const char *name, unsigned rank, uint64_t columns, uint64_t rows,
                              uint32_t type, uint64_t offset)
{
    put_string(name);
    put_u32(rank);
    if (rank > 0) put_u64(columns);
    if (rank > 1) put_u64(rows);
    put_u32(type);
    put_u64(offset);
}

/* Zeros up to a multiple of `alignment`. */
static inline void put_padding(size_t alignment)
{
    while (gguf_size % alignment) put_bytes("", 1);
}

/* Bytes 0, 1, 2, ... of tensors. */
static inline void put_data(size_t size)
{
    size_t i;
    for (i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)(i & 0xff);
        put_bytes(&byte, 1);
    }
}

/* A file with something of everything, 5 keys and 3 tensors. */
static inline void put_model(void)
{
    static const char *const tokens[] = {"<s>", "", "\xc4\xa0the"};
    put_start(3, 5);
    put_key_string("general.architecture", "llama");
    put_key_u32("llama.block_count", 1);
    put_key_strings("tokenizer.ggml.tokens", tokens, 3);
    put_key_array("tokenizer.ggml.token_type", 5, 3);
    put_u32(3), put_u32(1), put_u32(1);
    put_key("tokenizer.ggml.add_bos_token", 7);
    put_number(1, 1);
    put_tensor("token_embd.weight", 2, 32, 3, 8, 0); /* 102 bytes */
    put_tensor("output_norm.weight", 1, 2, 0, 0, 128);
    put_tensor("last", 2, 2, 3, 1, 160);
    put_padding(32);
    put_data(128 + 32 + 12);
}

#endif
