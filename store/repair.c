/* The order of a repair.
 *
 * Where the heads can be trusted (clean, or killed within this boot), only series that the daemon
 * would refuse are touched: made again from the journal as far as it goes, else moved away. Where
 * they cannot, the journal is believed up to its first fault, and beyond it what a series proves by
 * itself. STATE says `recovering` meanwhile, and `clean` when all of that is synced: until then
 * everything can be done again from the same journal. */
#include "repair_internal.h"

#include "file_system.h"
#include "state_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPAIR_TEXT_BYTES 512

/* What there is to go by. */
struct evidence {
    enum store_state state;
    bool heads_hold;
    bool has_image;
    bool is_cut; /* the journal went on behind what the image has */
    struct journal_image image;
    uint8_t *bytes;
};

__attribute__((format(printf, 3, 0))) static void say(struct repair *repair, const char *path,
                                                      const char *format, va_list arguments)
{
    char text[REPAIR_TEXT_BYTES];
    vsnprintf(text, sizeof text, format, arguments);
    repair->sink->say(path, text, repair->sink->context);
}

void repair_say(struct repair *repair, const char *path, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(repair, path, format, arguments);
    va_end(arguments);
}

void repair_say_series(struct repair *repair, const char *name, const char *format, ...)
{
    char path[SERIES_PATH_BYTES + sizeof STORE_SERIES_DIR];
    va_list arguments;
    snprintf(path, sizeof path, STORE_SERIES_DIR "/%s", name);
    va_start(arguments, format);
    say(repair, path, format, arguments);
    va_end(arguments);
}

/* ---- what is known ---- */

static int gather(struct repair *repair, struct evidence *evidence, struct error_text *error)
{
    struct store *store = repair->store;
    int result = state_file_read(store->folder_fd, &evidence->state);
    if (result < 0)
        return error_set_errno(error, result, "cannot read STATE");
    int load = journal_load(&store->journal, &evidence->image, &evidence->bytes);
    if (load < 0 && load != -ENODATA && load != -EBADMSG)
        return error_set_errno(error, load, "cannot read the journal");
    evidence->has_image = load == 0;
    evidence->is_cut = load == 0 && evidence->image.is_damaged;
    evidence->heads_hold = evidence->state == STORE_STATE_CLEAN ||
                           evidence->state == STORE_STATE_RUNNING ||
                           (evidence->state == STORE_STATE_NONE && load == -ENODATA);
    if (!evidence->heads_hold)
        repair_say(repair, "STATE", "%s: the journal alone is believed",
                   state_text(evidence->state));
    if (evidence->is_cut)
        repair_say(repair, "journal",
                   "number %" PRIu64 " is damaged at byte %" PRIu64
                   ": what was written behind it is lost%s",
                   store->journal.number, evidence->image.end,
                   evidence->heads_hold ? ", and is not needed" : "");
    else if (!evidence->has_image && !(evidence->state == STORE_STATE_NONE && load == -ENODATA))
        repair_say(repair, "journal", "%s%s",
                   load == -ENODATA ? "there is none" : "its snapshot is damaged",
                   evidence->heads_hold ? ", and none is needed" : "");
    return 0;
}

struct names {
    char **names;
    size_t count;
    size_t capacity;
};

static int add_name(const char *name, void *context)
{
    struct names *names = context;
    if (names->count == names->capacity) {
        size_t capacity = names->capacity > 0 ? names->capacity * 2 : 64;
        char **grown = reallocarray(names->names, capacity, sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        names->names = grown;
        names->capacity = capacity;
    }
    names->names[names->count] = strdup(name);
    return names->names[names->count++] == NULL ? -ENOMEM : 0;
}

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
}

/* ---- one series ---- */

/* Whether the daemon takes it: 0, or -EBADMSG with the reason; its id, 0 when it has none.
 * `thoroughly`: runs are looked at too, and what a kill left is finished. */
static int inspect(struct repair *repair, const char *name, bool thoroughly, uint64_t *ret_id,
                   char why[REPAIR_TEXT_BYTES])
{
    int64_t words[HEAD_WORDS];
    struct series *series = series_new(repair->store, name, strlen(name));
    if (series == NULL)
        return -ENOMEM;
    int result = series_inspect(series, words);
    *ret_id = series->id;
    if (result == 0 && series->broken == NULL && thoroughly)
        result = series_map(series);
    if (series->broken != NULL) {
        snprintf(why, REPAIR_TEXT_BYTES, "%s", series->broken);
        result = -EBADMSG;
    }
    series_free(series);
    return result;
}

/* What the journal says of the name. */
static const struct journal_series *find_named(const struct evidence *evidence, const char *name)
{
    for (size_t i = 0; evidence->has_image && i < evidence->image.series_count; i++) {
        const struct journal_series *series = &evidence->image.series[i];
        if (!series->is_removed && series->description.name_bytes == strlen(name) &&
            memcmp(series->description.name, name, strlen(name)) == 0)
            return series;
    }
    return NULL;
}

