/* A scratch directory for a suite, and the few file operations tests need, of libc and
   POSIX alone: suites of the public API have no others. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifdef _WIN32
#include <direct.h>
#endif

static char scratch_root[400];

static inline bool scratch_make_directory(const char *path)
{
#ifdef _WIN32
    return _mkdir(path) == 0;
#else
    return mkdir(path, 0777) == 0;
#endif
}

/* Removes a file, a link or an empty directory. */
static inline bool scratch_remove_path(const char *path)
{
#ifdef _WIN32
    if (_rmdir(path) == 0) return true;
#endif
    return remove(path) == 0;
}

/* With all that is in it. Links are removed, never followed. */
static inline bool scratch_remove_whole(const char *path)
{
    struct dirent *entry;
    DIR *directory;
    bool removed = true;
    if (scratch_remove_path(path)) return true;
    directory = opendir(path);
    if (!directory) return false;
    while (removed && (entry = readdir(directory)) != NULL) {
        size_t room = strlen(path) + strlen(entry->d_name) + 2;
        char *inner = (char *)malloc(room);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            snprintf(inner, room, "%s/%s", path, entry->d_name);
            removed = scratch_remove_whole(inner);
        }
        free(inner);
    }
    closedir(directory);
    return scratch_remove_path(path);
}

/* A fresh directory; its path has no separator at the end. */
static inline void scratch_open(const char *suite)
{
    const char *base = getenv("TMPDIR");
    unsigned number = 0;
    if (!base) base = getenv("TEMP");
    if (!base) base = "/tmp";
    do snprintf(scratch_root, sizeof scratch_root, "%s/otx-%s-%u", base, suite, number++);
    while (!scratch_make_directory(scratch_root) && number < 100000);
}

static inline void scratch_close(void)
{
    if (!scratch_remove_whole(scratch_root)) printf("  %s was not removed\n", scratch_root);
}

/* The path of a name within the scratch directory: one of eight rotating
   buffers. */
static inline const char *at(const char *name)
{
    static char paths[8][1000];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", scratch_root, name);
    return path;
}

static inline void scratch_directory(const char *name)
{
    if (!scratch_make_directory(at(name))) printf("  cannot make %s\n", name);
}

static inline void scratch_write(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(at(name), "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        printf("  cannot write %s\n", name);
}

static inline void scratch_text(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text));
}

/* The bytes of a file and a NUL, to be freed, or NULL; `size` may be NULL. */
static inline char *scratch_read(const char *name, size_t *size)
{
    FILE *file = fopen(at(name), "rb");
    char *text = NULL;
    long length = -1;
    if (file && fseek(file, 0, SEEK_END) == 0) length = ftell(file);
    if (length >= 0 && fseek(file, 0, SEEK_SET) == 0) text = (char *)malloc((size_t)length + 1);
    if (text && fread(text, 1, (size_t)length, file) != (size_t)length) {
        free(text);
        text = NULL;
    }
    if (file) fclose(file);
    if (text) text[length] = 0;
    if (text && size) *size = (size_t)length;
    return text;
}

/* Whether anything stands at a path that can be looked at. */
static inline bool scratch_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

/* Removes a file. */
static inline bool scratch_remove(const char *name) { return scratch_remove_path(at(name)); }

/* Removes whatever stands at a name, if anything does. */
static inline void scratch_remove_tree(const char *name)
{
    if (!scratch_remove_whole(at(name)) && scratch_exists(at(name)))
        printf("  %s was not removed\n", name);
}

/* How many names in the scratch directory start like that. */
static inline int scratch_count(const char *start)
{
    struct dirent *entry;
    DIR *directory = opendir(scratch_root);
    int count = 0;
    if (!directory) return -1;
    while ((entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            count += strncmp(entry->d_name, start, strlen(start)) == 0;
    closedir(directory);
    return count;
}

/* Runs a shell command in the scratch directory; whether it ended well. */
static inline bool scratch_shell(const char *command)
{
    char line[1200];
    snprintf(line, sizeof line, "cd \"%s\" && %s", scratch_root, command);
    return system(line) == 0;
}

#endif
