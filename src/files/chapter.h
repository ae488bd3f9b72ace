/* ==== files: formats, on memory and streams ==== */

/* Knows JSON, safetensors and GGUF as their specifications have them, and nothing of what a
   model keeps in them; nothing of paths either: bytes come from memory or an otx_source, and go to
   an otx_sink.
   Everything is untrusted: every size is checked before it is used, nothing recurses, memory
   stays in proportion to the input.
   Hides spans and nodes behind numbers (step through them with otx_json_iter, never by
   hand), a header behind a table of tensors.
   A parsed JSON refers to the caller's text, which must outlive it, and an edit to the parsed
   JSON; a safetensors header owns its strings in one block, and refers to no source.
   Read json_values.h first, then tensors.h. A new format is a room of its own here, and
   learns nothing of models.

   Rooms, in order of dependency:
     memory_source      memory as a source of bytes
     json_read          a parser without recursion
     json_values        looking at values, stepping through containers
     json_edit          writing, and edits that keep every byte they do not touch
     tensors            what reading and writing a header share
     safetensors_read   the header of a file, checked
     safetensors_write  the header of a new file
     gguf_types         ggml's types, and the sizes of values
     gguf_values        keys, tensors and values found
     gguf_walk          what stands in a header, one after the other
     gguf_read          the header of a file, checked
     gguf_write         the header of a new file
     gguf_keys          a list of keys that is being made */
