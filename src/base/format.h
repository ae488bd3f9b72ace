/* ---- format: printf without stdio and without a locale ------------------------------ */

/* Of what printf has: %s, %c, %d, %u, %x, %X, %f and %%; a width, with spaces or zeros
   before the number; a precision of %s (bytes) and of %f (digits, rounded to nearest even
   as by printf), also as *; and the sizes l, ll, z, j and I64, which is what PRIu64 may
   be. Nothing else: what is not known is copied as it stands. */

/* C libraries without them, or with them only for C. */
#ifndef PRIu64
#if ULONG_MAX == UINT64_MAX
#define PRIu64 "lu"
#define PRId64 "ld"
#else
#define PRIu64 "llu"
#define PRId64 "lld"
#endif
#endif
#ifndef PRIu32
#define PRIu32 "u"
#define PRId32 "d"
#endif

/* Text that is written to a block, and that goes on being counted behind its end. */
typedef struct otx__written {
    char *to;
    size_t capacity, size;
} otx__written;

/* A conversion: what stands between % and the letter, and the letter. */
typedef struct otx__conversion {
    size_t width, precision;
    bool zeros, precise, star; /* star: the precision is the next argument */
    char type;                 /* of an integer: i int, l long, L long long, z size_t,
                                  j intmax_t */
    char letter;
} otx__conversion;

OTX__PRIVATE void otx__write(otx__written *text, const char *bytes, size_t size)
{
    if (size && text->size < text->capacity)
        memcpy(text->to + text->size, bytes, otx__min(size, text->capacity - text->size));
    text->size += size;
}

OTX__PRIVATE void otx__write_repeated(otx__written *text, char byte, size_t count)
{
    for (; count > 0; count--) otx__write(text, &byte, 1);
}

/* What goes before the last `size` bytes of a conversion: its sign, and what fills it up
   to its width. */
OTX__PRIVATE void otx__write_padding(otx__written *text, const otx__conversion *c,
                                     const char *sign, size_t size)
{
    const size_t taken = size + strlen(sign), fill = c->width > taken ? c->width - taken : 0;
    if (!c->zeros) otx__write_repeated(text, ' ', fill);
    otx__write(text, sign, strlen(sign));
    if (c->zeros) otx__write_repeated(text, '0', fill);
}

OTX__PRIVATE void otx__write_integer(otx__written *text, const otx__conversion *c,
                                     uint64_t value, bool negative)
{
    const char *digits = c->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    const unsigned base = c->letter == 'x' || c->letter == 'X' ? 16 : 10;
    char bytes[20];
    size_t first = sizeof bytes;
    do bytes[--first] = digits[value % base];
    while ((value /= base) > 0);
    otx__write_padding(text, c, negative ? "-" : "", sizeof bytes - first);
    otx__write(text, bytes + first, sizeof bytes - first);
}

/* Rounds exact digits to nearest even at `end`: digits from there on fall off. */
OTX__PRIVATE void otx__round_digits(char *digits, int end)
{
    const int size = OTX__DECIMAL_DIGITS;
    int i = end;
    bool up = digits[end] > '5';
    if (digits[end] == '5') {
        for (i = end + 1; i < size && digits[i] == '0';) i++;
        up = i < size || (digits[end - 1] - '0') % 2 == 1;
    }
    for (i = end - 1; up; i--) {
        up = digits[i] == '9';
        digits[i] = (char)(up ? '0' : digits[i] + 1);
    }
}

OTX__PRIVATE void otx__write_double(otx__written *text, const otx__conversion *c, double value)
{
    const int point = OTX__DECIMAL_WHOLE, most = OTX__DECIMAL_DIGITS - point - 1;
    const int precision =
        !c->precise ? 6 : c->precision < (size_t)most ? (int)c->precision : most;
    char digits[OTX__DECIMAL_DIGITS];
    otx__conversion plain = *c;
    uint64_t bits, significand;
    int exponent, first = 0;
    const char *sign;
    memcpy(&bits, &value, sizeof bits);
    sign = bits >> 63 ? "-" : "";
    exponent = (int)(bits >> 52 & 0x7ff);
    significand = bits & ((UINT64_C(1) << 52) - 1);
    if (exponent == 0x7ff) {
        plain.zeros = false;
        otx__write_padding(text, &plain, sign, 3);
        otx__write(text, significand ? "nan" : "inf", 3);
        return;
    }
    if (exponent > 0) significand |= UINT64_C(1) << 52;
    else exponent = 1;
    otx__decimal(significand, exponent - 1075, digits);
    otx__round_digits(digits, point + precision);
    while (first < point - 1 && digits[first] == '0') first++;
    otx__write_padding(text, c, sign,
                       (size_t)(point - first + precision + (precision > 0 ? 1 : 0)));
    otx__write(text, digits + first, (size_t)(point - first));
    if (precision > 0) otx__write(text, ".", 1);
    otx__write(text, digits + point, (size_t)precision);
}

