/* ==== disk: files and directories ==== */

/* Knows paths, directories and what lies in them: shards, checkpoints, tokenizers.
   Hides POSIX and Windows (system.h is all that differs), and the temporary names under
   which an output grows.
   Paths are UTF-8; one that is made is owned by its maker (otx__path_free).
   Read paths.h first; system.h only to port.

   Rooms, in order of dependency:
     system               what POSIX and Windows are asked for
     windows_paths        paths as Windows takes them
     windows              the system as Windows gives it
     posix                the system as POSIX gives it
     paths                what can be told from their text
     failure              why the system refused
     look                 what stands at a path, and whether within another
     listing              listings of directories
     reading              files to read
     writing              files to write
     copying              copies of files
     trees                whole directories looked through, copied, removed
     known                what weights are called in a directory
     staging              a directory made under another name, then renamed
     missing              a path or a directory without what is wanted of it
     weight_index         the index of a checkpoint in shards
     checkpoint           a model directory, in one file or in shards
     tokenizer_directory  the tokenizer of a model directory */
