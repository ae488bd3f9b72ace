/* ==== reshape: a model's own vocabulary, smaller or larger ==== */

/* Knows which tokens can be taken out of a vocabulary and how new ones are put in, and how a
   tokenizer's files are written anew; the model with the new vocabulary is then a transplant of
   it, in which every old row is a copy.
   Hides the new numbers of tokens behind one table. A reshaping owns the vocabulary and the
   table; the tokenizer that it writes stands in a directory of its own, which goes with it.
   Read needed.h for what must stay and growth.h for what new tokens take, then trim.h and
   more_tokens.h.

   Rooms, in order of dependency:
     needed         what has to stay for the sake of what stays
     growth         new tokens of a tokenizer, and the merges that lead to them
     whole_word     which texts a tokenizer leaves in one piece
     renumber       which tokens there are then, and their ids
     files_json     tokenizer.json and the JSON files beside it
     files_lines    merges.txt and vocab.txt
     files_pieces   SentencePiece models
     files_ranks    tiktoken's ranks and tekken.json
     named          tokens that configs name, which stay
     files_gguf     the keys of GGUF files
     new_tokenizer  the files of the tokenizer, written anew
     wording        what the transplant says, in words of those who asked
     new_model      the model with its new tokenizer
     text_counts    which tokens the caller's texts are made of
     from_donor     rows of new tokens, made from those that a donor has for them
     bytes          a tokenizer of bytes in the place of one that lacks some
     trim           fewer tokens
     extend         a text that becomes a token
     more_tokens    all that are wanted, and the model with them */
