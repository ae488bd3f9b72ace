/* Stands for src/base/format.h under Frama-C: text is anything that fits. */
static void eva_text(char *to, size_t capacity)
{
    if (capacity == 0) return;
    Frama_C_make_unknown(to, capacity);
    to[capacity - 1] = 0;
}

/* How long it would be; of "%s%lu", a dimension, two bytes and twenty digits at most, a state
   each. */
static size_t eva_length(const char *format)
{
    size_t length = 0;
    if (format[0] != '%' || format[1] != 's' || format[2] != '%' || format[3] != 'l' ||
        format[4] != 'u' || format[5])
        return Frama_C_unsigned_int_interval(0, 4096);
    while (length < 22 && Frama_C_interval(0, 1)) length++;
    return length;
}

OTX__PRIVATE size_t otx__format_list(char *to, size_t capacity, const char *format,
                                     va_list arguments)
{
    (void)arguments;
    eva_text(to, capacity);
    return eva_length(format);
}

OTX__PRIVATE size_t otx__format(char *to, size_t capacity, const char *format, ...)
{
    eva_text(to, capacity);
    return eva_length(format);
}
