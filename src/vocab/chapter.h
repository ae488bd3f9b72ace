/* ==== vocab: tokens, from every source, and which of them are the same ==== */

/* Knows what tokenizers' files say and what their loaders make of it: for every id a kind and
   the bytes that the token stands for, and the roles of special tokens.
   Hides each source behind one reader: three functions and a few facts in a table (parse.h).
   A reader hands out tokens one by one, twice: to be counted, then to be kept; what all
   sources share (added tokens, roles, spelling, errors) is done once, outside.
   A vocabulary owns its tokens and their bytes in one block; while it is read, the texts and
   the parsed JSON belong to otx__tokenizer, which goes when it is done.
   Read known.h for names, token_table.h for the result, then reader.h, then one of the
   sources.
   To add a source: its kind to otx_vocab_file (api/vocab.h), the names of its files to
   known.h, a room from_*.h with open, next and roles, a row to otx__vocab_readers in parse.h;
   to the tests, a fuzz target, a case in test_sources.c, and the loader to hold it to in
   vocab_sources.py.

   Rooms, in order of dependency:
     known                what the world calls things: files, classes, tokens
     token_table          the table of tokens, and finding tokens in it
     spelling             from what a file spells to bytes
     reader               what the readers of all sources share
     added_tokens         what other files add to a model's tokens
     handed_names         pieces whose names other pieces get
     in_use               tokens that are named as reserved ones and are none
     from_tokenizer_json  tokenizer.json
     from_tekken          tekken.json
     from_tiktoken        *.tiktoken
     from_sentencepiece   tokenizer.model and its like
     from_vocab_json      vocab.json and merges.txt
     from_vocab_txt       vocab.txt
     digits               how a tokenizer cuts numbers
     recognise            what a file is, by what it holds
     parse                the first source that is given, and what goes with it
     rules                how a tokenizer splits text, kept for those who ask
     rules_read           the rules of each kind of file
     known_gguf           what llama.cpp knows of vocabularies by name
     from_gguf            the vocabulary of a GGUF file
     gguf_rules           how it splits text
     split_bpe            words split by byte-pair encoding
     split                text split as the tokenizer's model splits it
     align                which base token a donor token is */
