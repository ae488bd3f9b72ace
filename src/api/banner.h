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
       OTX_SMALL      the solver has its exhaustive form alone: the same results in half the
                      code and frames of less than 4 KB, and more time
   Compile with OpenMP for several threads, or set otx_context.parallel_for.

   What is where
   @contents@

   This file is generated from src/ by amalgamate.sh. MIT licence, at the end.

   Changes
   0.2.0  New: otx_affine_*, the affine map and what it misses; otx_json_iter, count, item and
          after; OTX_API; chat, rows_exact and split_digits in otx_job_options; otx_vocab.digits;
          hash_key in otx_context; headers of one layer; otx_engine; otx_method_fit, make and
          close, with every way of making rows; otx_evaluate; otx_trim, also to a tokenizer of
          bytes, and otx_extend, also by a donor;
          otx_encoder_*, otx_encode and otx_token_counts, whole texts as token ids; texts and
          min_count in otx_trim_options;
          otx_token_map_* and otx_token_maps_*; norms in otx_job_matrix; fields in the token
          table; otx_dtype_block and is_block, otx_blocks_to_float and from_float: the block
          types of ggml; own_head_method, magikarp, byte_match and prefix_match in
          otx_job_options, OTX_ACTION_MATCH, otx_mark_undertrained; otx_gguf_*, GGUF files in
          otx_checkpoint_open, otx_job_open, otx_vocab_open and otx_verify,
          otx_vocab_parse_gguf; pre, split_max_size and draft_vocab in otx_job_options.
          otx_job_options.how says how rows are made: omp, solve and solve_context are there.
          Rows of pieces beside the donor's, which otx_method_options can forbid.
          otx_dtype has OTX_DTYPE_NONE for 0: recompile.
          Every function takes OTX_JSON_NONE; OTX_NO_STDIO is free of stdio.h, so include it
          yourself where you print. What can fail without a solve fails before the first.
          The tokenizer of the output is of the class that the donor's was.
   0.1.0  The first. */
