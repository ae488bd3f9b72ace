/* ==== reshape: a model's own vocabulary, smaller or larger ==== */

/* Knows which tokens can be taken out of a vocabulary and how new ones are put in, and how a
   tokenizer's files are written anew; the model with the new vocabulary is then a transplant of
   it, in which every old row is a copy.
   Hides the new numbers of tokens behind one table. A reshaping owns the vocabulary and the
   table; the tokenizer that it writes stands in a directory of its own, which goes with it.
   Read needed.h for what must stay and growth.h for what new tokens take, then trim.h and
   extend.h.

   Rooms, in order of dependency:
     needed         what has to stay for the sake of what stays
     growth         new tokens of a tokenizer, and the merges that lead to them
     whole_word     which texts a tokenizer leaves in one piece
     renumber       which tokens there are then, and their ids
     files_json     tokenizer.json and the JSON files beside it
     files_lines    merges.txt and vocab.txt
     new_tokenizer  the files of the tokenizer, written anew
     named          tokens that configs name, which stay
     new_model      the model with its new tokenizer
     text_counts    which tokens the caller's texts are made of
     trim           fewer tokens
     extend         more tokens */
