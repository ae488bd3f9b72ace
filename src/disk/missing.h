/* ---- missing: a path or a directory without what is wanted of it -------------- */

/* Reports a directory without what is wanted of it: what it has instead, if there is
   advice on that (OTX_ERROR_UNSUPPORTED), else only what is missing. */
OTX__PRIVATE otx_result otx__fail_missing(otx_error *error, const char *path,
                                          const char *wanted, const char *name,
                                          const char *advice)
{
    char where[OTX__PATH_TEXT], what[OTX__QUOTED];
    otx__path_text(where, path);
    if (!advice) return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s: holds no %s", where, wanted);
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: holds no %s, but \"%s\": %s", where,
                     wanted, otx__quote(what, sizeof what, name, strlen(name)), advice);
}

/* Whether a path that leads nowhere looks like a model's name on a hub: a name,
   or two with one slash, and no leading dot. */
OTX__PRIVATE bool otx__is_hub_name(const char *path)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.";
    size_t head = strspn(path, letters);
    if (head == 0 || path[0] == '.') return false;
    if (path[head] == 0) return true;
    return path[head] == '/' && path[head + 1] != 0 &&
           path[head + 1 + strspn(path + head + 1, letters)] == 0;
}

/* Finds out what stands at a path given by the user; nothing is an error. */
OTX__PRIVATE otx_result otx__model_status(const char *path, otx__status *status,
                                          otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx_result result = otx__look(path, status, error);
    if (result || status->present) return result;
    if (otx__is_hub_name(path))
        return otx__fail(error, OTX_ERROR_NOT_FOUND, "%s: no such file or directory; if it is "
                         "a model on a hub, download it first and give its directory",
                         otx__path_text(name, path));
    return otx__fail_system(error, path, "cannot be opened", ENOENT);
}
