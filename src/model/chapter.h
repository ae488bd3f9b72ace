/* ==== model: which tensors and config keys belong to the vocabulary ==== */

/* Knows a model directory as a whole: which of its tensors the vocabulary sizes and what
   each does, what its configs say, and how they must read under another tokenizer. What
   the world calls things stands in the rooms known*.h, a row for each and who needs it.
   Hides the quirks of architectures from the job: names, levels of configs, ties.
   A side owns all that is open of a model directory; tensors and parts point into its
   checkpoint, spans and nodes into its documents. It stands here and not in the job
   because the editing of configs reads both sides. What is edited goes into a text of the
   caller's; no file is written.
   To add a name or a type of models: known.h; a key: known_keys.h. Read side.h first, then
   find.h for tensors, members.h and heirs.h for ids in configs.

   Rooms, in order of dependency:
     known          what the world calls things
     known_keys     keys of ids and sizes in configs
     known_classes  classes of tokenizers, by the type of model
     names          names of tensors
     document       the JSON files of a model directory
     members        what the members of a config are about
     config         what config.json says
     side           a model directory opened once
     gguf_model     what a GGUF file says of a model
     code           the Python that a tokenizer is loaded with
     parts          what each tensor does for the vocabulary
     whole          whether all tensors are there
     find           finding the parts of a model
     processor      the tokens that a processor looks for by their text
     heirs          what becomes of the ids in a config
     config_ids     ids in a config being edited
     config_lists   lists, dictionaries and ranges of ids
     config_edit    config.json and generation_config.json, edited
     classes        which class a tokenizer is loaded as
     class_tokens   added tokens that a class numbers otherwise */
