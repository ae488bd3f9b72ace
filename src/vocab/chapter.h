/* ==== vocab: tokens, from every source, and which of them are the same ==== */

/* Knows what tokenizers' files say and what their loaders make of it: for every id a kind and
   the bytes that the token stands for, and the roles of special tokens.
   Hides each source behind one reader; what they share is in reader.h.
   A vocabulary owns its tokens and their bytes in one block.
   Read token_table.h, then reader.h, then one of the sources.

   Rooms, in order of dependency:
     known                what the world calls things: files, classes, tokens
     token_table          the table of tokens, and finding tokens in it
     spelling             from what a file spells to bytes
     reader               what the readers of all sources share
     added_tokens         what other files add to a model's tokens
     from_tokenizer_json  tokenizer.json
     from_tekken          tekken.json
     from_tiktoken        *.tiktoken
     from_sentencepiece   tokenizer.model and its like
     from_vocab_json      vocab.json and merges.txt
     from_vocab_txt       vocab.txt
     parse                the first source that is given, and what goes with it
     align                which base token a donor token is */
