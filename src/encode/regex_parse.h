/* ---- regex_parse: to be written ---- */
