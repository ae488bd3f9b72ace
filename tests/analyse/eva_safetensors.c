/* For Frama-C's value analysis: the headers of two tensors, with any digit for every @, any
   letter for every ? and any size of the file; every read may fail. */
#include <stdlib.h>
#include <string.h>
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "eva.h"

#ifndef BEHIND
#define BEHIND 0 /* bytes that are copied from behind the header: a fault to be seen */
#endif

static const char model[] =
    "{\"?\":{\"dtype\":\"F32\",\"shape\":[@@@@@@@@@@@@,@@@@@@@@],"
    "\"data_offsets\":[@@@@@@@@@@@@@@@@@@@@,@@@@@@@@@@@@@@@@@@@@]},"
    "\"?\":{\"dtype\":\"BF16\",\"shape\":[@@@@@@@@@@@@@@@@@@@@],"
    "\"data_offsets\":[@@@@@,@@@@@@@@@@@@@@@@@@@@]}}";
static char header[sizeof model - 1];

static bool read_header(void *context, uint64_t offset, void *buffer, size_t size)
{
    (void)context;
    if (offset == 0) {
        unsigned char *prefix = (unsigned char *)buffer;
        memset(prefix, 0, 8);
        prefix[0] = sizeof header & 255;
        prefix[1] = sizeof header >> 8;
    } else if (offset == 8 && size == sizeof header) {
        memcpy(buffer, header, sizeof header + BEHIND);
    } else {
        /*@ assert \false; */
        return false;
    }
    return Frama_C_interval(0, 1);
}

int main(void)
{
    otx_source source;
    otx_safetensors file;
    size_t i;
    for (i = 0; i < sizeof header; i++)
        header[i] = model[i] == '@'   ? Frama_C_char_interval('0', '9')
                    : model[i] == '?' ? Frama_C_char_interval('a', 'z')
                                      : model[i];
    source.read = read_header;
    source.context = 0;
    source.size = (uint64_t)Frama_C_unsigned_int_interval(0, UINT32_MAX) << 32 |
                  Frama_C_unsigned_int_interval(0, UINT32_MAX);
    if (!otx_safetensors_open(0, &source, "model", &file, 0)) {
        (void)otx_safetensors_find(&file, "a", 1);
        otx_safetensors_close(0, &file);
    }
    return 0;
}
