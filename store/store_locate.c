/* Where a series that the journal knows is on disk. A rename that a power cut met has moved it, or
 * has left it under both names. */
#include "store_internal.h"

#include "file_system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct store_head {
    uint64_t id;
    char *name;
};

static uint64_t head_id(const struct store *store, const char *name)
{
    char path[SERIES_PATH_BYTES];
    int64_t words[HEAD_ID + 1] = {0};
    size_t read_bytes = 0;
    int fd = fs_open_read_at(store->series_fd, series_path(name, SERIES_HEAD_FILE, path));
    if (fd < 0)
        return 0;
    int result = fs_read_at(fd, words, sizeof words, NPY_HEADER_BYTES, &read_bytes);
    fs_close(fd);
    bool is_head =
        result == 0 && read_bytes == sizeof words && words[HEAD_MAGIC] == HEAD_MAGIC_VALUE;
    return is_head ? (uint64_t)words[HEAD_ID] : 0;
}

static int note_head(const char *name, void *context)
{
    struct store *store = context;
    size_t count = store->head_count;
    /* Grows by doubling: whenever a power of two is full. */
    if ((count & (count - 1)) == 0) {
        size_t capacity = count > 0 ? 2 * count : 1;
        struct store_head *grown = reallocarray(store->heads, capacity, sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        store->heads = grown;
    }
    struct store_head head = {head_id(store, name), strdup(name)};
    if (head.name == NULL)
        return -ENOMEM;
    store->heads[store->head_count++] = head;
    return 0;
}

static int compare_heads(const void *a, const void *b)
{
    const struct store_head *left = a, *right = b;
    return left->id < right->id ? -1 : left->id > right->id;
}

/* All heads are read once, however many series have to be looked for. */
static int read_heads(struct store *store)
{
    if (store->has_read_heads)
        return 0;
    int result = store_for_each_name(store, note_head, store);
    if (result < 0) {
        store_forget_heads(store);
        return result;
    }
    if (store->head_count > 0)
        qsort(store->heads, store->head_count, sizeof store->heads[0], compare_heads);
    store->has_read_heads = true;
    return 0;
}

void store_forget_heads(struct store *store)
{
    for (size_t i = 0; i < store->head_count; i++)
        free(store->heads[i].name);
    free(store->heads);
    store->heads = NULL;
    store->head_count = 0;
    store->has_read_heads = false;
}

int store_recovery_name(struct store *store, const struct journal_series *from,
                        char ret_name[STORE_NAME_BYTES_MAX + 1])
{
    const struct journal_description *description = &from->description;
    memcpy(ret_name, description->name, description->name_bytes);
    ret_name[description->name_bytes] = '\0';
    char path[SERIES_PATH_BYTES];
    struct fs_status status;
    /* A rename gives the head its new name last, and takes the old one from it first. */
    if (fs_stat_at(store->series_fd, series_path(ret_name, SERIES_HEAD_FILE, path), &status) == 0)
        return 0;
    int result = read_heads(store);
    if (result < 0)
        return result;
    struct store_head key = {.id = description->id};
    const struct store_head *found = NULL;
    if (store->head_count > 0)
        found = bsearch(&key, store->heads, store->head_count, sizeof key, compare_heads);
    if (found != NULL)
        memcpy(ret_name, found->name, strlen(found->name) + 1);
    return 0;
}
