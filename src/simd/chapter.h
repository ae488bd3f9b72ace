/* ==== simd: the hot loops, once for each instruction set ==== */

/* Knows a dozen loops: kernels.h says what each computes, scalar.h computes it plainly, and
   all others must give the same bits (those that decide) or stay within one bound (those that
   only screen).
   Hides intrinsics, and which sets this machine can run.
   Owns nothing: a set of kernels is a constant table.
   Read kernels.h and scalar.h first.

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
     dispatch   which of them this machine can run */
