/* Creating a series: its folder and columns first, head.npy last, by rename.
 * Until then the folder is no series, and whatever a creation that was cut left
 * in it is removed by the next one. */
#include "store_internal.h"

#include "clock_ns.h"
#include "file_system.h"
#include "series_head.h"
#include "series_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEAD_NEW_FILE ".head.npy.new"

/* What is to be made. */
struct creation {
    const char *name;
    struct series_head head;
    uint64_t stamps_rows;
    uint64_t bytes; /* of all files */
};

static int plan_creation(struct creation *creation, const struct series_rule *rule,
                         int64_t period_ps, struct error_text *error)
{
    static const char too_large[] = "its capacity is larger than a file can be; lower it";
    struct series_head *head = &creation->head;
    uint64_t capacity = 0;
    int result = store_rule_capacity(rule, &head->type, period_ps, &capacity);
    if (result == -EOVERFLOW)
        return error_set(error, -EDOM, "%s", too_large);
    if (result < 0)
        return error_set(error, result,
                         "its capacity is a time, or below 2 samples; give this kind of series "
                         "samples or bytes");
    bool grows = capacity == 0;
    head->capacity = capacity;
    head->rows = grows ? npy_grow_rows(SERIES_GROW_BYTES_MIN / head->sample_bytes) : capacity;
    creation->stamps_rows = series_stamps_rows(head->type.clock, head->rows, grows);
    if (!series_files_bytes(head->sample_bytes, head->rows, head->type.clock, creation->stamps_rows,
                            &creation->bytes))
        return error_set(error, -EDOM, "%s", too_large);
    return 0;
}

static int write_head(int folder, const struct creation *creation)
{
    char new_path[SERIES_PATH_BYTES];
    char path[SERIES_PATH_BYTES];
    char bytes[HEAD_FILE_BYTES];
    int64_t words[HEAD_WORDS];
    struct npy_shape shape = series_head_shape();
    int result = npy_header_write(&shape, 0, bytes);
    if (result < 0)
        return result;
    series_head_encode(&creation->head, words);
    memcpy(bytes + NPY_HEADER_BYTES, words, sizeof words);
    series_path(creation->name, HEAD_NEW_FILE, new_path);
    int fd = fs_create_at(folder, new_path);
    if (fd < 0)
        return fd;
    /* Page by page: in one write they would share a large page of the cache, and be written out
     * together for ever. */
    result = fs_write_at(fd, bytes, NPY_HEADER_BYTES, 0);
    if (result == 0)
        result = fs_write_at(fd, bytes + NPY_HEADER_BYTES, sizeof bytes - NPY_HEADER_BYTES,
                             NPY_HEADER_BYTES);
    fs_close(fd);
    if (result == 0)
        result =
            fs_rename_at(folder, new_path, series_path(creation->name, SERIES_HEAD_FILE, path));
    return result;
}

static int make_files(int folder, const struct creation *creation, const struct series_rule *rule)
{
    const struct series_head *head = &creation->head;
    char path[SERIES_PATH_BYTES];
    struct column_place place = {folder, path};
    bool grows = head->capacity == 0;
    struct npy_shape values = series_values_shape(&head->type, head->rows);
    struct npy_shape stamps = series_stamps_shape(head->type.clock, creation->stamps_rows);

    series_path(creation->name, SERIES_VALUES_FILE, path);
    int result = column_create(place, &values, grows, rule->preallocate);
    if (result < 0)
        return result;
    series_path(creation->name, series_stamps_file(head->type.clock), path);
    result = column_create(place, &stamps, grows, rule->preallocate);
    if (result < 0)
        return result;
    result = meta_file_write(folder, creation->name, rule);
    return result < 0 ? result : write_head(folder, creation);
}

/* Makes the folder, and clears it of what a creation that was cut left there. */
static int make_folder(int folder, const char *name)
{
    const char *file;
    char path[SERIES_PATH_BYTES];
    struct fs_status status;
    /* In one that is made here and now nobody left anything; and nearly always its parents are
     * there. */
    if (fs_make_folder_at(folder, name) == 0)
        return 0;
    int result = fs_make_folders(folder, name);
    if (result < 0)
        return result;
    if (fs_stat_at(folder, series_path(name, SERIES_HEAD_FILE, path), &status) == 0)
        return -EEXIST;
    /* All but head.npy. */
    for (unsigned i = 1; (file = series_file(i)) != NULL && result == 0; i++) {
        result = fs_remove_at(folder, series_path(name, file, path));
        if (result == -ENOENT)
            result = 0;
    }
    return result;
}

