/* ==== encode: text becomes pieces, pieces become ids ==== */

/* Knows what a tokenizer does to a text before its model sees it, and puts the whole together.
   Hides Unicode's tables behind sets of characters, regular expressions behind a program that is
   matched within a budget, and every pre-tokenizer behind a cutter:

       otx__cutter_open          from the value of "pre_tokenizer" in a tokenizer.json
       otx__cutter_open_pattern  from a regular expression alone (tekken.json, tiktoken)
       otx__cutter_run           cuts a text; what it gives are the pieces as the model sees them,
                                 spelled as tokens are: in GPT-2's alphabet, with U+2581 ...
       otx__cutter_close

   Before it stands the normaliser, and around both what cuts added tokens out; behind them the
   model's own splitting (vocab/split.h) and a memory of words. All of it is an otx_encoder:
   encode_words.h has its parts, encode.h the way of a text through them.
   A cutter owns its programs; the pieces own the text that they are parts of, which a cutter may
   have written anew.

   Rooms, in order of dependency:
     char_set        sets of characters
     unicode_tables  what characters are, packed
     categories      Unicode's categories, scripts and case, as sets
     regex_parse     regular expressions, read: sets and escapes
     regex_syntax    classes, repetitions, groups
     regex_program   instructions, and what parts of an expression begin with
     regex_make      the program that they become
     regex_match     the program run over a text
     slices          a text in pieces, and ways to cut it further
     cutter_read     the steps of a pre-tokenizer, read
     cutter          texts cut by them
     normal_tables   what normalisers know of characters
     normal_read     the same, unpacked
     normal_forms    Unicode's four normal forms
     charsmap        SentencePiece's map of characters
     normalise_steps  what normalisers do, step by step
     normalise_open  the normaliser of a tokenizer.json, read
     normalise       what it makes of texts
     added_cut       added tokens, cut out of a text
     word_cache      what words became before
     encode_words    words as the model splits them
     added_flags     how added tokens are met, as the files say it
     encode_open     what an encoder is made from
     encode          whole texts as token ids
     write_counts    how often tokens occur, as lists */
