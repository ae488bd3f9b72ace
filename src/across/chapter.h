/* ==== across: tokens of one vocabulary as weighted tokens of another ==== */

/* Knows two vocabularies, and how the pieces of a token are weighed; nothing of models. What a
   method combines by the rows of two models is job/combined.h.
   Hides how the rows of a sparse matrix are gathered. A map owns its arrays; the files that are
   written of two of them go to the caller's sink in blocks.

   Rooms, in order of dependency:
     map_rows      a map, gathered row by row
     token_map     by the split of the other vocabulary
     write_maps    two maps as safetensors
     spell_maps    two maps as JSON, for people */
