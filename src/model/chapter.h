/* ==== model: which tensors and config keys belong to the vocabulary ==== */

/* Knows what the world calls things: names of tensors, keys of configs.
   Hides the quirks of architectures from the job.
   Documents own their text and nodes; tensors belong to the checkpoint.
   Read names.h, then parts.h for tensors and config_ids.h for configs.

   Rooms, in order of dependency:
     document     the JSON files of a model directory
     config       what config.json says
     names        names of tensors
     parts        the tensors that the vocabulary sizes
     heirs        what becomes of the ids in a config
     config_ids   ids in a config being edited
     config_edit  config.json and generation_config.json, edited */
