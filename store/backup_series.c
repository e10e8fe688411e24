/* Copying one series: first its runs, which are few, then its rows from the oldest on; after each
 * piece it is seen what was overwritten meanwhile. Rows stand in the copy in the slots that they
 * have in the original; what was not copied is a hole in the file, and the frontier hides it. */
#include "backup.h"

#include "backup_internal.h"
#include "column.h"
#include "series_head.h"
#include "store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_BYTES (UINT64_C(1) << 20)
#define COPY_RUNS  1024
/* Times that a series is begun anew, since it was replaced or its daemon restarted. */
#define COPY_TRIES 8

struct copying {
    struct backup *backup;
    const char *name;
    struct reader *reader;
    struct backup_moment moment;
    uint64_t first;       /* rows below were overwritten before they were copied */
    uint64_t values_rows; /* in the shapes of the copy */
    uint64_t stamps_rows;
    int values_fd;
    int stamps_fd;
    uint64_t bytes;
    backup_progress progress;
    void *context;
    bool is_writing; /* what fails now fails in the copy, and not in the original */
};

static bool is_regular(const struct copying *copying)
{
    return copying->reader->info.type.clock == SERIES_REGULAR;
}

/* What a call on a file of the copy came to. */
static int of_copy(struct copying *copying, int result)
{
    copying->is_writing = result < 0;
    return result;
}

/* `bytes` may lie in a mapping of the original, whose pages may be lost: -EFAULT. */
static int write_bytes(struct copying *copying, int fd, const void *bytes, uint64_t byte_count,
                       uint64_t offset)
{
    int result = fs_write_at(fd, bytes, byte_count, offset);
    if (result == 0)
        copying->bytes += byte_count;
    return result == -EFAULT ? result : of_copy(copying, result);
}

/* ---- the files ---- */

static int make_column(struct copying *copying, const char *file, const struct npy_shape *shape,
                       int *ret_fd)
{
    char path[SERIES_PATH_BYTES];
    struct column_place place = {copying->backup->series_fd, path};
    series_path(copying->name, file, path);
    int result = column_create(place, shape, !reader_is_ring(copying->reader), false);
    if (result == 0)
        result = *ret_fd = fs_open_write_at(place.folder, path);
    return result < 0 ? of_copy(copying, result) : 0;
}

static int make_columns(struct copying *copying)
{
    const struct reader *reader = copying->reader;
    const struct series_type *type = &reader->info.type;
    copying->values_rows = reader->values.rows;
    copying->stamps_rows = reader->times.rows;
    /* They may have been mapped between the growths of the one and the other. */
    if (type->clock == SERIES_EXPLICIT && copying->stamps_rows < copying->values_rows)
        copying->values_rows = copying->stamps_rows;
    if (type->clock == SERIES_EXPLICIT)
        copying->stamps_rows = copying->values_rows;
    struct npy_shape values = series_values_shape(type, copying->values_rows);
    struct npy_shape stamps = series_stamps_shape(type->clock, copying->stamps_rows);
    int result = of_copy(copying, fs_make_folders(copying->backup->series_fd, copying->name));
    if (result == 0)
        result = make_column(copying, SERIES_VALUES_FILE, &values, &copying->values_fd);
    if (result == 0)
        result =
            make_column(copying, series_stamps_file(type->clock), &stamps, &copying->stamps_fd);
    return result;
}

static int copy_meta(struct copying *copying)
{
    char path[SERIES_PATH_BYTES];
    char bytes[4096];
    struct fs_status status;
    int to = -1;
    int folder = fs_open_folder_at(FS_HERE, copying->reader->folder);
    if (folder < 0)
        return folder == -ENOENT ? -ESTALE : folder;
    int from = -1;
    int result = fs_stat_at(folder, SERIES_META_FILE, &status);
    /* Somebody's pipe would be waited for. */
    if (result == -ENOENT || (result == 0 && !status.is_file)) {
        result = 0;
        goto done;
    }
    if (result == 0)
        result = from = fs_open_read_at(folder, SERIES_META_FILE);
    if (result < 0)
        goto done;
    result = to =
        of_copy(copying, fs_create_at(copying->backup->series_fd,
                                      series_path(copying->name, SERIES_META_FILE, path)));
    size_t read_bytes = sizeof bytes;
    for (uint64_t at = 0; result >= 0 && read_bytes == sizeof bytes; at += read_bytes) {
        result = fs_read_at(from, bytes, sizeof bytes, at, &read_bytes);
        if (result == 0)
            result = write_bytes(copying, to, bytes, read_bytes, at);
    }
done:
    fs_close(from);
    fs_close(to);
    fs_close(folder);
    return result < 0 ? result : 0;
}

/* ---- runs ---- */

