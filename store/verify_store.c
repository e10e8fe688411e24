/* What belongs to no series. A daemon that is at work makes and removes files meanwhile, so what
 * looks astray is looked at again after a while before it is reported. */
#include "verify.h"

#include "clock_ns.h"
#include "gateways_file.h"
#include "status_file.h"
#include "store_strays.h"
#include "verify_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A series that is being made or deleted looks astray for a moment, on a slow disk for a second;
 * and a folder that is made anew may get the number of the one before. So what is reported was
 * there in every one of several looks. */
#define STRAY_LOOKS    5
#define STRAY_PAUSE_NS (500 * NS_PER_MS)

static void store_report(const struct verify_sink *sink, struct verify_totals *totals,
                         const char *file, const char *text)
{
    totals->findings++;
    sink->finding(file, text, sink->context);
}

static int verify_strays(const char *store_path, int folder, const struct verify_sink *sink,
                         struct verify_totals *totals)
{
    struct stray_list strays = {0};
    long pid;
    int r = stray_collect(folder, &strays);
    bool is_live = reader_store_is_locked(store_path, &pid) == 1;
    for (unsigned look = 1; look < STRAY_LOOKS && is_live && r == 0 && strays.count > 0; look++) {
        struct stray_list again = {0};
        clock_sleep_ns(STRAY_PAUSE_NS);
        r = stray_collect(folder, &again);
        stray_list_keep(&strays, &again);
        stray_list_free(&again);
    }
    if (r == 0)
        verify_journal_sorts(folder, &strays);
    for (size_t i = 0; r == 0 && i < strays.count; i++) {
        const struct stray *stray = &strays.strays[i];
        if (stray->kind == STRAY_FOREIGN)
            store_report(sink, totals, stray->path, stray->text);
        else if (sink->note != NULL)
            sink->note(stray->path,
                       "what is left of a series that was being made or deleted; it does no harm",
                       sink->context);
    }
    stray_list_free(&strays);
    return r;
}

/* The text of the header, and what status_file_read() asks for. A store that no daemon ever ran in
 * has none. */
static int verify_status(const char *store_path, int folder, const struct verify_sink *sink,
                         struct verify_totals *totals)
{
    int64_t words[STATUS_WORDS];
    struct error_text error = {""};
    int r = status_file_read(store_path, words, &error);
    if (r == -ENOENT)
        return 0;
    if (r == -EBADMSG) {
        store_report(sink, totals, STORE_STATUS_FILE,
                     "not a status file of a version that is known");
        return 0;
    }
    if (r < 0)
        return r;

    static const struct npy_shape shape = {.dtype = DTYPE_I8, .rank = 1, .dims = {STATUS_WORDS}};
    char wanted[NPY_HEADER_BYTES];
    char header[NPY_HEADER_BYTES];
    size_t read_bytes = 0;
    int fd = fs_open_read_at(folder, STORE_STATUS_FILE);
    if (fd < 0)
        return fd;
    r = fs_read_at(fd, header, sizeof header, 0, &read_bytes);
    fs_close(fd);
    if (r == 0)
        r = npy_header_write(&shape, 0, wanted);
    if (r == 0 && (read_bytes != sizeof header || memcmp(header, wanted, sizeof header) != 0))
        store_report(sink, totals, STORE_STATUS_FILE, "the header's text is not what it should be");
    if (r == 0 && (words[STATUS_STATE] < STATUS_STOPPED || words[STATUS_STATE] > STATUS_STOPPING))
        store_report(sink, totals, STORE_STATUS_FILE, "the state is no state that is known");
    return r;
}

/* Nothing else says what its rows do. */
static int verify_gateways(const char *store_path, const struct verify_sink *sink,
                           struct verify_totals *totals)
{
    struct gateways_row *rows = NULL;
    size_t count;
    int r = gateways_file_read(store_path, &rows, &count, NULL);
    free(rows);
    if (r == -EBADMSG)
        store_report(sink, totals, STORE_GATEWAYS_FILE, "it is cut, or its header is damaged");
    return r == -EBADMSG || r == -ENOENT ? 0 : r;
}

int verify_store(const char *store_path, const struct verify_sink *sink,
                 struct verify_totals *totals)
{
    struct verify_totals own = {0};
    if (totals == NULL)
        totals = &own;
    int folder = fs_open_folder_at(FS_HERE, store_path);
    if (folder < 0)
        return folder;
    struct fs_status status;
    int r = fs_stat_at(folder, STORE_SERIES_DIR, &status);
    if (r == 0 && !status.is_folder)
        r = -ENOENT;
    if (r == 0)
        r = verify_journal(store_path, folder, sink, totals);
    if (r == 0)
        r = verify_status(store_path, folder, sink, totals);
    if (r == 0)
        r = verify_gateways(store_path, sink, totals);
    if (r == 0)
        r = verify_strays(store_path, folder, sink, totals);
    fs_close(folder);
    return r;
}
