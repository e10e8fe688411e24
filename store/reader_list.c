#include "reader.h"

#include "file_system.h"
#include "series_name.h"
#include "units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A walk over the folders below series/. The name grows and shrinks with the depth. */
struct list_walk {
    int folder;       /* STORE/series */
    const char *glob; /* NULL = all */
    char name[STORE_NAME_BYTES_MAX + 1];
    size_t name_bytes;
    bool has_head; /* the folder that is walked now holds a series */
    char **names;
    size_t count;
    size_t capacity;
};

static int list_add(struct list_walk *walk)
{
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity > 0 ? walk->capacity * 2 : 64;
        char **names = realloc(walk->names, capacity * sizeof *names);
        if (names == NULL)
            return -ENOMEM;
        walk->names = names;
        walk->capacity = capacity;
    }
    char *name = strndup(walk->name, walk->name_bytes);
    if (name == NULL)
        return -ENOMEM;
    walk->names[walk->count++] = name;
    return 0;
}

static int list_visit(const char *entry, bool is_folder, void *context);

/* Walks one folder; the depth is bounded by the segments of a name. */
static int list_folder(struct list_walk *walk)
{
    bool has_head_above = walk->has_head;
    walk->has_head = false;
    const char *path = walk->name_bytes > 0 ? walk->name : ".";
    int r = fs_for_each_entry(walk->folder, path, list_visit, walk);
    /* Deleted, or made unreadable, since its name was read. */
    if (r == -ENOENT || r == -ENOTDIR || (r == -EACCES && walk->name_bytes > 0))
        r = 0;
    if (r == 0 && walk->has_head && walk->name_bytes > 0 &&
        (walk->glob == NULL || series_glob_match(walk->glob, walk->name, walk->name_bytes)))
        r = list_add(walk);
    walk->has_head = has_head_above;
    return r;
}

static int list_visit(const char *entry, bool is_folder, void *context)
{
    struct list_walk *walk = context;
    if (!is_folder) {
        if (strcmp(entry, SERIES_HEAD_FILE) == 0)
            walk->has_head = true;
        return 0;
    }
    size_t entry_bytes = strlen(entry);
    size_t before_bytes = walk->name_bytes;
    size_t at = before_bytes > 0 ? before_bytes + 1 : 0;
    if (at + entry_bytes > STORE_NAME_BYTES_MAX)
        return 0;
    if (before_bytes > 0)
        walk->name[before_bytes] = '/';
    memcpy(walk->name + at, entry, entry_bytes + 1);
    walk->name_bytes = at + entry_bytes;
    int r = 0;
    /* Also passes over the folder of a series that is being made, whose name begins with a '.'. */
    if (series_name_fault(walk->name, walk->name_bytes) == NULL)
        r = list_folder(walk);
    walk->name_bytes = before_bytes;
    walk->name[before_bytes] = '\0';
    return r;
}

/* Begins the walk as deep as the pattern has no wildcard: a name without any is one look. */
static int list_begin(struct list_walk *walk)
{
    if (walk->glob == NULL)
        return list_folder(walk);
    size_t literal_bytes = strcspn(walk->glob, "*?");
    if (walk->glob[literal_bytes] == '\0') {
        struct fs_status status;
        char path[STORE_NAME_BYTES_MAX + sizeof "/" SERIES_HEAD_FILE];
        if (series_name_fault(walk->glob, literal_bytes) != NULL)
            return 0;
        snprintf(path, sizeof path, "%s/%s", walk->glob, SERIES_HEAD_FILE);
        int r = fs_stat_at(walk->folder, path, &status);
        if (r == -ENOENT || r == -ENOTDIR || (r == 0 && status.is_folder))
            return 0;
        if (r < 0)
            return r;
        memcpy(walk->name, walk->glob, literal_bytes);
        walk->name_bytes = literal_bytes;
        return list_add(walk);
    }
    while (literal_bytes > 0 && walk->glob[literal_bytes] != '/')
        literal_bytes--;
    if (literal_bytes > 0) {
        if (series_name_fault(walk->glob, literal_bytes) != NULL)
            return 0;
        memcpy(walk->name, walk->glob, literal_bytes);
        walk->name_bytes = literal_bytes;
    }
    return list_folder(walk);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int reader_list(const char *store_path, const char *glob, char ***ret_names, size_t *ret_count,
                struct error_text *error)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", store_path, STORE_SERIES_DIR) < 0)
        return error_set_errno(error, -ENOMEM, "%s", store_path);
    struct list_walk walk = {.glob = glob};
    walk.folder = fs_open_folder_at(FS_HERE, path);
    int r = walk.folder;
    if (r == -ENOENT || r == -ENOTDIR) {
        r = error_set(error, -ENOENT, "%s is no store: it has no folder \"%s\"", store_path,
                      STORE_SERIES_DIR);
        goto done;
    }
    if (r >= 0)
        r = list_begin(&walk);
    if (r < 0) {
        error_set_errno(error, r, "%s", path);
        reader_names_free(walk.names, walk.count);
        goto done;
    }
    if (walk.count > 1)
        qsort(walk.names, walk.count, sizeof *walk.names, compare_names);
    *ret_names = walk.names;
    *ret_count = walk.count;

done:
    fs_close(walk.folder);
    free(path);
    return r;
}

void reader_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

int reader_store_is_locked(const char *store_path, long *ret_pid)
{
    int folder = fs_open_folder_at(FS_HERE, store_path);
    if (folder < 0)
        return folder;
    bool is_locked = false;
    long pid = 0;
    int fd = fs_open_read_at(folder, STORE_LOCK_FILE);
    int r = fd == -ENOENT ? 0 : fd;
    if (fd >= 0)
        r = fs_lock_probe(fd, &is_locked);
    if (r == 0 && is_locked) {
        /* Whoever holds the lock has written its pid into the file. */
        char text[32];
        uint64_t number;
        if (fs_read_text_at(folder, STORE_LOCK_FILE, text, sizeof text) == 0) {
            text[strcspn(text, "\n")] = '\0';
            if (units_parse_u64(text, INT32_MAX, &number))
                pid = (long)number;
        }
    }
    fs_close(fd);
    fs_close(folder);
    if (r < 0)
        return r;
    *ret_pid = pid;
    return is_locked;
}
