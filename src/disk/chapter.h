/* ==== disk: files and directories ==== */

/* Knows paths, directories, and what lies in them: weights in one file or in shards, and a
   tokenizer in whichever of its files.
   Hides POSIX and Windows (all that differs are their rooms), and the temporary names under
   which an output grows. Nothing else here asks the system, and nothing at a path is never
   the same as what cannot be looked at: otx__look tells, and its error names the path.
   Paths are UTF-8; one that is made is owned by its maker (otx__path_free). A checkpoint
   owns its files and their headers; an output owns its directory until it is committed.
   Read system.h for what is asked, look.h and trees.h for how; windows.h and posix.h to port.

   Rooms, in order of dependency:
     system               what POSIX and Windows are asked for
     windows_paths        paths as Windows takes them
     windows              the system as Windows gives it
     posix                the system as POSIX gives it
     paths                what can be told from their text
     failure              why the system refused
     look                 what stands at a path, and whether within another
     listing              listings of directories
     reading              files to read, and whether they have changed
     writing              files to write
     copying              copies of files
     trees                whole directories looked through, copied, removed
     known                what weights are called in a directory
     staging              a directory made under another name, then renamed
     staged_files         files made under another name, then renamed
     missing              a path or a directory without what is wanted of it
     gguf_files           GGUF files of a directory, by their names
     weights              which files they are, and what may stand in their place
     weight_index         the index of a checkpoint in shards
     shards               what an index and its shards say of each other
     gguf_parts           the parts of a split GGUF file
     checkpoint           a model directory, in one file or in shards
     tokenizer_gguf       the tokenizer of a GGUF file
     tokenizer_directory  the tokenizer of a model directory
     encoder_directory    the encoder of a model directory, and files of text */