static int check_request(const struct store *store, const char *name, size_t name_bytes,
                         const struct series_type *type, const struct series_rule *rule,
                         struct error_text *error)
{
    const char *fault = series_name_fault(name, name_bytes);
    if (fault != NULL)
        return error_set(error, -EINVAL, "%s", fault);
    if (series_type_sample_bytes(type) == 0 || series_type_sample_bytes(type) > INT64_MAX ||
        (type->clock != SERIES_REGULAR && type->clock != SERIES_EXPLICIT))
        return error_set(error, -EINVAL, "there is no such type of sample");
    if (store_find(store, name, name_bytes) != NULL)
        return error_set(error, -EEXIST, "the series exists");
    if (rule->mode == SERIES_MODE_REFUSE)
        return error_set(error, -EPERM, "its rule refuses it");
    return 0;
}

/* The shadows of a series that was just made, as series_inspect() would read
 * them. */
static int adopt(struct store *store, const struct creation *creation,
                 const struct series_rule *rule, struct series *series)
{
    const struct series_head *head = &creation->head;
    series->type = head->type;
    series->id = head->id;
    series->capacity = head->capacity;
    series->sample_bytes = head->sample_bytes;
    series->ring_rows = head->rows;
    series->block_rows_max = head->capacity > 0 ? head->capacity : UINT64_MAX;
    series->file_bytes = creation->bytes;
    series->created_ns = head->created_ns;
    series->is_new = true;
    series->has_new_meta = meta_file_is_wanted(rule);
    series_limit_rows(series);
    series_set_rule(series, rule, NULL);
    int result = store_add(store, series);
    if (result == 0)
        store_mark_dirty(store, series);
    return result;
}

int series_judge_first(const struct series_type *type, const struct series_rule *rule,
                       const struct series_block *block, int64_t now_ns, uint64_t *ret_capacity)
{
    const struct time_rules rules = {.clamp = rule->late == SERIES_LATE_CLAMP};
    bool is_regular = block->clock == BLOCK_REGULAR;
    struct time_judgement judgement;
    uint64_t capacity;
    if (rule->mode == SERIES_MODE_REFUSE || series_type_sample_bytes(type) == 0 ||
        store_rule_capacity(rule, type, is_regular ? block->period_ps : 0, &capacity) < 0)
        return 0;
    if (capacity > 0 && block->count > capacity) {
        *ret_capacity = capacity;
        return -EFBIG;
    }
    /* A regular block is after the last sample of a series that has none, whatever its t0. */
    if (is_regular)
        return 0;
    int result = time_judge_explicit(block, now_ns, TIME_NONE_NS, &rules, &judgement);
    return result == 0 && judgement.kept == 0 ? -ENODATA : result;
}

int store_create(struct store *store, const char *name, size_t name_bytes,
                 const struct series_type *type, const struct series_rule *rule, int64_t period_ps,
                 struct series **ret_series, struct error_text *error)
{
    int result = check_request(store, name, name_bytes, type, rule, error);
    if (result < 0)
        return result;
    struct series *series = series_new(store, name, name_bytes);
    if (series == NULL)
        return error_set(error, -ENOMEM, "no memory for a series");

    int64_t now_ns = clock_realtime_ns();
    uint64_t id = now_ns > 0 ? (uint64_t)now_ns : 1;
    struct creation creation = {
        .name = series->name,
        .head = {.type = *type,
                 .id = id > store->id_highest ? id : store->id_highest + 1,
                 .sample_bytes = series_type_sample_bytes(type),
                 .created_ns = now_ns,
                 .last_time_ns = TIME_NONE_NS,
                 .epoch = store->epoch},
    };
    result = plan_creation(&creation, rule, period_ps, error);
    if (result == 0)
        result = store_budget_check_new(store, creation.bytes, error);
    if (result < 0)
        goto failed;

    result = make_folder(store->series_fd, series->name);
    if (result == 0) {
        result = make_files(store->series_fd, &creation, rule);
        if (result == 0)
            result = adopt(store, &creation, rule, series);
    }
    if (result == -EEXIST) {
        error_set(error, result,
                  "another program made it meanwhile; start the daemon again to have it read");
        goto failed;
    }
    if (result < 0) {
        (void)store_remove_files(store->series_fd, series->name);
        error_set_errno(
            error, result,
            "its files cannot be made below series/ of the store; check rights and quota there");
        goto failed;
    }
    *ret_series = series;
    return 0;

failed:
    series_free(series);
    return result;
}
