/* A scratch directory for a suite, and the few file operations tests need. The
   suite has included the implementation before. */
#ifndef SCRATCH_H
#define SCRATCH_H

static char scratch_root[400];

/* A fresh directory; its path has no separator at the end. */
static void scratch_open(const char *suite)
{
    const char *base = getenv("TMPDIR");
    unsigned number = 0;
    if (!base) base = getenv("TEMP");
    if (!base) base = "/tmp";
    do snprintf(scratch_root, sizeof scratch_root, "%s/otx-%s-%u", base, suite, number++);
    while (!otx__sys_make_directory(scratch_root) && number < 100000);
}

OTX__PRIVATE void scratch_close(void)
{
    if (!otx__tree_remove(NULL, scratch_root))
        printf("  %s was not removed\n", scratch_root);
}

/* Whether anything stands at a path that can be looked at. */
OTX__PRIVATE bool scratch_exists(const char *path)
{
    otx__status status;
    return otx__look(path, &status, NULL) == OTX_OK && status.present;
}

/* The path of a name within the scratch directory: one of eight rotating
   buffers. */
static const char *at(const char *name)
{
    static char paths[8][600];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", scratch_root, name);
    return path;
}

OTX__PRIVATE void scratch_directory(const char *name)
{
    if (!otx__sys_make_directory(at(name))) printf("  cannot make %s\n", name);
}

OTX__PRIVATE void scratch_write(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(at(name), "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        printf("  cannot write %s\n", name);
}

OTX__PRIVATE void scratch_text(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text));
}

/* Runs a shell command in the scratch directory; whether it ended well. */
OTX__PRIVATE bool scratch_shell(const char *command)
{
    char line[1200];
    snprintf(line, sizeof line, "cd \"%s\" && %s", scratch_root, command);
    return system(line) == 0;
}

#endif
