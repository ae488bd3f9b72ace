/* ==== encode: text becomes pieces, pieces become ids ==== */

/* Knows what a tokenizer does to a text before its model sees it, and puts the whole together.
   Hides Unicode's tables behind sets of characters, regular expressions behind a program that is
   matched within a budget, and every pre-tokenizer behind a cutter:

       otx__cutter_open          from the value of "pre_tokenizer" in a tokenizer.json
       otx__cutter_open_pattern  from a regular expression alone (tekken.json, tiktoken)
       otx__cutter_run           cuts a text; what it gives are the pieces as the model sees them,
                                 spelled as tokens are: in GPT-2's alphabet, with U+2581 ...
       otx__cutter_close

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
     cutter          texts cut by them */
