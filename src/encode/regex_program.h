/* ---- regex_program: to be written ---- */
