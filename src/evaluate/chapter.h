/* ==== evaluate: methods ranked on tokens that both models share ==== */

/* Knows a job that is open but not run: it takes the job's anchors, hides some of them, makes
   their rows by each method from the others and compares these with the true ones.
   Hides the figures, which are sums in double in the order of the tokens: the same on every
   number of threads. An evaluating owns the rows at hand, matrix by matrix; the evaluation is
   the caller's.
   Read evaluate.h, then scores.h for the figures.

   Rooms, in order of dependency:
     token_class    what a token is like, by its bytes
     hidden         which tokens are hidden, and the rows at hand
     scores         how near rows come to the true ones
     ranks          whether a true row is found among all
     evaluate       methods, one after the other, matrix by matrix
     write_json     an evaluation as JSON
     write_page     an evaluation as a page */
