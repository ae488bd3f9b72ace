/* ---- categories: to be written ---- */