/* Writes neighbouring runs, of a ring also across its seam. */
static int write_runs(struct copying *copying, uint64_t first, const int64_t *words, uint64_t runs)
{
    static const uint64_t run_bytes = RUN_WORDS * sizeof(int64_t);
    int result = 0;
    while (runs > 0 && result == 0) {
        uint64_t slot = first % copying->stamps_rows;
        uint64_t piece = runs < copying->stamps_rows - slot ? runs : copying->stamps_rows - slot;
        result = write_bytes(copying, copying->stamps_fd, words, piece * run_bytes,
                             column_file_bytes(slot, run_bytes));
        first += piece;
        words += piece * RUN_WORDS;
        runs -= piece;
    }
    return result;
}

/* Slots of older runs, which were overwritten before they were copied, get a copy of the oldest one
 * that was: it covers no sample, and keeps the order in which readers search. */
static int fill_runs(struct copying *copying, uint64_t oldest, const int64_t words[RUN_WORDS])
{
    uint64_t rows = copying->stamps_rows;
    uint64_t count = copying->moment.runs_count;
    int result = 0;
    for (uint64_t number = count > rows ? count - rows : 0; number < oldest && result == 0;
         number++)
        result = write_runs(copying, number, words, 1);
    return result;
}

/* From the newest to the oldest: what is overwritten meanwhile is then the rest. -ERANGE: not even
 * the newest is there any more. */
static int copy_runs(struct copying *copying)
{
    const struct backup_moment *moment = &copying->moment;
    int64_t words[COPY_RUNS][RUN_WORDS];
    int64_t oldest[RUN_WORDS] = {0};
    uint64_t end = moment->runs_count;
    int loaded = 0;
    while (end > moment->runs_first && loaded == 0) {
        uint64_t least =
            end - moment->runs_first > COPY_RUNS ? end - COPY_RUNS : moment->runs_first;
        uint64_t number = end;
        while (number > least && loaded == 0) {
            loaded = reader_run_words(copying->reader, number - 1, words[number - 1 - least]);
            if (loaded == 0)
                number--;
        }
        if (loaded < 0 && (loaded != -ERANGE || number == moment->runs_count))
            return loaded;
        if (number == end)
            break;
        memcpy(oldest, words[number - least], sizeof oldest);
        int result = write_runs(copying, number, words[number - least], end - number);
        if (result < 0)
            return result;
        end = number;
    }
    /* Their samples have no time. */
    if (oldest[RUN_FIRST_INDEX] > 0 && (uint64_t)oldest[RUN_FIRST_INDEX] > copying->first)
        copying->first = (uint64_t)oldest[RUN_FIRST_INDEX];
    return fill_runs(copying, end, oldest);
}

/* ---- rows ---- */

static int copy_span(struct copying *copying, const struct reader_span *span)
{
    const struct reader *reader = copying->reader;
    uint64_t slot = reader_slot(reader, span->first);
    uint64_t sample_bytes = reader->info.sample_bytes;
    int result = 0;
    if (span->count > 0)
        result = write_bytes(copying, copying->values_fd, span->values, span->count * sample_bytes,
                             column_file_bytes(slot, sample_bytes));
    if (result == 0 && span->count > 0 && span->times_ns != NULL)
        result = write_bytes(copying, copying->stamps_fd, span->times_ns, span->count * 8,
                             column_file_bytes(slot, 8));
    return result;
}

/* Straight from the mapping into the file. */
static int copy_rows(struct copying *copying)
{
    const struct reader *reader = copying->reader;
    uint64_t count = copying->moment.count;
    uint64_t piece = COPY_BYTES / reader->info.sample_bytes;
    if (piece == 0)
        piece = 1;
    int result = 0;
    for (uint64_t at = copying->first; at < count && result == 0;) {
        uint64_t end = count - at > piece ? at + piece : count;
        struct reader_span spans[2];
        reader_spans(reader, at, end, spans);
        for (unsigned i = 0; i < 2 && result == 0; i++)
            result = copy_span(copying, &spans[i]);
        /* What of this piece was overwritten hides all that is older. */
        uint64_t valid = reader_first_valid(reader);
        if (valid > count)
            valid = count;
        if (valid > at)
            copying->first = valid;
        at = valid > end ? valid : end;
        if (copying->progress != NULL)
            copying->progress(copying->backup->totals.rows + at - copying->moment.first,
                              copying->context);
    }
    return result;
}

/* ---- the head ---- */

