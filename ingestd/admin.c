#include "admin.h"

#include "clock_ns.h"
#include "log.h"
#include "printable.h"
#include "recovery_report.h"
#include "repair.h"
#include "series_name.h"
#include "settings.h"
#include "status_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct admin_match {
    const char *glob;
    struct series **series;
    size_t count;
    size_t capacity;
};

static int admin_note_match(struct series *series, void *context)
{
    struct admin_match *match = context;
    const char *name = series_name(series);
    if (!series_glob_match(match->glob, name, strlen(name)))
        return 0;
    if (match->count == match->capacity) {
        size_t capacity = match->capacity == 0 ? 64 : match->capacity * 2;
        struct series **grown = realloc(match->series, capacity * sizeof(struct series *));
        if (grown == NULL)
            return -ENOMEM;
        match->series = grown;
        match->capacity = capacity;
    }
    match->series[match->count++] = series;
    return 0;
}

static int admin_by_name(const void *left, const void *right)
{
    const struct series *const *a = left;
    const struct series *const *b = right;
    return strcmp(series_name(*a), series_name(*b));
}

/* A store that is not there is not created for this. */
static int admin_find(const struct config *config)
{
    bool is_there = false;
    if (store_is_there(config->store_path, &is_there) < 0 || is_there)
        return 0; /* or opening it says what is wrong */
    log_error("there is no store in %s", config->store_path);
    return EX_NOINPUT;
}

/* The counters of the daemon that ended stand, but for how the store was found after it. That it
 * cannot be noted is no reason to leave the work undone: it was logged. */
static void admin_note_recovery(const struct config *config, const struct store *store)
{
    struct error_text error = {.text = ""};
    struct status_file *status = NULL;
    if (status_file_open(config->store_path, &status, &error) < 0) {
        log_warning("ingest-query status will not tell of the recovery: %s", error.text);
        return;
    }
    if (status_get(status, STATUS_STARTED_NS) == 0)
        status_set(status, STATUS_STARTED_NS, clock_realtime_ns());
    recovery_note(store, status);
    status_file_close(status);
}

/* Opens the store as a daemon would start. The next daemon finds it clean: what this recovered, and
 * what was lost, is told now or never. */
static int admin_start(const struct config *config, struct store **ret_store)
{
    int exit_code = settings_open_store(config, ret_store);
    if (exit_code != 0)
        return exit_code;
    struct store_recovery recovery;
    store_recovery(*ret_store, &recovery);
    recovery_log(*ret_store);
    if (recovery.start == STORE_START_KILLED || recovery.start == STORE_START_POWER)
        admin_note_recovery(config, *ret_store);
    return 0;
}

static int admin_open(const struct config *config, struct store **ret_store)
{
    int exit_code = admin_find(config);
    return exit_code != 0 ? exit_code : admin_start(config, ret_store);
}

static int admin_note_session(uint64_t session, uint64_t stored, void *context)
{
    struct store_session **next = context;
    *(*next)++ = (struct store_session){session, stored};
    return 0;
}

static int admin_count_session(uint64_t session, uint64_t stored, void *context)
{
    (void)session;
    (void)stored;
    *(size_t *)context += 1;
    return 0;
}

/* Leaves the store clean, with the sessions that it had. */
static int admin_close_store(struct store *store)
{
    struct error_text error = {.text = ""};
    size_t count = 0;
    store_for_each_session(store, admin_count_session, &count);
    struct store_session *sessions = calloc(count + 1, sizeof sessions[0]);
    struct store_session *next = sessions;
    int result = sessions == NULL ? -ENOMEM : 0;
    if (result == 0) {
        store_for_each_session(store, admin_note_session, &next);
        result = store_finish(store, sessions, count, &error);
    }
    free(sessions);
    store_close(store);
    if (result < 0)
        log_error("cannot close the store cleanly: %s",
                  error.text[0] != '\0' ? error.text : strerror(-result));
    return result < 0 ? EX_IOERR : 0;
}

static int admin_finish(struct store *store, int exit_code)
{
    int close_code = admin_close_store(store);
    if (exit_code == 0)
        exit_code = close_code;
    if (fflush(stdout) != 0 && exit_code == 0) {
        log_error("cannot write to standard output");
        return EX_IOERR;
    }
    return exit_code;
}

