/* ==== base: what everything stands on ==== */

/* Knows nothing of models, tokens or files: results and messages, checked sizes, the
   caller's hooks (memory, threads, progress, log), text, numbers, sorting.
   Hides byte order, the locale, compilers' habits with floating point.
   Owns nothing. Memory is asked of the context that is handed down, with its old size, and
   given back to the same; a function that fails fills in the error and returns its code.
   Read result.h and memory.h first: all other rooms speak that way.

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
     sort      in place, without memory, never quadratic; finding in what is sorted
     clock     wall time for statistics
     hash      keyed, for tables whose keys a stranger chooses
     pool      blocks that are freed together
     number    element types, widening and rounding
     base64    decoding
     protobuf  fields of a message
     watch     long loops that the caller can stop
     end       what begin changed is put back: the last room of all */
