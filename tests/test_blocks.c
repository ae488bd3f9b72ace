/* Block types of ggml: widened and quantised as ggml does it, from its own numbers in
   tests/golden/blocks.safetensors; and what has no place in a block.
   A suite of the public API: linked with the implementation. */
#include <math.h>
#include <stdint.h>

#include "omp_transplant.h"
#include "test.h"

static unsigned char *golden;
static otx_safetensors file;

static void golden_open(void)
{
    static const char path[] = "tests/golden/blocks.safetensors";
    FILE *stream = fopen(path, "rb");
    otx_source source;
    otx_error error;
    size_t size;
    golden = (unsigned char *)malloc(1 << 20);
    if (!stream || !golden) {
        printf("cannot open %s: run from the top of the repository\n", path);
        exit(1);
    }
    size = fread(golden, 1, 1 << 20, stream);
    fclose(stream);
    source = otx_source_memory(golden, size);
    if (otx_safetensors_open(NULL, &source, path, &file, &error)) {
        printf("%s\n", error.message);
        exit(1);
    }
}

/* The bytes of "Q6_K.blocks" and the like. */
static const unsigned char *tensor(otx_dtype dtype, const char *what, size_t *size)
{
    char name[32];
    const otx_tensor *t;
    snprintf(name, sizeof name, "%s%s", dtype ? otx_dtype_name(dtype) : "", what);
    t = otx_safetensors_find(&file, name, strlen(name));
    if (!t) {
        printf("no golden tensor %s\n", name);
        exit(1);
    }
    *size = (size_t)(t->end - t->begin);
    return golden + t->begin;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A float of the golden file, which is little-endian. */
static uint32_t golden_bits(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static bool is_nan(uint32_t bits)
{
    return (bits & 0x7fffffff) > 0x7f800000;
}

/* Wherever the blocks begin, the same bits; which NaN it is, nobody promises. */
static void widened(void)
{
    int dtype;
    for (dtype = OTX_Q4_0; dtype < OTX_OPAQUE; dtype++) {
        size_t size, values_size, i, wrong = 0, nans = 0;
        const unsigned char *blocks = tensor((otx_dtype)dtype, ".blocks", &size);
        const unsigned char *values = tensor((otx_dtype)dtype, ".values", &values_size);
        float *made = (float *)malloc(values_size);
        unsigned char *odd = (unsigned char *)malloc(size + 1);
        size_t count = values_size / sizeof *made;
        if (!made || !odd) exit(1);
        memcpy(odd + 1, blocks, size);
        otx_blocks_to_float(made, odd + 1, (otx_dtype)dtype, count);
        for (i = 0; i < count; i++) {
            uint32_t mine = bits_of(made[i]), wanted = golden_bits(values + 4 * i);
            wrong += mine != wanted && !(is_nan(mine) && is_nan(wanted));
            nans += is_nan(wanted);
        }
        if (wrong) printf("  %s:\n", otx_dtype_name((otx_dtype)dtype));
        CHECK_INT(wrong, 0);
        /* blocks of 0xff have a NaN for a scale, but for MXFP4, whose largest is 2^127 */
        CHECK((nans > 0) == (dtype != OTX_MXFP4));
        otx_blocks_to_float(made, odd, (otx_dtype)dtype, 0);
        free(odd);
        free(made);
    }
}

static float *golden_rows(size_t *count)
{
    size_t size, i;
    const unsigned char *bytes = tensor(OTX_DTYPE_NONE, "rows", &size);
    float *rows = (float *)malloc(size);
    if (!rows) exit(1);
    *count = size / sizeof *rows;
    for (i = 0; i < *count; i++) rows[i] = float_of(golden_bits(bytes + 4 * i));
    return rows;
}

static void quantised(void)
{
    size_t count;
    float *rows = golden_rows(&count);
    int dtype;
    for (dtype = OTX_Q4_0; dtype < OTX_OPAQUE; dtype++) {
        size_t size, i, wrong = 0;
        unsigned bytes, elements = otx_dtype_block((otx_dtype)dtype, &bytes);
        const unsigned char *wanted = tensor((otx_dtype)dtype, ".rows", &size);
        unsigned char *made = (unsigned char *)malloc(size);
        if (!made) exit(1);
        memset(made, 0xee, size);
        CHECK_INT(size, count / elements * bytes);
        CHECK_INT(otx_blocks_from_float(made, rows, (otx_dtype)dtype, count), 0);
        for (i = 0; i < size; i += bytes) {
            if (memcmp(made + i, wanted + i, bytes) == 0) continue;
            if (!wrong++)
                printf("  %s: block %u is the first that is wrong\n",
                       otx_dtype_name((otx_dtype)dtype), (unsigned)(i / bytes));
        }
        CHECK_INT(wrong, 0);
        free(made);
    }
    free(rows);
}

/* A value of many rows of four kinds, which gguf_blocks.py makes too: about normal, none
   below zero, halves of the step of Q8_0, and groups of 16 that are unlike each other. */
static float one_of_many(uint64_t i)
{
    const uint64_t row = i / 256, at = i % 256;
    uint64_t bits = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    int value, exponent = -(int)(row % 29) - 12;
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    bits ^= bits >> 31;
    value = (int)((bits & 65535) + (bits >> 16 & 65535) + (bits >> 32 & 65535) + (bits >> 48)) -
            2 * 65536;
    if (row % 4 == 1) value = abs(value);
    if (row % 4 == 2) value = at % 32 == 0 ? 254 : (value % 255 + 255) % 255;
    if (row % 4 == 3) exponent -= (int)(at / 16 * 7 % 11);
    return (float)ldexp((double)value, exponent);
}

/* A thousand rows by the sum of their blocks' bytes. */
static void quantised_many(void)
{
    const size_t count = 1024 * 256;
    float *rows = (float *)malloc(count * sizeof *rows);
    unsigned char *made = (unsigned char *)malloc(2 * count);
    size_t i;
    int dtype;
    if (!rows || !made) exit(1);
    for (i = 0; i < count; i++) rows[i] = one_of_many(i);
    for (dtype = OTX_Q4_0; dtype < OTX_OPAQUE; dtype++) {
        size_t size;
        unsigned bytes, elements = otx_dtype_block((otx_dtype)dtype, &bytes);
        const unsigned char *wanted = tensor((otx_dtype)dtype, ".sum", &size);
        uint32_t sum = 0x811c9dc5; /* FNV-1a */
        CHECK_INT(otx_blocks_from_float(made, rows, (otx_dtype)dtype, count), 0);
        for (i = 0; i < count / elements * bytes; i++)
            sum = (uint32_t)((sum ^ made[i]) * UINT64_C(0x01000193));
        if (sum != golden_bits(wanted)) printf("  %s:\n", otx_dtype_name((otx_dtype)dtype));
        CHECK_INT(sum, golden_bits(wanted));
    }
    free(made);
    free(rows);
}

/* Fills `blocks` blocks of a type with small values. */
static size_t plain_rows(float *rows, otx_dtype dtype, unsigned blocks)
{
    size_t count = blocks * otx_dtype_block(dtype, NULL), i;
    for (i = 0; i < count; i++) rows[i] = (float)((int)(i % 13) - 6) * 0.25f;
    return count;
}

static bool all_zero(const unsigned char *bytes, unsigned size)
{
    while (size > 0 && bytes[size - 1] == 0) size--;
    return size == 0;
}

/* A block with a value that is no number, or beyond what F16 can scale, is refused alone. */
static void refused(void)
{
    static const uint32_t values[] = {0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001,
                                      0x7f800001, 0x7f7fffff, 0xff7fffff, 0x4d800000};
    float rows[3 * 256];
    unsigned char alone[3 * 256], made[3 * 256];
    size_t i;
    int dtype;
    for (dtype = OTX_Q4_0; dtype < OTX_OPAQUE; dtype++) {
        unsigned size, elements = otx_dtype_block((otx_dtype)dtype, &size), place;
        size_t count = plain_rows(rows, (otx_dtype)dtype, 3);
        CHECK_INT(otx_blocks_from_float(alone, rows, (otx_dtype)dtype, count), 0);
        for (i = 0; i < COUNT(values); i++) {
            /* MXFP4 holds all that float holds, about as large */
            bool holds = dtype == OTX_MXFP4 && i >= 5;
            for (place = elements; place < 2 * elements; place += elements / 4 - 1) {
                float old = rows[place];
                rows[place] = float_of(values[i]);
                memset(made, 0xee, sizeof made);
                CHECK_INT(otx_blocks_from_float(made, rows, (otx_dtype)dtype, count), !holds);
                CHECK(all_zero(made + size, size) == !holds);
                CHECK(memcmp(made, alone, size) == 0);
                CHECK(memcmp(made + 2 * size, alone + 2 * size, size) == 0);
                CHECK_INT(made[3 * size], 0xee);
                rows[place] = old;
            }
        }
    }
}

/* The largest F16 is 65504: what rounds to it is held, what rounds to more is not. */
static void largest(void)
{
    static const struct {
        otx_dtype dtype;
        float most, scale; /* the value that is as many scales */
    } types[] = {{OTX_Q4_0, -1.0f, 8.0f}, {OTX_Q5_0, -1.0f, 16.0f}, {OTX_Q8_0, 1.0f, 127.0f},
                 {OTX_Q4_1, 1.0f, 15.0f}, {OTX_Q5_1, 1.0f, 31.0f},  {OTX_Q4_1, -1.0f, 1.0f}};
    float row[32];
    unsigned char made[34];
    size_t i;
    for (i = 0; i < COUNT(types); i++) {
        float sign = types[i].most;
        memset(row, 0, sizeof row);
        row[7] = sign * types[i].scale * 65519.0f;
        CHECK_INT(otx_blocks_from_float(made, row, types[i].dtype, 32), 0);
        row[7] = sign * types[i].scale * 65521.0f;
        CHECK_INT(otx_blocks_from_float(made, row, types[i].dtype, 32), 1);
    }
}

/* Blocks of what is far below any F16 widen to zeros; and nothing on the way is undefined. */
static void tiny(void)
{
    static const uint32_t least[] = {1, 0x80000001, 0x007fffff, 0x00800000, 0x0da24260,
                                     0x1e3ce508};
    float row[256], back[256];
    unsigned char made[256];
    size_t i, e, wrong;
    int dtype;
    for (dtype = OTX_Q4_0; dtype < OTX_OPAQUE; dtype++) {
        size_t elements = otx_dtype_block((otx_dtype)dtype, NULL);
        for (i = 0; i < COUNT(least); i++) {
            for (e = 0; e < elements; e++) row[e] = e % 3 ? float_of(least[i]) : 0.0f;
            CHECK_INT(otx_blocks_from_float(made, row, (otx_dtype)dtype, elements), 0);
            otx_blocks_to_float(back, made, (otx_dtype)dtype, elements);
            for (e = 0, wrong = 0; e < elements; e++) {
                double value = (double)row[e], miss = fabs((double)back[e] - value);
                bool near = dtype == OTX_MXFP4 ? miss <= 3e-39 + 0.25 * fabs(value)
                                               : back[e] == 0.0f;
                wrong += !near;
            }
            CHECK_INT(wrong, 0);
        }
    }
}

/* Every row comes back within the type's step. */
static void nearby(void)
{
    static const float steps[] = {0.125f, 0.067f, 0.0625f, 0.033f, 0.004f, 0.34f, 0.26f,
                                  0.07f, 0.035f, 0.033f, 0.14f, 0.14f, 0.34f};
    float rows[2 * 256], back[2 * 256], most;
    unsigned char made[2 * 256];
    size_t i, count;
    int dtype;
    for (dtype = OTX_Q4_0; dtype < OTX_OPAQUE; dtype++) {
        count = plain_rows(rows, (otx_dtype)dtype, 2);
        CHECK_INT(otx_blocks_from_float(made, rows, (otx_dtype)dtype, count), 0);
        otx_blocks_to_float(back, made, (otx_dtype)dtype, count);
        for (i = 0, most = 0.0f; i < count; i++)
            most = fabsf(rows[i] - back[i]) > most ? fabsf(rows[i] - back[i]) : most;
        if (!(most <= 1.5f * steps[dtype - OTX_Q4_0]))
            printf("  %s misses by %g\n", otx_dtype_name((otx_dtype)dtype), (double)most);
        CHECK(most <= 1.5f * steps[dtype - OTX_Q4_0]);
    }
}

int main(void)
{
    golden_open();
    RUN(widened);
    RUN(quantised);
    RUN(quantised_many);
    RUN(refused);
    RUN(largest);
    RUN(tiny);
    RUN(nearby);
    otx_safetensors_close(NULL, &file);
    free(golden);
    return test_end();
}
