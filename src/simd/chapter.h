/* ==== simd: the hot loops, once for each instruction set ==== */

/* Knows a dozen loops: kernels.h says what each computes, scalar.h computes it plainly, and
   all others must give the same bits (those that decide) or stay within one bound (those that
   only screen).
   Hides intrinsics, and which sets this machine can run.
   Owns nothing: a set of kernels is a constant table.
   Read kernels.h and scalar.h first.

   Rooms, in order of dependency:
     kernels   the table of kernels, and what all versions share
     scalar    the reference
     sse2      128-bit x86
     avx2      256-bit x86, with FMA
     avx512    512-bit x86
     amx       tiles of x86
     neon      64-bit Arm
     wasm      WebAssembly's SIMD128
     dispatch  which of them this machine can run */
