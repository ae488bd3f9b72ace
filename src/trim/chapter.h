/* ==== trim: a smaller vocabulary of a model's own ==== */

/* Knows which tokens can be taken out of a vocabulary, and how a tokenizer's files are written
   without them; the model with the new vocabulary is then a transplant of it, in which every
   row is a copy.
   Hides the new numbers of tokens behind one table. A trimming owns the vocabulary and the
   table; the tokenizer that it writes stands in a directory of its own, which goes with it.
   Read needed.h for what must stay, then trim.h.

   Rooms, in order of dependency:
     needed        what has to stay for the sake of what stays
     renumber      which tokens stay, and their new ids
     trim_json     tokenizer.json and the JSON files beside it
     trim_lines    merges.txt and vocab.txt
     trim          the whole, in order */
