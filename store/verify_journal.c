/* STATE, the journal, and what the journal says of a store that is clean: then its snapshot is of
 * the moment at which the heads were written last, so that each checks the other. */
#include "clock_ns.h"
#include "file_system.h"
#include "journal_file.h"
#include "journal_format.h"
#include "reader.h"
#include "series_internal.h"
#include "state_file.h"
#include "store_strays.h"
#include "verify_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A daemon that is at work writes records and begins files while they are read. Damage is what is
 * found at the same place so many times. */
#define JOURNAL_LOOKS     3
#define JOURNAL_LOOKS_MAX 20
#define JOURNAL_PAUSE_NS  (200 * NS_PER_MS)

struct journal_check {
    const char *store_path;
    int folder;
    const struct verify_sink *sink;
    struct verify_totals *totals;
    enum store_state state;
    struct journal journal;
    struct journal_image image;
    uint8_t *bytes;
};

static __attribute__((format(printf, 3, 4))) void report(const struct journal_check *check,
                                                         const char *file, const char *format, ...)
{
    char text[VERIFY_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    check->totals->findings++;
    check->sink->finding(file, text, check->sink->context);
}

/* ---- a clean store: heads against the snapshot ---- */

static bool read_head(const struct journal_check *check, const struct journal_series *from,
                      int64_t words[HEAD_WORDS])
{
    char path[SERIES_PATH_BYTES + sizeof STORE_SERIES_DIR];
    size_t read_bytes = 0;
    snprintf(path, sizeof path, STORE_SERIES_DIR "/%.*s/" SERIES_HEAD_FILE,
             (int)from->description.name_bytes, from->description.name);
    int fd = fs_open_read_at(check->folder, path);
    if (fd < 0)
        return false;
    int result = fs_read_at(fd, words, HEAD_WORDS * sizeof words[0], NPY_HEADER_BYTES, &read_bytes);
    fs_close(fd);
    return result == 0 && read_bytes == HEAD_WORDS * sizeof words[0];
}

/* A sequence that is above what its session is stored to is of a batch taken in part: the journal
 * has it too. Sessions that the journal has let go are not known. */
static bool session_fits(const struct journal_check *check, const struct journal_series *from,
                         const int64_t entry[HEAD_SESSION_WORDS])
{
    uint64_t session = (uint64_t)entry[HEAD_SESSION_ID];
    uint64_t sequence = (uint64_t)entry[HEAD_SESSION_SEQUENCE];
    for (size_t i = 0; i < from->entry_count; i++)
        if (from->entries[i].session == session && from->entries[i].sequence >= sequence)
            return true;
    for (size_t i = 0; i < check->image.session_count; i++)
        if (check->image.sessions[i].session == session)
            return sequence <= check->image.sessions[i].stored;
    return true;
}

static void compare_head(const struct journal_check *check, const struct journal_series *from,
                         const char *file, const int64_t words[HEAD_WORDS])
{
    const struct journal_description *description = &from->description;
    const struct {
        const char *what;
        unsigned word;
        int64_t wanted;
    } checks[] = {
        {"id", HEAD_ID, (int64_t)description->id},
        {"capacity", HEAD_CAPACITY, (int64_t)description->capacity},
        {"time of creation", HEAD_CREATED_NS, description->created_ns},
        {"count", HEAD_COUNT, (int64_t)from->count},
        {"number of durable rows", HEAD_DURABLE, (int64_t)from->count},
        {"number of runs", HEAD_RUNS_COUNT, (int64_t)from->runs_count},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (words[checks[i].word] != checks[i].wanted)
            report(check, file, "its %s is %" PRId64 ", and the journal says %" PRId64,
                   checks[i].what, words[checks[i].word], checks[i].wanted);
    if (words[HEAD_COMPATIBLE] != 0)
        report(check, file,
               "it has flags 0x%" PRIx64 ", of a version that did not write the journal",
               (uint64_t)words[HEAD_COMPATIBLE]);
    for (unsigned slot = 0; slot < HEAD_SESSION_SLOTS; slot++) {
        const int64_t *entry = &words[HEAD_SESSIONS + slot * HEAD_SESSION_WORDS];
        if (entry[HEAD_SESSION_ID] != 0 && !session_fits(check, from, entry))
            report(check, file,
                   "session entry %u (session %" PRIx64 "): sequence %" PRIu64
                   " is above what the journal says of the session",
                   slot, (uint64_t)entry[HEAD_SESSION_ID], (uint64_t)entry[HEAD_SESSION_SEQUENCE]);
    }
}

/* A series that the daemon refuses keeps its place in the journal: what is wrong with it is told
 * where its files are looked at. */
static void compare_clean(const struct journal_check *check)
{
    for (size_t i = 0; i < check->image.series_count; i++) {
        const struct journal_series *from = &check->image.series[i];
        const struct journal_description *description = &from->description;
        char file[SERIES_PATH_BYTES + sizeof STORE_SERIES_DIR];
        int64_t words[HEAD_WORDS];
        if (from->is_removed)
            continue;
        snprintf(file, sizeof file, STORE_SERIES_DIR "/%.*s/" SERIES_HEAD_FILE,
                 (int)description->name_bytes, description->name);
        if (!read_head(check, from, words))
            report(check, file, "it is missing or cut, and the journal has a series of that name");
        else if (words[HEAD_MAGIC] == HEAD_MAGIC_VALUE)
            compare_head(check, from, file, words);
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Series that the snapshot does not have. */
static int find_unknown(const struct journal_check *check)
{
    struct error_text error = {""};
    char **names;
    size_t count;
    int result = reader_list(check->store_path, NULL, &names, &count, &error);
    if (result < 0)
        return result;
    bool *is_known = calloc(count + 1, sizeof *is_known);
    for (size_t i = 0; i < check->image.series_count && is_known != NULL && count > 0; i++) {
        const struct journal_description *description = &check->image.series[i].description;
        char name[STORE_NAME_BYTES_MAX + 1] = "";
        char *key = name;
        memcpy(name, description->name, description->name_bytes);
        char **found = bsearch(&key, names, count, sizeof names[0], compare_names);
        if (found != NULL && !check->image.series[i].is_removed)
            is_known[found - names] = true;
    }
    for (size_t i = 0; i < count && is_known != NULL; i++) {
        char file[SERIES_PATH_BYTES + sizeof STORE_SERIES_DIR];
        snprintf(file, sizeof file, STORE_SERIES_DIR "/%s/" SERIES_HEAD_FILE, names[i]);
        if (!is_known[i])
            report(check, file, "the journal does not know this series");
    }
    result = is_known != NULL ? 0 : -ENOMEM;
    free(is_known);
    reader_names_free(names, count);
    return result;
}

/* ---- the store ---- */

static int note_journal(const char *entry, bool is_folder, void *context)
{
    *(bool *)context =
        *(bool *)context ||
        (!is_folder && strncmp(entry, JOURNAL_FILE_PREFIX, strlen(JOURNAL_FILE_PREFIX)) == 0);
    return 0;
}

/* 0, 1: `load` is a finding, in *ret_text; or an error. */
static int judge_journal(const struct journal_check *check, int load, const char **ret_text)
{
    bool has_file = false;
    *ret_text = NULL;
    if (load == 0 && check->image.is_damaged)
        *ret_text = "a record does not hold, and records behind it do";
    else if (load == -EBADMSG)
        *ret_text = "its snapshot does not hold, and records behind it do";
    else if (load == -ENOTSUP)
        *ret_text = "a later version wrote it";
    else if (load == -ENODATA) {
        int result = fs_for_each_entry(check->folder, ".", note_journal, &has_file);
        if (result < 0)
            return result;
        if (has_file)
            *ret_text = "no journal has a whole snapshot";
    } else if (load < 0) {
        return load;
    }
    return *ret_text != NULL;
}

static void release(struct journal_check *check)
{
    if (check->bytes != NULL)
        journal_image_free(&check->image);
    free(check->bytes);
    check->bytes = NULL;
}

static int verify_state(struct journal_check *check)
{
    bool is_exact;
    int result = state_file_read(check->folder, &check->state);
    if (result == 0)
        result = state_file_is_exact(check->folder, &is_exact);
    if (result == 0 && (check->state == STORE_STATE_DAMAGED || !is_exact))
        report(check, STORE_STATE_FILE, "it is not one of the lines that it may be");
    return result;
}

int verify_journal(const char *store_path, int folder, const struct verify_sink *sink,
                   struct verify_totals *totals)
{
    struct journal_check check = {
        .store_path = store_path, .folder = folder, .sink = sink, .totals = totals};
    const char *text = NULL;
    long pid;
    int found = verify_state(&check);
    uint64_t number = 0;
    uint64_t end = 0;
    unsigned looks = 0;
    bool is_certain = false;
    for (unsigned i = 0; i < JOURNAL_LOOKS_MAX && found >= 0 && looks < JOURNAL_LOOKS; i++) {
        release(&check);
        text = NULL;
        journal_init(&check.journal, folder, 0);
        int load = journal_load(&check.journal, &check.image, &check.bytes);
        found = load == -ENOENT ? 1 : judge_journal(&check, load, &text);
        is_certain = reader_store_is_locked(store_path, &pid) != 1;
        if (found <= 0 || is_certain)
            break;
        uint64_t end_now = load == 0 ? check.image.end : 0;
        looks = check.journal.number == number && end_now == end ? looks + 1 : 1;
        number = check.journal.number;
        end = end_now;
        clock_sleep_ns(JOURNAL_PAUSE_NS);
    }
    /* Each time at another place: a writer, and no damage. */
    if (found > 0 && text != NULL && (is_certain || looks == JOURNAL_LOOKS)) {
        char file[64];
        snprintf(file, sizeof file, JOURNAL_FILE_PREFIX "%" PRIu64, check.journal.number);
        report(&check, file, "%s", text);
    }
    if (found >= 0 && check.state == STORE_STATE_NONE && check.bytes != NULL)
        report(&check, STORE_STATE_FILE, "it is missing, and there is a journal");
    if (found == 0 && check.bytes != NULL && check.state == STORE_STATE_CLEAN) {
        compare_clean(&check);
        found = find_unknown(&check);
    }
    release(&check);
    return found < 0 ? found : 0;
}

/* The series that a stray is of, or may be. False: none. */
static bool journal_has_stray(const struct journal_image *image, const struct stray *stray)
{
    const char *name = stray->path + strlen(STORE_SERIES_DIR);
    const char *slash = strrchr(stray->path, '/');
    if (slash == NULL || *name++ != '/')
        return false;
    return journal_image_has_name(image, name, strlen(name)) ||
           (slash > name && journal_image_has_name(image, name, (size_t)(slash - name)));
}

void verify_journal_sorts(int folder, struct stray_list *strays)
{
    struct journal journal;
    struct journal_image image;
    uint8_t *bytes = NULL;
    bool is_whole = false;
    size_t headless = 0;
    for (size_t i = 0; i < strays->count; i++)
        headless += strays->strays[i].kind == STRAY_HEADLESS;
    /* A record that is being written does not hold for a moment. */
    for (unsigned look = 0; look < JOURNAL_LOOKS && headless > 0 && !is_whole; look++) {
        if (look > 0)
            clock_sleep_ns(JOURNAL_PAUSE_NS);
        journal_init(&journal, folder, 0);
        int load = journal_load(&journal, &image, &bytes);
        is_whole = load == 0 && !image.is_damaged;
        if (load == 0 && !is_whole)
            journal_image_free(&image);
        if (!is_whole) {
            free(bytes);
            bytes = NULL;
        }
    }
    for (size_t i = 0; i < strays->count; i++) {
        struct stray *stray = &strays->strays[i];
        if (stray->kind == STRAY_HEADLESS && (!is_whole || journal_has_stray(&image, stray)))
            stray->kind = STRAY_FOREIGN;
    }
    if (is_whole)
        journal_image_free(&image);
    free(bytes);
}

int verify_state_and_journal(const char *store_path, const struct verify_sink *sink,
                             struct verify_totals *totals)
{
    int folder = fs_open_folder_at(FS_HERE, store_path);
    int result = folder < 0 ? folder : verify_journal(store_path, folder, sink, totals);
    fs_close(folder);
    return result;
}
