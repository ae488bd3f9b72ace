/* The one file of a program, or of a library, that holds the implementation. */
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"