OTX__PRIVATE void otx__write_string(otx__written *text, const otx__conversion *c,
                                    const char *string)
{
    size_t size = 0;
    if (!string) string = "(null)";
    while ((!c->precise || size < c->precision) && string[size]) size++;
    otx__write_padding(text, c, "", size);
    otx__write(text, string, size);
}

OTX__PRIVATE size_t otx__read_number(const char **at)
{
    size_t number = 0;
    for (; otx__is_digit(**at) && number < 1000000; ++*at)
        number = number * 10 + (size_t)(**at - '0');
    return number;
}

/* Reads what follows a %; returns what follows that. */
OTX__PRIVATE const char *otx__read_conversion(otx__conversion *c, const char *at)
{
    memset(c, 0, sizeof *c);
    c->type = 'i';
    c->zeros = *at == '0';
    c->width = otx__read_number(&at);
    if (*at == '.') {
        c->precise = true;
        c->star = *++at == '*';
        if (c->star) at++;
        else c->precision = otx__read_number(&at);
    }
    if (strncmp(at, "I64", 3) == 0 || strncmp(at, "ll", 2) == 0) {
        at += *at == 'I' ? 3 : 2;
        c->type = 'L';
    } else if (*at == 'l' || *at == 'z' || *at == 'j') {
        c->type = *at++;
    }
    c->letter = *at;
    return *at ? at + 1 : at;
}

/* What is left of the arguments. A list by itself cannot be handed on and used again. */
typedef struct otx__arguments {
    va_list list;
} otx__arguments;

OTX__PRIVATE uint64_t otx__next_unsigned(otx__arguments *arguments, char type)
{
    switch (type) {
    case 'l': return va_arg(arguments->list, unsigned long);
    case 'L': return va_arg(arguments->list, unsigned long long);
    case 'z': return va_arg(arguments->list, size_t);
    case 'j': return va_arg(arguments->list, uintmax_t);
    default: return va_arg(arguments->list, unsigned);
    }
}

OTX__PRIVATE int64_t otx__next_signed(otx__arguments *arguments, char type)
{
    switch (type) {
    case 'l': return va_arg(arguments->list, long);
    case 'L': return va_arg(arguments->list, long long);
    case 'j': return va_arg(arguments->list, intmax_t);
    default: return va_arg(arguments->list, int);
    }
}

/* Writes the next arguments as a conversion says; false if it is none of ours. */
OTX__PRIVATE bool otx__convert(otx__written *text, otx__conversion *c,
                               otx__arguments *arguments)
{
    int64_t number;
    char byte;
    if (c->star) {
        const int precision = va_arg(arguments->list, int);
        c->precise = precision >= 0;
        c->precision = precision >= 0 ? (size_t)precision : 0;
    }
    switch (c->letter) {
    case 's':
        otx__write_string(text, c, va_arg(arguments->list, const char *));
        return true;
    case 'c':
        byte = (char)va_arg(arguments->list, int);
        otx__write_padding(text, c, "", 1);
        otx__write(text, &byte, 1);
        return true;
    case 'd':
        number = otx__next_signed(arguments, c->type);
        otx__write_integer(text, c, number < 0 ? 0 - (uint64_t)number : (uint64_t)number,
                           number < 0);
        return true;
    case 'u':
    case 'x':
    case 'X':
        otx__write_integer(text, c, otx__next_unsigned(arguments, c->type), false);
        return true;
    case 'f':
        otx__write_double(text, c, va_arg(arguments->list, double));
        return true;
    default:
        otx__write(text, "%", 1);
        return c->letter == '%';
    }
}

/* Writes what fits into `capacity` bytes, a terminator included; returns how many bytes
   the whole has, as vsnprintf does. */
OTX__PRIVATE size_t otx__format_list(char *to, size_t capacity, const char *format,
                                     va_list arguments) OTX__PRINTF(3, 0);
OTX__PRIVATE size_t otx__format_list(char *to, size_t capacity, const char *format,
                                     va_list arguments)
{
    otx__arguments rest;
    otx__written text;
    text.to = to;
    text.capacity = capacity;
    text.size = 0;
    va_copy(rest.list, arguments);
    while (*format) {
        const size_t plain = strcspn(format, "%");
        const char *after;
        otx__conversion c;
        otx__write(&text, format, plain);
        format += plain;
        if (!*format) break;
        after = otx__read_conversion(&c, ++format);
        if (otx__convert(&text, &c, &rest)) format = after;
    }
    va_end(rest.list);
    if (capacity) to[otx__min(text.size, capacity - 1)] = 0;
    return text.size;
}

OTX__PRIVATE size_t otx__format(char *to, size_t capacity, const char *format, ...)
    OTX__PRINTF(3, 4);
OTX__PRIVATE size_t otx__format(char *to, size_t capacity, const char *format, ...)
{
    va_list arguments;
    size_t size;
    va_start(arguments, format);
    size = otx__format_list(to, capacity, format, arguments);
    va_end(arguments);
    return size;
}
