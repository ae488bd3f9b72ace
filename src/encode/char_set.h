/* ---- char_set: to be written ---- */
