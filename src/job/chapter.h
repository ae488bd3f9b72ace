/* ==== job: the whole transplant, in the order in which it happens ==== */

/* Knows the order of things and little else: open both sides, align, plan, stage whatever
   needs no solving, solve, rebuild and write, commit. All that can be wrong with a file is
   found before the first solve. Knows besides how a finished model is verified.
   Hides nothing: run.h reads like the README, and struct otx_job is its table of contents.
   A job owns both sides, the plan and the solutions; a writing owns the output until it is
   committed. What fails leaves nothing under the output's name, nor beside it.
   Read job.h, then run.h; to add a check of verify, one of the check_ rooms and verify.h.

   Rooms, in order of dependency:
     draft_map     which tokens the rows of a draft's head are of
     job           what a job holds
     open          opening the two models
     map           the caller's map
     align         where every new row comes from
     draft_vocab   the tokens that a draft's head has rows for
     plan          what becomes of every tensor, and of the configs
     draft_head    a head of fewer rows, and what says which
     rope          heads and rotary positions of the two models
     chat          the template that turns messages into text
     digits        where the two tokenizers cut numbers differently
     converted     the special tokens that a conversion to GGUF finds
     gguf_donor    the files of a tokenizer, open once more
     gguf_pre      what llama.cpp calls the way it cuts text
     gguf_tokens   the strings, types and scores of a vocabulary
     gguf_merges   the merges of a byte-level vocabulary
     gguf_scores   what stands for merges in llama.cpp's SentencePiece
     gguf_special  special tokens, flags, templates
     gguf_normal   what becomes of spaces and letters
     gguf_vocab    the keys of a vocabulary in a GGUF file
     gguf_merge    the keys of a GGUF file under another vocabulary
     bos           texts that begin otherwise than the base's
     rows          rows in memory: reading, checking, their mean
     pieces        what the base cuts new tokens into
     untrained     rows that hold nothing, and what becomes of their tokens
     magikarp      tokens that look under-trained by their rows
     match         rows of tokens that a new one only begins with
     solve         solving for the rows of the donor
     targets       the rows that are made from the donor's
     diagnose      what is odd about the rows that were made
     rebuild       the new rows of one vocabulary tensor
     write_blocks  new rows as blocks
     write         the output and its weights
     write_gguf    the output as a GGUF file, or as parts of one
     copy          the other files of the two models
     index         the files that are written anew
     run           the whole, in order
     combined      a map of tokens by the combinations that a method makes
     report        what a job did, as JSON and as a table
     findings      what is told of a finished model
     check_head    a head of fewer rows than tokens
     check_files   its files
     check_ids     sizes, ids and tying
     check_values  values
     check_gguf    the tokens of a GGUF file
     check_gguf_keys  its other keys, and its tensors
     check_draft   as a draft model for another
     verify        whether a finished model agrees with itself */