static void admin_tell_deleted(const char *name, int result, void *context)
{
    (void)context;
    if (result == 0)
        printf("deleted %s\n", name);
    else
        log_error("%s was not deleted: %s", name, strerror(-result));
}

/* Opening the store has finished what a --delete that was killed had begun. */
static bool admin_finished_deletion(const struct store *store)
{
    struct store_recovery recovery;
    store_recovery(store, &recovery);
    if (recovery.series_removed > 0)
        printf("deleted %" PRIu64 " series, of a deletion that was cut short\n",
               recovery.series_removed);
    return recovery.series_removed > 0;
}

int admin_delete(const struct config *config, const char *glob)
{
    const char *fault = series_glob_fault(glob);
    if (fault != NULL) {
        log_error("--delete '%s': %s", glob, fault);
        return EX_USAGE;
    }
    struct store *store;
    int exit_code = admin_open(config, &store);
    if (exit_code != 0)
        return exit_code;

    struct admin_match match = {.glob = glob};
    if (store_for_each(store, admin_note_match, &match) < 0) {
        log_error("out of memory");
        exit_code = EX_TEMPFAIL;
    } else if (match.count == 0 && admin_finished_deletion(store)) {
        exit_code = 0;
    } else if (match.count == 0) {
        log_error("no series matches '%s'", glob);
        exit_code = EX_NOINPUT;
    } else {
        qsort(match.series, match.count, sizeof(struct series *), admin_by_name);
    }
    if (exit_code == 0 && match.count > 0) {
        struct error_text error = {.text = ""};
        int result =
            store_delete(store, match.series, match.count, admin_tell_deleted, NULL, &error);
        if (result < 0) {
            log_error("%s", error.text[0] != '\0' ? error.text : strerror(-result));
            exit_code = EX_IOERR;
        }
    }
    free(match.series);
    return admin_finish(store, exit_code);
}

int admin_rename(const struct config *config, const char *name, const char *new_name)
{
    const char *fault = series_name_fault(new_name, strlen(new_name));
    if (fault != NULL) {
        log_error("--rename: '%s' cannot be a name: %s", new_name, fault);
        return EX_USAGE;
    }
    struct store *store;
    int exit_code = admin_open(config, &store);
    if (exit_code != 0)
        return exit_code;

    struct series *series = store_find(store, name, strlen(name));
    if (series == NULL) {
        log_error("there is no series '%s'", name);
        return admin_finish(store, EX_NOINPUT);
    }
    struct error_text error = {.text = ""};
    struct series *renamed;
    int result = store_rename(store, series, new_name, &renamed, &error);
    if (result == 0) {
        printf("renamed %s to %s\n", name, new_name);
        return admin_finish(store, 0);
    }
    log_error("%s was not renamed: %s", name,
              error.text[0] != '\0' ? error.text : strerror(-result));
    return admin_finish(store, result == -EEXIST   ? EX_CANTCREAT
                               : result == -EINVAL ? EX_USAGE
                                                   : EX_IOERR);
}

static void admin_tell_repair(const char *path, const char *text, void *context)
{
    char clean[1024];
    *(bool *)context = true;
    printf("%s: %s\n", printable_copy(clean, sizeof clean, path, strlen(path)), text);
}

static int admin_tell_broken(struct series *series, void *context)
{
    if (series_broken(series) != NULL) {
        *(bool *)context = true;
        printf("%s/%s: still refused: %s\n", STORE_SERIES_DIR, series_name(series),
               series_broken(series));
    }
    return 0;
}

int admin_repair(const struct config *config)
{
    struct error_text error = {.text = ""};
    struct store_limits limits;
    struct store *store;
    bool has_told = false;
    const struct repair_sink sink = {admin_tell_repair, &has_told};
    int exit_code = admin_find(config);
    if (exit_code != 0)
        return exit_code;
    int result = settings_store_limits(config, config->store_path, &limits, &error);
    if (result == 0)
        result = store_repair(config->store_path, &limits, &sink, &error);
    if (result < 0)
        return settings_store_failed(result, &error);
    exit_code = admin_start(config, &store);
    if (exit_code != 0)
        return exit_code;
    store_for_each(store, admin_tell_broken, &has_told);
    if (!has_told)
        printf("nothing to repair\n");
    return admin_finish(store, 0);
}
