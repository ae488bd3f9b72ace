/* ==== simd: the hot loops, once for each instruction set ==== */

/* Knows a dozen loops, which take nearly all the time of a solve: kernels.h says what each
   computes. Knows nothing of what they are for.
   Hides intrinsics, compilers' and processors' names, and which sets this machine can run.
   Owns nothing: a set of kernels is a constant table, found anew for each solve, as there is
   no state to keep it in. The one thing that outlives a call is AMX's: once a solve has taken
   the tile registers from the system, the process keeps them.
   Those of the loops that decide give the same bits in every set; those that only screen stay
   within one bound (screen.h); those that guess may be anything. tests/test_kernels.c holds
   all sets to this.
   Read kernels.h and scalar.h first, then sse2.h and body.h side by side.

   A new set: a name in otx_isa (context.h) and in otx_isa_name, a line in otx__isas_here and
   in the list of otx__kernels_among. Where it is one more of 128 or of 256 bits, its
   operations, as sse2.h has them, and body.h does the rest; where it multiplies matrices, a
   table with a product_bf16 or product_int8 of its own, as avx_vnni.h has.

   Rooms, in order of dependency:
     kernels    the table of kernels, and what all versions share
     scalar     the reference
     sse2       the operations of 128-bit x86, and what each does
     neon       those of 64-bit Arm
     wasm       those of WebAssembly's SIMD128
     avx2       those of 256-bit x86, with FMA
     vectors    body.h by the operations of 128 bits and by those of 256
     avx_vnni   AVX2, and products of integers
     neon_bf16  NEON, and products of matrices
     avx512     512-bit x86, by hand
     amx        tiles of x86, beside AVX-512
     dispatch   which of them this machine can run, and which a call takes */
