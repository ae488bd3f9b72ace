/* ==== base: what everything stands on ==== */

/* Knows nothing of models, tokens or files: sizes that do not wrap, bytes and digits, results
   and messages, the caller's hooks (memory, threads, progress, log), numbers, sorting.
   Hides byte order, the locale, stdio, and compilers' habits with floating point.
   Owns nothing. Memory is asked of the context that is handed down, with its old size, and
   given back to the same; only a pool and a text remember what they took.
   A function that can fail takes the error last, fills it in with otx__fail and returns its
   code; the first failure is the one that is told. Messages are for people: one line of
   UTF-8 that names the file, the tensor or token, and the numbers (otx__quote for names).
   Read result.h and memory.h first: all other rooms speak that way; then span.h.

   Rooms, in order of dependency:
     begin     system headers, and how floating point must be compiled
     sizes     counting, and sums and products that may not wrap
     span      bytes of others, digits, UTF-8
     decimal   the digits of a double
     format    printf without stdio and without a locale
     result    results, failures, messages
     memory    the allocator, arrays that grow
     text      names in messages, and text that grows
     hooks     log, progress, threads of the caller
     sort      in place, without memory, never quadratic; and finding
     clock     wall time for statistics
     team      loops on several threads, which sleep where they wait
     hash      keyed, for tables whose keys a stranger chooses
     pool      blocks that are freed together
     number    element types, widening and rounding
     blocks    block types of ggml, taken apart and widened
     blocks_fit   scales and minima that fit a group, as ggml fits them
     blocks_make  rows quantised to blocks
     base64    decoding
     protobuf  fields of a message
     watch     long loops that the caller can stop
     end       what begin changed is put back: the last room of all */
