/* ======================================================================== *
 *  Implementation                                                          *
 * ======================================================================== */

#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

/* The deciding arithmetic must round after every operation: no fused
   multiply-add but where a kernel asks for one by name. */
#if defined(__clang__)
#if defined(__x86_64__) || defined(__i386__) /* elsewhere Clang has no such pragma */
#pragma float_control(push)
#endif
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#elif defined(_MSC_VER)
#pragma fp_contract(off)
#endif
