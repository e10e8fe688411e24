#include "store_strays.h"

#include "file_system.h"
#include "series_internal.h"
#include "series_name.h"
#include "store_format.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRAY_PATH_BYTES 1024

/* A walk over series/; `path` grows and shrinks with the depth. */
struct stray_walk {
    int folder; /* the store's */
    char path[STRAY_PATH_BYTES];
    size_t name_at; /* where the series' name begins in it */
    bool has_head;
    bool is_parent; /* a folder below was walked that holds a series, itself or further down */
    struct stray_list *list;
};

static int stray_add(struct stray_walk *walk, const char *entry, enum stray_kind kind,
                     const char *text)
{
    struct stray_list *list = walk->list;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? list->capacity * 2 : 16;
        struct stray *strays = realloc(list->strays, capacity * sizeof *strays);
        if (strays == NULL)
            return -ENOMEM;
        list->strays = strays;
        list->capacity = capacity;
    }
    struct stray stray = {.text = text, .kind = kind};
    const char *between = entry[0] != '\0' ? "/" : "";
    if (asprintf(&stray.path, "%s%s%s", walk->path, between, entry) < 0)
        return -ENOMEM;
    struct fs_status status;
    if (fs_stat_at(walk->folder, stray.path, &status) < 0) {
        free(stray.path); /* gone already */
        return 0;
    }
    stray.inode = status.inode;
    list->strays[list->count++] = stray;
    return 0;
}

void stray_list_free(struct stray_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->strays[i].path);
    free(list->strays);
}

/* Of a series that is there, or may be. */
static bool is_series_file(const char *entry)
{
    const char *file;
    for (unsigned i = 0; (file = series_file(i)) != NULL; i++)
        if (strcmp(entry, file) == 0)
            return true;
    return false;
}

static int stray_find_head(const char *entry, bool is_folder, void *context)
{
    if (!is_folder && strcmp(entry, SERIES_HEAD_FILE) == 0)
        *(bool *)context = true;
    return 0;
}

static int stray_folder(struct stray_walk *walk);

static int stray_visit(const char *entry, bool is_folder, void *context)
{
    struct stray_walk *walk = context;
    if (!is_folder) {
        bool is_ours = is_series_file(entry);
        if (!walk->has_head)
            return stray_add(walk, entry, is_ours ? STRAY_HEADLESS : STRAY_FOREIGN,
                             "a file where no series is");
        if (is_ours && entry[0] != '.')
            return 0;
        return stray_add(walk, entry, is_ours ? STRAY_LEFT : STRAY_FOREIGN, "no file of a series");
    }
    size_t before = strlen(walk->path);
    int length = snprintf(walk->path + before, sizeof walk->path - before, "/%s", entry);
    bool is_name =
        length > 0 && (size_t)length < sizeof walk->path - before &&
        series_name_fault(walk->path + walk->name_at, strlen(walk->path + walk->name_at)) == NULL;
    int r;
    if (is_name) {
        r = stray_folder(walk);
        walk->path[before] = '\0';
    } else {
        walk->path[before] = '\0';
        r = stray_add(walk, entry, STRAY_FOREIGN, "a folder that no series can have");
    }
    return r;
}

/* The depth is bounded by the segments of a name. */
static int stray_folder(struct stray_walk *walk)
{
    bool has_head_above = walk->has_head;
    bool is_parent_above = walk->is_parent;
    walk->has_head = false;
    walk->is_parent = false;
    int r = fs_for_each_entry(walk->folder, walk->path, stray_find_head, &walk->has_head);
    if (r == 0)
        r = fs_for_each_entry(walk->folder, walk->path, stray_visit, walk);
    if (r == -ENOENT) /* deleted since its name was read */
        r = 0;
    bool is_root = strlen(walk->path) < walk->name_at;
    bool is_used = walk->has_head || walk->is_parent;
    if (r == 0 && !is_used && !is_root)
        r = stray_add(walk, "", STRAY_HEADLESS, "a folder without a series");
    walk->has_head = has_head_above;
    walk->is_parent = is_parent_above || is_used;
    return r;
}

int stray_collect(int folder, struct stray_list *list)
{
    struct stray_walk walk = {.folder = folder, .path = STORE_SERIES_DIR, .list = list};
    walk.name_at = sizeof STORE_SERIES_DIR;
    return stray_folder(&walk);
}

static bool stray_is_in(const struct stray *stray, const struct stray_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->strays[i].inode == stray->inode && list->strays[i].text == stray->text &&
            strcmp(list->strays[i].path, stray->path) == 0)
            return true;
    return false;
}

/* Leaves those that are in the other list too. */
void stray_list_keep(struct stray_list *list, const struct stray_list *other)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (stray_is_in(&list->strays[i], other))
            list->strays[kept++] = list->strays[i];
        else
            free(list->strays[i].path);
    }
    list->count = kept;
}