static int write_head(struct copying *copying)
{
    const struct reader *reader = copying->reader;
    const struct backup_moment *moment = &copying->moment;
    char path[SERIES_PATH_BYTES];
    char header[NPY_HEADER_BYTES];
    int64_t words[HEAD_WORDS] = {0};
    struct series_head head;
    struct npy_shape shape = series_head_shape();
    for (unsigned w = 0; w < HEAD_COUNT; w++)
        words[w] = reader_head_word(reader, w);
    uint64_t frontier = moment->count;
    if (reader_is_ring(reader) && copying->first > 0 &&
        copying->first + reader->info.capacity > frontier)
        frontier = copying->first + reader->info.capacity;
    words[HEAD_COUNT] = (int64_t)moment->count;
    words[HEAD_FRONTIER] = (int64_t)frontier;
    words[HEAD_ROWS] = (int64_t)copying->values_rows;
    words[HEAD_RUNS_COUNT] = is_regular(copying) ? (int64_t)moment->runs_count : 0;
    words[HEAD_LAST_TIME_NS] = moment->last_time_ns;
    words[HEAD_LAST_UPDATE_NS] = moment->last_update_ns;
    words[HEAD_DURABLE] = (int64_t)moment->count;
    words[HEAD_EPOCH] = reader->epoch;
    memcpy(&words[HEAD_SESSIONS], moment->sessions, sizeof moment->sessions);
    /* What the next daemon would refuse is no backup. */
    if (series_head_decode(words, &head) != NULL)
        return -EBADMSG;
    int fd = fs_create_at(copying->backup->series_fd,
                          series_path(copying->name, SERIES_HEAD_FILE, path));
    int result = fd < 0 ? fd : npy_header_write(&shape, 0, header);
    if (result == 0)
        result = fs_write_at(fd, header, sizeof header, 0);
    if (result == 0)
        result = fs_write_at(fd, words, sizeof words, sizeof header);
    fs_close(fd);
    return of_copy(copying, result);
}

/* ---- */

/* -ESTALE, -ERANGE: again. */
static int copy_once(struct copying *copying, struct error_text *error)
{
    copying->values_fd = copying->stamps_fd = -1;
    copying->bytes = 0;
    int result = reader_open(copying->backup->store_path, copying->name, &copying->reader, error);
    if (result < 0)
        return result;
    result = backup_moment_take(copying->reader, &copying->moment);
    copying->first = copying->moment.first;
    if (result == 0)
        result = make_columns(copying);
    if (result == 0 && is_regular(copying))
        result = copy_runs(copying);
    if (result == 0)
        result = copy_rows(copying);
    if (result == 0 && reader_fault(copying->reader))
        result = -ENODATA;
    if (result == 0)
        result = copy_meta(copying);
    if (result == 0)
        result = write_head(copying);
    fs_close(copying->values_fd);
    fs_close(copying->stamps_fd);
    reader_close(copying->reader);
    return result;
}

static const char *skipped_text(int result)
{
    switch (result) {
    case -EBADMSG:
        return "its head or its runs are damaged";
    case -ENODATA:
    case -EFAULT:
        return "a file is shorter than its header says, or a page of it cannot be read";
    case -EBUSY:
        return "it is overwritten faster than it can be read";
    case -ESTALE:
    case -ERANGE:
        return "it was replaced again and again";
    default:
        return strerror(-result);
    }
}

int backup_series(struct backup *backup, const char *name, backup_progress progress, void *context,
                  enum backup_outcome *ret_outcome, struct error_text *error)
{
    struct copying copying = {
        .backup = backup, .name = name, .progress = progress, .context = context};
    struct error_text opening = {""};
    int result = -ESTALE;
    for (unsigned i = 0; i < COPY_TRIES && (result == -ESTALE || result == -ERANGE); i++) {
        opening.text[0] = '\0';
        result = copy_once(&copying, &opening);
        if (copying.is_writing)
            return error_set_errno(error, result, "cannot write %s/" STORE_SERIES_DIR "/%s",
                                   backup->path, name);
        int removed = result < 0 ? store_remove_files(backup->series_fd, name) : 0;
        if (removed < 0)
            return error_set_errno(error, removed, "cannot write to %s", backup->path);
    }
    if (result == -ENOMEM || result == -EMFILE || result == -ENFILE)
        return error_set_errno(error, result, "cannot read %s", name);
    if (result == -ENOENT) {
        *ret_outcome = BACKUP_GONE;
        return 0;
    }
    if (result < 0) {
        *ret_outcome = BACKUP_SKIPPED;
        if (opening.text[0] != '\0')
            error_set(error, result, "%s", opening.text);
        else
            error_set(error, result, "%s: %s", name, skipped_text(result));
        return 0;
    }
    *ret_outcome = BACKUP_COPIED;
    backup->totals.series++;
    backup->totals.rows += copying.moment.count - copying.first;
    backup->totals.bytes += copying.bytes;
    backup->totals.overwritten += copying.first - copying.moment.first;
    return 0;
}
