/* Orthogonal Matching Pursuit on plain arrays: which rows of a dictionary make a target,
   and with which coefficients.
       cc -O3 -I. examples/solve_arrays.c -o solve_arrays -lm && ./solve_arrays */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"

#include <stdio.h>

enum { ATOMS = 4, TARGETS = 2, COLUMNS = 3, K = 2 };

int main(void)
{
    static const float atoms[ATOMS][COLUMNS] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 0}};
    static const float targets[TARGETS][COLUMNS] = {{5, 4, 0}, {0, 0, -6}};
    int32_t indices[TARGETS][K];
    double coefficients[TARGETS][K], residual_norms[TARGETS];
    otx_matrix dictionary = {atoms, OTX_F32, ATOMS, COLUMNS, 0, NULL};
    otx_matrix wanted = {targets, OTX_F32, TARGETS, COLUMNS, 0, NULL};
    otx_omp_options options = {0};
    otx_omp_output output = {indices[0], coefficients[0], residual_norms, NULL};
    otx_omp_stats stats;
    otx_error error;
    int i, j;
    options.k = K;
    if (otx_omp(NULL, &dictionary, &wanted, &options, &output, &stats, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    for (i = 0; i < TARGETS; i++) {
        printf("target %d:", i);
        for (j = 0; j < K && indices[i][j] >= 0; j++)
            printf(" %+.3g * atom %d", coefficients[i][j], (int)indices[i][j]);
        printf(", residual %.3f\n", residual_norms[i]);
    }
    fprintf(stderr, "%s form, %s kernels\n", otx_omp_form_name(stats.form),
            otx_isa_name(stats.isa));
    return 0;
}
