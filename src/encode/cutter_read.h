/* ---- cutter_read: the steps of a pre-tokenizer, read ---- */
