/* The tool as if a program had called setlocale(LC_ALL, "") before anything of the library:
   what the tool itself prints and reads as text it does in the locale that its own process
   has, C; all that the library does, in the user's.
       cc -O1 -I. tests/hostile/located.c -o located -lm
   OTX_LOCATED=POINT fails unless the locale's decimal point is POINT. */
#define _GNU_SOURCE
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "../../omp_transplant.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static locale_t c_locale;

/* Runs an expression in the locale C. */
#define IN_C(expression) \
    do { \
        const locale_t user = uselocale(c_locale); \
        expression; \
        uselocale(user); \
    } while (0)

#define WITH_ARGUMENTS(expression) \
    int length; \
    va_list more; \
    va_start(more, format); \
    IN_C(length = expression); \
    va_end(more); \
    return length

static int c_printf(const char *format, ...) { WITH_ARGUMENTS(vprintf(format, more)); }

static int c_fprintf(FILE *file, const char *format, ...)
{
    WITH_ARGUMENTS(vfprintf(file, format, more));
}

static int c_snprintf(char *to, size_t size, const char *format, ...)
{
    WITH_ARGUMENTS(vsnprintf(to, size, format, more));
}

static double c_strtod(const char *text, char **end)
{
    double number;
    IN_C(number = strtod(text, end));
    return number;
}

#define printf c_printf
#define fprintf c_fprintf
#define snprintf c_snprintf
#define strtod c_strtod
#define main tool_main
#include "../../examples/transplant.c"
#undef main

int main(int count, char **arguments)
{
    const char *point = getenv("OTX_LOCATED");
    char text[16];
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c_locale || !setlocale(LC_ALL, "")) return 98;
    sprintf(text, "%.1f", 0.5);
    if (point && (strlen(text) != 2 + strlen(point) || !strstr(text, point))) return 99;
    return tool_main(count, arguments);
}
