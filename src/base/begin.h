/* ======================================================================== *
 *  Implementation                                                          *
 * ======================================================================== */

#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#ifndef OTX_NO_STDIO
#include <stdio.h> /* rename and remove, no more */
#endif
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

/* The deciding arithmetic must round after every operation: no fused multiply-add but
   where a kernel asks for one by name. The last room, end.h, gives back what the user had:
   from a stack with GCC, and with Clang where its float_control is (x86, and 64-bit Arm from
   18 on); elsewhere what the command line says, and a pragma of the user's from before is
   lost. Under -ffp-contract=fast Clang fuses whatever a pragma says. */
#if defined(__clang__)
#if ((defined(__x86_64__) || defined(__i386__)) && __clang_major__ >= 13) || \
    (defined(__aarch64__) && __clang_major__ >= 18)
#define OTX__FLOAT_CONTROL
#pragma float_control(push)
#endif
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#elif defined(_MSC_VER)
#pragma fp_contract(off)
#endif