/* Brings a series to its position in the journal, or moves it away. */
static int bring_back(struct repair *repair, const struct evidence *evidence,
                      const struct journal_series *from)
{
    char name[STORE_NAME_BYTES_MAX + 1];
    struct store_recovery *recovery = &repair->store->recovery;
    const struct store_recovery before = *recovery;
    int result = store_recovery_name(repair->store, from, name);
    if (result < 0)
        return result;
    result = store_recover_series(repair->store, &evidence->image, from, evidence->is_cut);
    if (result == -EBADMSG)
        return repair_move_series(repair, name,
                                  "its files are missing or damaged, and the journal has not all "
                                  "of its rows");
    if (result < 0)
        return result;
    repair->has_changed = true;
    uint64_t given_up = recovery->rows_given_up - before.rows_given_up;
    uint64_t lost = recovery->rows_lost_min - before.rows_lost_min;
    if (given_up > 0 || lost > 0 || recovery->series_made > before.series_made)
        repair_say_series(repair, name,
                          "brought to %" PRIu64 " rows by the journal%s; at least %" PRIu64
                          " newer ones are lost, %" PRIu64 " of the oldest are given up",
                          from->count,
                          recovery->series_made > before.series_made ? ", its head made again" : "",
                          lost, given_up);
    return 0;
}

static bool has_column(const struct store *store, const struct journal_series *from)
{
    char name[STORE_NAME_BYTES_MAX + 1];
    char path[SERIES_PATH_BYTES];
    struct fs_status status;
    memcpy(name, from->description.name, from->description.name_bytes);
    name[from->description.name_bytes] = '\0';
    if (fs_stat_at(store->series_fd, series_path(name, SERIES_HEAD_FILE, path), &status) == 0)
        return false;
    return fs_stat_at(store->series_fd, series_path(name, SERIES_VALUES_FILE, path), &status) == 0;
}

/* A series that is there, while the heads hold. */
static int repair_trusted(struct repair *repair, const struct evidence *evidence, const char *name)
{
    char why[REPAIR_TEXT_BYTES] = "";
    uint64_t id = 0;
    int result = inspect(repair, name, true, &id, why);
    const struct journal_series *from = find_named(evidence, name);
    if (result != -EBADMSG || from == NULL)
        return result == -EBADMSG ? repair_move_series(repair, name, why) : result;
    repair_say_series(repair, name, "%s", why);
    result = bring_back(repair, evidence, from);
    if (result < 0)
        return result;
    result = inspect(repair, name, true, &id, why);
    return result == -EBADMSG ? repair_move_series(repair, name, why) : result;
}

/* A series that is there, while the journal alone is believed; what the journal knows was brought
 * to its position before. */
static int repair_untrusted(struct repair *repair, const struct evidence *evidence,
                            const char *name)
{
    char why[REPAIR_TEXT_BYTES] = "";
    const char *unproved = "";
    uint64_t id = 0;
    const struct journal_series *known = NULL;
    int result = inspect(repair, name, false, &id, why);
    if (result < 0 && result != -EBADMSG)
        return result;
    if (evidence->has_image && id != 0)
        known = journal_image_find(&evidence->image, id);
    if (known != NULL && known->is_removed)
        return repair_move_series(repair, name, "it was deleted");
    if (result == 0 && known == NULL) {
        if (evidence->has_image && !evidence->is_cut && id > evidence->image.id_highest)
            return repair_move_series(repair, name,
                                      "made after the last flush: nothing in it was durable");
        result = repair_prove(repair, name, &unproved);
        if (result == -EBADMSG)
            return repair_move_series(repair, name, unproved);
    }
    if (result == 0)
        result = inspect(repair, name, true, &id, why);
    return result == -EBADMSG ? repair_move_series(repair, name, why) : result;
}

/* ---- the store ---- */

static int repair_known(struct repair *repair, const struct evidence *evidence)
{
    int result = 0;
    for (size_t i = 0; evidence->has_image && i < evidence->image.series_count && result == 0;
         i++) {
        const struct journal_series *from = &evidence->image.series[i];
        if (!from->is_removed && (!evidence->heads_hold || has_column(repair->store, from)))
            result = bring_back(repair, evidence, from);
    }
    return result;
}

static int repair_all(struct repair *repair, const struct evidence *evidence)
{
    struct names names = {0};
    int result = repair_known(repair, evidence);
    if (result == 0)
        result = store_for_each_name(repair->store, add_name, &names);
    for (size_t i = 0; i < names.count && result == 0; i++)
        result = evidence->heads_hold ? repair_trusted(repair, evidence, names.names[i])
                                      : repair_untrusted(repair, evidence, names.names[i]);
    free_names(&names);
    return result == 0 ? repair_move_strays(repair) : result;
}

int store_repair(const char *path, const struct store_limits *limits,
                 const struct repair_sink *sink, struct error_text *error)
{
    struct repair repair = {.sink = sink};
    struct evidence evidence = {0};
    int result = store_open_locked(path, limits, &repair.store, error);
    if (result < 0)
        return result;
    struct store *store = repair.store;
    /* What a kill left is finished as the series are looked at. */
    store->recovery.start = STORE_START_KILLED;
    result = gather(&repair, &evidence, error);
    if (result < 0)
        goto done;
    if (!evidence.heads_hold)
        result = state_file_write(store->folder_fd, STORE_STATE_RECOVERING);
    if (result == 0 && !evidence.heads_hold)
        store_forget_failed_writes(store);
    if (result == 0)
        result = repair_all(&repair, &evidence);
    if (result == 0 && !evidence.heads_hold && evidence.has_image)
        result = store_mend_unwritten(store, &evidence.image);
    if (result == 0 && (repair.has_changed || !evidence.heads_hold))
        result = fs_sync_file_system(store->lock_fd);
    if (result == 0 && !evidence.heads_hold)
        result = state_file_write(store->folder_fd, STORE_STATE_CLEAN);
    if (result < 0)
        error_set_errno(error, result, "cannot repair %s", path);

done:
    if (evidence.has_image)
        journal_image_free(&evidence.image);
    free(evidence.bytes);
    store_close(store);
    return result;
}
