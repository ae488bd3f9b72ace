/* A program in two translation units: this one sees declarations alone.
       cc -O3 -fopenmp -I. examples/two_units/[mo]*.c -o two_units -lm
       ./two_units examples/models/base */
#include "omp_transplant.h"

#include <stdio.h>

static void finding(void *context, otx_severity severity, const char *message)
{
    (void)context;
    printf("%s: %s\n", severity == OTX_FAULT ? "error" : "warning", message);
}

int main(int argc, char **argv)
{
    otx_verify_options options = {0};
    otx_verify_summary summary;
    otx_error error;
    if (argc != 2) return 2;
    options.finding = finding;
    if (otx_verify(NULL, argv[1], &options, &summary, &error))
        return fprintf(stderr, "%s\n", error.message), 1;
    printf("version %s: %d errors, %d warnings\n", otx_version(), (int)summary.faults,
           (int)summary.warnings);
    return summary.faults != 0;
}
