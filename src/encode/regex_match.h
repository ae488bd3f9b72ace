/* ---- regex_match: to be written ---- */
