/* ==== files: formats, on memory and streams ==== */

/* Knows JSON and safetensors as their specifications have them, and nothing of what a model
   keeps in them. Everything is untrusted: every size is checked before it is used.
   Hides spans and nodes behind numbers, a header behind a table of tensors.
   A parsed JSON refers to the caller's text, which must outlive it; a safetensors header owns
   its strings and refers to the source.
   Read json_read.h first.

   Rooms, in order of dependency:
     memory_source      memory as a source of bytes
     json_read          a parser without recursion
     json_values        looking at values, stepping through containers
     json_edit          writing, and edits that keep every byte they do not touch
     tensors            what reading and writing a header share: orders, sizes, messages
     safetensors_read   the header of a file, checked
     safetensors_write  the header of a new file */
