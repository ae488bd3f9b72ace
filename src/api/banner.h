/* omp_transplant.h - give a language model another model's tokenizer.

   For every token that the base model lacks, Orthogonal Matching Pursuit finds
   the few shared tokens whose combination makes that token's row in the donor's
   embedding matrix, and the same combination of the base's rows becomes the new
   row (arXiv 2506.06607). No training, no dependency but libc and libm.

   Do this
       #define OMP_TRANSPLANT_IMPLEMENTATION
       #include "omp_transplant.h"
   in one C or C++ file, and include the header without the define elsewhere.

       otx_error error;
       if (otx_transplant(NULL, "base", "donor", "out", NULL, NULL, &error))
           fprintf(stderr, "%s\n", error.message);

   Options, defined before every include
       OTX_STATIC     every function is static to the file with the implementation
       OTX_API        what your compiler wants before a function that a library exports
       OTX_NO_STDIO   no files, no stdio.h: only what works on memory is built
       OTX_NO_SIMD    only the scalar reference kernels are built
   Compile with OpenMP for several threads, or set otx_context.parallel_for.

   What is where
   @contents@

   This file is generated from src/ by amalgamate.sh. MIT licence, at the end. */
