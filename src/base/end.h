/* ---- end: contraction as the user had it (see begin.h) ------------------------ */

#if defined(OTX__FLOAT_CONTROL)
#pragma float_control(pop)
#elif defined(__clang__)
#pragma STDC FP_CONTRACT DEFAULT
#elif defined(__GNUC__)
#pragma GCC pop_options
#elif defined(_MSC_VER) && (defined(_M_FP_CONTRACT) || defined(_M_FP_FAST) || \
                            (_MSC_VER < 1930 && !defined(_M_FP_STRICT)))
#pragma fp_contract(on) /* what these options make the default, before 2022 all but strict */
#endif
