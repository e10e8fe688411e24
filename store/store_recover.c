/* Recovery after a power cut: the journal alone is believed. It was read to its end before; now
 * each series that it knows is brought to the position that it says. Everything here can be cut at
 * any point and done again.
 *
 * What cannot be brought back (a column is missing, and the journal has not all of its rows) is
 * left as it is: the series is refused when the store reads it, and `--repair` deals with it. */
#include "store_internal.h"

#include "file_system.h"
#include "planted.h"
#include "row_writer.h"
#include "series_head.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEAD_NEW_FILE ".head.npy.new"

struct recovery {
    struct store *store;
    const struct journal_image *image;
    const struct journal_series *from; /* the series at hand */
    char name[STORE_NAME_BYTES_MAX + 1];
    bool is_cut;          /* what came after the journal's last record is not known */
    uint64_t values_rows; /* in the shapes of its columns */
    uint64_t stamps_rows;
};

static enum series_clock clock_of(const struct recovery *recovery)
{
    return recovery->from->description.type.clock;
}

static bool is_ring(const struct recovery *recovery)
{
    return recovery->from->description.capacity > 0;
}

/* The head as it is on disk; false: it is not there, or not this series' but that of *ret_other_id
 * (0: nobody's). */
static bool read_head(const struct recovery *recovery, int64_t words[HEAD_WORDS],
                      uint64_t *ret_other_id)
{
    const struct journal_description *description = &recovery->from->description;
    char path[SERIES_PATH_BYTES];
    struct series_head head;
    size_t read_bytes = 0;
    *ret_other_id = 0;
    int fd = fs_open_read_at(recovery->store->series_fd,
                             series_path(recovery->name, SERIES_HEAD_FILE, path));
    if (fd < 0)
        return false;
    int result = fs_read_at(fd, words, HEAD_WORDS * sizeof words[0], NPY_HEADER_BYTES, &read_bytes);
    fs_close(fd);
    if (result < 0 || read_bytes < HEAD_WORDS * sizeof words[0] ||
        words[HEAD_MAGIC] != HEAD_MAGIC_VALUE)
        return false;
    /* The live words may be anything. */
    int64_t fixed[HEAD_WORDS];
    memcpy(fixed, words, sizeof fixed);
    memset(&fixed[HEAD_COUNT], 0, (HEAD_WORDS - HEAD_COUNT) * sizeof fixed[0]);
    if (series_head_decode(fixed, &head) != NULL)
        return false;
    if (head.id != description->id)
        *ret_other_id = head.id;
    return head.id == description->id && head.capacity == description->capacity &&
           series_type_equal(&head.type, &description->type);
}

/* ---- columns ---- */

/* Whether the journal has every row and run that the series shows. */
static bool journal_has_all(const struct recovery *recovery)
{
    const struct journal_series *from = recovery->from;
    uint64_t capacity = from->description.capacity;
    uint64_t oldest = capacity > 0 && from->count > capacity ? from->count - capacity : 0;
    uint64_t runs_capacity =
        is_ring(recovery) ? series_stamps_rows(SERIES_REGULAR, capacity, false) : 0;
    uint64_t oldest_run = runs_capacity > 0 && from->runs_count > runs_capacity
                              ? from->runs_count - runs_capacity
                              : 0;
    return from->inline_from <= oldest && from->runs_inline_from <= oldest_run;
}

static uint64_t rows_wanted(const struct recovery *recovery, bool is_runs)
{
    const struct journal_series *from = recovery->from;
    uint64_t capacity = from->description.capacity;
    if (capacity > 0)
        return is_runs ? series_stamps_rows(SERIES_REGULAR, capacity, false) : capacity;
    uint64_t rows = npy_grow_rows(is_runs ? from->runs_count : from->count);
    uint64_t first = is_runs ? series_stamps_rows(SERIES_REGULAR, 0, true)
                             : npy_grow_rows(SERIES_GROW_BYTES_MIN / from->sample_bytes);
    return rows > first ? rows : first;
}

/* Brings the shape of a growing file to so many rows, a byte at a time. */
static int grow_shape(int fd, uint64_t row_bytes, uint64_t now, uint64_t wanted)
{
    char header[NPY_HEADER_BYTES];
    size_t read_bytes = 0;
    int result = fs_extend(fd, column_file_bytes(wanted, row_bytes));
    if (result == 0)
        result = fs_read_at(fd, header, sizeof header, 0, &read_bytes);
    while (result == 0 && now < wanted) {
        uint64_t next = npy_grow_rows(now + 1);
        size_t offset = 0;
        char byte = 0;
        result = npy_grow_patch(header, now, next, &offset, &byte);
        if (result == 0)
            result = fs_write_at(fd, &byte, 1, offset);
        header[offset] = byte;
        now = next;
    }
    return result;
}

/* Bytes that the file must have: those of rows that are in the columns alone. */
static uint64_t bytes_kept(const struct recovery *recovery, bool is_runs, uint64_t row_bytes,
                           uint64_t ring_rows)
{
    const struct journal_series *from = recovery->from;
    uint64_t kept = is_runs ? from->runs_inline_from : from->inline_from;
    uint64_t count = is_runs ? from->runs_count : from->count;
    uint64_t oldest = is_ring(recovery) && count > ring_rows ? count - ring_rows : 0;
    if (kept <= oldest)
        return NPY_HEADER_BYTES;
    return column_file_bytes(kept < ring_rows || !is_ring(recovery) ? kept : ring_rows, row_bytes);
}

/* Writes the header once more as it is. After a sync that failed it may be in the cache alone, for
 * clean there, and only what is written anew is synced. */
static int renew_header(int fd)
{
    char header[NPY_HEADER_BYTES];
    size_t read_bytes = 0;
    int result = fs_read_at(fd, header, sizeof header, 0, &read_bytes);
    return result == 0 ? fs_write_at(fd, header, read_bytes, 0) : result;
}

/* Opens a column, made long enough for the position. 0 with its descriptor; -EBADMSG, -ENOENT: it
 * cannot be used. */
static int open_column(const struct recovery *recovery, const char *file,
                       const struct npy_shape *shape, uint64_t row_bytes, uint64_t wanted,
                       uint64_t kept_bytes, uint64_t *ret_rows)
{
    char path[SERIES_PATH_BYTES];
    int fd = fs_open_write_at(recovery->store->series_fd, series_path(recovery->name, file, path));
    struct fs_status status = {0};
    int result = fd < 0 ? fd : fs_stat(fd, &status);
    if (result == 0 && status.size_bytes < kept_bytes)
        result = -EBADMSG;
    if (result == 0)
        result = column_check(fd, shape, true, ret_rows);
    /* Others were synced before the journal began with them. */
    bool is_in_journal =
        recovery->from->first_piece != JOURNAL_NO_PIECE || recovery->from->count == 0;
    if (result == 0 && is_in_journal)
        result = renew_header(fd);
    if (result == 0 && is_ring(recovery) && *ret_rows != wanted)
        result = -EBADMSG;
    if (result == 0 && !is_ring(recovery) && npy_grow_rows(*ret_rows) != *ret_rows)
        result = -EBADMSG;
    if (result == 0 && *ret_rows < wanted) {
        result = grow_shape(fd, row_bytes, *ret_rows, wanted);
        if (result == -EINVAL)
            result = -EBADMSG;
        *ret_rows = wanted;
    }
    if (result == 0)
        return fd;
    fs_close(fd);
    return result;
}

static int make_column(const struct recovery *recovery, const char *file,
                       const struct npy_shape *shape)
{
    char path[SERIES_PATH_BYTES];
    struct column_place place = {recovery->store->series_fd, path};
    series_path(recovery->name, file, path);
    int result = fs_remove_at(recovery->store->series_fd, path);
    if (result < 0 && result != -ENOENT)
        return result;
    return column_create(place, shape, !is_ring(recovery), false);
}

/* Opens a column, or makes it again where the journal has all of it. -EBADMSG: it is lost. */
static int recover_column(struct recovery *recovery, bool is_stamps, uint64_t *ret_rows)
{
    const struct series_type *type = &recovery->from->description.type;
    bool is_runs = is_stamps && type->clock == SERIES_REGULAR;
    const char *file = is_stamps ? series_stamps_file(type->clock) : SERIES_VALUES_FILE;
    uint64_t wanted = rows_wanted(recovery, is_runs);
    struct npy_shape shape =
        is_stamps ? series_stamps_shape(type->clock, wanted) : series_values_shape(type, wanted);
    uint64_t row_bytes =
        is_stamps ? series_stamp_row_bytes(type->clock) : recovery->from->sample_bytes;
    uint64_t kept_bytes = bytes_kept(recovery, is_runs, row_bytes, wanted);
    int fd = open_column(recovery, file, &shape, row_bytes, wanted, kept_bytes, ret_rows);
    if (fd != -EBADMSG && fd != -ENOENT && fd != -ENOTDIR)
        return fd;
    if (!journal_has_all(recovery))
        return -EBADMSG;
    int result = fs_make_folders(recovery->store->series_fd, recovery->name);
    if (result == 0)
        result = make_column(recovery, file, &shape);
    return result < 0 ? result
                      : open_column(recovery, file, &shape, row_bytes, wanted, 0, ret_rows);
}

/* ---- rows ---- */

static int write_rows(struct recovery *recovery, int values_fd, int stamps_fd)
{
    const struct journal_series *from = recovery->from;
    const struct journal_image *image = recovery->image;
    bool is_regular = clock_of(recovery) == SERIES_REGULAR;
    uint64_t stamp_bytes = series_stamp_row_bytes(clock_of(recovery));
    struct row_writer values;
    struct row_writer stamps;
    /* Rows that the ring has lapped since are not written over newer ones. */
    uint64_t newest = PLANTED(BUG_REPLAY_OVER_LAP) ? 0 : from->count;
    uint64_t newest_run = PLANTED(BUG_REPLAY_OVER_LAP) ? 0 : from->runs_count;
    row_writer_begin(&values, values_fd, from->sample_bytes, recovery->values_rows, newest);
    row_writer_begin(&stamps, stamps_fd, stamp_bytes, recovery->stamps_rows,
                     is_regular ? newest_run : newest);
    int result = 0;
    for (uint32_t at = from->first_piece; at != JOURNAL_NO_PIECE && result == 0;) {
        const struct journal_piece *piece = &image->pieces[at];
        uint64_t stamp_rows = is_regular ? piece->runs : piece->rows;
        uint64_t stamp_end = is_regular ? piece->runs_count : piece->count;
        result = row_writer_add(&values, piece->count - piece->rows, piece->rows,
                                image->bytes + piece->values_at);
        if (result == 0)
            result = row_writer_add(&stamps, stamp_end - stamp_rows, stamp_rows,
                                    image->bytes + piece->stamps_at);
        recovery->store->recovery.rows_written += piece->rows;
        at = piece->next;
    }
    int values_result = row_writer_end(&values);
    int stamps_result = row_writer_end(&stamps);
    if (result == 0)
        result = values_result;
    return result == 0 ? stamps_result : result;
}

/* ---- the head ---- */

static int read_words(int fd, uint64_t row_bytes, uint64_t row, int64_t *ret_words, size_t count)
{
    size_t read_bytes = 0;
    int result = fs_read_at(fd, ret_words, count * sizeof ret_words[0],
                            NPY_HEADER_BYTES + row * row_bytes, &read_bytes);
    if (result == 0 && read_bytes < count * sizeof ret_words[0])
        result = -EBADMSG;
    return result;
}

/* The stamp of the newest sample. A ring that gives up all its rows may hold a later one's in its
 * place, beside which every sample that comes again would be late: it has none then. */
static int last_time(const struct recovery *recovery, int stamps_fd, uint64_t frontier,
                     int64_t *ret_ns)
{
    const struct journal_series *from = recovery->from;
    *ret_ns = TIME_NONE_NS;
    bool is_given_up = is_ring(recovery) && frontier >= from->count + from->description.capacity &&
                       from->inline_from >= from->count;
    if (from->count == 0 || (is_given_up && clock_of(recovery) == SERIES_EXPLICIT))
        return 0;
    if (clock_of(recovery) == SERIES_EXPLICIT)
        return read_words(stamps_fd, 8, (from->count - 1) % recovery->stamps_rows, ret_ns, 1);
    if (from->runs_count == 0)
        return -EBADMSG;
    int64_t run[RUN_WORDS];
    int result = read_words(stamps_fd, sizeof run, (from->runs_count - 1) % recovery->stamps_rows,
                            run, RUN_WORDS);
    if (result < 0)
        return result;
    if (run[RUN_FIRST_INDEX] < 0 || (uint64_t)run[RUN_FIRST_INDEX] >= from->count ||
        run[RUN_PERIOD_PS] < 1)
        return -EBADMSG;
    *ret_ns = time_advance_ns(run[RUN_T0_NS], from->count - 1 - (uint64_t)run[RUN_FIRST_INDEX],
                              run[RUN_PERIOD_PS]);
    return 0;
}

/* Puts the oldest run that is left, which covers no sample there, in the place of those that may
 * have been overwritten: readers search runs in their order. *ret_first is the first sample with a
 * run. */
static int drop_old_runs(const struct recovery *recovery, int stamps_fd, uint64_t *ret_first)
{
    const struct journal_series *from = recovery->from;
    uint64_t ring_rows = recovery->stamps_rows;
    uint64_t newest = from->runs_count + reserve_rows(ring_rows, from->runs_reserve);
    uint64_t oldest = newest > ring_rows ? newest - ring_rows : 0;
    /* Only those of the journal were written again; and that the newest is itself is seen by where
     * it begins. */
    if (recovery->is_cut)
        oldest = from->runs_inline_from;
    *ret_first = 0;
    if (oldest == 0 || from->runs_count == 0)
        return 0;
    if (oldest >= from->runs_count)
        oldest = from->runs_count - 1;
    int64_t run[RUN_WORDS];
    int result = read_words(stamps_fd, sizeof run, oldest % ring_rows, run, RUN_WORDS);
    if (result < 0)
        return result;
    *ret_first = from->count;
    if (run[RUN_FIRST_INDEX] < 0 || (uint64_t)run[RUN_FIRST_INDEX] > from->count)
        return 0;
    *ret_first = (uint64_t)run[RUN_FIRST_INDEX];
    struct row_writer writer;
    row_writer_begin(&writer, stamps_fd, sizeof run, ring_rows, from->runs_count);
    for (uint64_t number = writer.oldest; number < oldest && result == 0; number++)
        result = row_writer_add(&writer, number, 1, run);
    int end_result = row_writer_end(&writer);
    return result == 0 ? end_result : result;
}

/* How far rows that were not durable may have come: what they may have overwritten is not shown. A
 * run that may have been overwritten takes its samples with it. */
static int frontier_of(const struct recovery *recovery, int stamps_fd, uint64_t *ret_frontier)
{
    const struct journal_series *from = recovery->from;
    uint64_t capacity = from->description.capacity;
    *ret_frontier = from->count;
    if (!is_ring(recovery) || PLANTED(BUG_NO_RESERVE))
        return 0;
    uint64_t frontier = from->count + reserve_rows(capacity, from->rows_reserve);
    /* Only what the journal has was written again. */
    if (recovery->is_cut)
        frontier =
            from->inline_from + capacity > from->count ? from->inline_from + capacity : from->count;
    if (clock_of(recovery) == SERIES_REGULAR) {
        uint64_t first;
        int result = drop_old_runs(recovery, stamps_fd, &first);
        if (result < 0)
            return result;
        if (first + capacity > frontier)
            frontier = first + capacity;
    }
    *ret_frontier = frontier;
    uint64_t shown_from = frontier > capacity ? frontier - capacity : 0;
    uint64_t held_from = from->count > capacity ? from->count - capacity : 0;
    if (shown_from > from->count)
        shown_from = from->count;
    recovery->store->recovery.rows_given_up += shown_from - held_from;
    return 0;
}

/* A head that is not there is made under another name first. */
static int write_head(const struct recovery *recovery, const int64_t words[HEAD_WORDS],
                      bool is_there)
{
    char path[SERIES_PATH_BYTES];
    char new_path[SERIES_PATH_BYTES];
    char bytes[HEAD_FILE_BYTES];
    struct npy_shape shape = series_head_shape();
    int folder = recovery->store->series_fd;
    series_path(recovery->name, SERIES_HEAD_FILE, path);
    series_path(recovery->name, HEAD_NEW_FILE, new_path);
    int fd = is_there ? fs_open_write_at(folder, path) : fs_open_or_create_at(folder, new_path);
    if (fd < 0)
        return fd;
    int result = npy_header_write(&shape, 0, bytes);
    memcpy(bytes + NPY_HEADER_BYTES, words, HEAD_WORDS * sizeof words[0]);
    if (result == 0)
        result = fs_write_at(fd, bytes, sizeof bytes, 0);
    fs_close(fd);
    if (result == 0 && !is_there)
        result = fs_rename_at(folder, new_path, path);
    return result;
}

static int recover_head(struct recovery *recovery, int stamps_fd, int64_t words[HEAD_WORDS],
                        bool is_there)
{
    const struct journal_series *from = recovery->from;
    struct store_recovery *report = &recovery->store->recovery;
    uint64_t frontier = 0;
    int64_t last_ns = TIME_NONE_NS;
    int result = frontier_of(recovery, stamps_fd, &frontier);
    if (result == 0)
        result = last_time(recovery, stamps_fd, frontier, &last_ns);
    if (result < 0)
        return result;
    if (!is_there) {
        struct series_head head = {.type = from->description.type,
                                   .id = from->description.id,
                                   .capacity = from->description.capacity,
                                   .sample_bytes = from->sample_bytes,
                                   .created_ns = from->description.created_ns};
        series_head_encode(&head, words);
    } else if (words[HEAD_COUNT] > (int64_t)from->count &&
               words[HEAD_COUNT] - (int64_t)from->count < INT64_MAX / 4) {
        report->rows_lost_min += (uint64_t)words[HEAD_COUNT] - from->count;
    }
    words[HEAD_COUNT] = (int64_t)from->count;
    words[HEAD_FRONTIER] = (int64_t)frontier;
    /* A growth that was cut short may have made one of the columns longer than the other. */
    uint64_t rows = recovery->values_rows;
    if (clock_of(recovery) == SERIES_EXPLICIT && recovery->stamps_rows < rows)
        rows = recovery->stamps_rows;
    words[HEAD_ROWS] = (int64_t)rows;
    words[HEAD_RUNS_COUNT] = (int64_t)from->runs_count;
    words[HEAD_LAST_TIME_NS] = last_ns;
    words[HEAD_DURABLE] = (int64_t)from->count;
    /* No sync has waited for the records: all of them are made again, and their files, of which a
     * failed sync may have left in the cache alone what nobody would write anew. */
    if (!PLANTED(BUG_SUMMARIES_TRUSTED)) {
        words[HEAD_SUMMARISED] = 0;
        series_summary_remove(recovery->store->series_fd, recovery->name);
    }
    words[HEAD_EPOCH] = recovery->store->epoch;
    series_session_restore(words, from->entries, from->entry_count);
    return write_head(recovery, words, is_there);
}

/* ---- */

/* Makes room where another series has the name on disk. One that was deleted may be there still, or
 * again, as far as the disk knows; of any other nobody can say which of the two is right: -EBADMSG.
 */
static int remove_other(const struct recovery *recovery, uint64_t other_id)
{
    const struct journal_series *other = journal_image_find(recovery->image, other_id);
    if (other_id == 0)
        return 0;
    if (other == NULL || !other->is_removed)
        return -EBADMSG;
    recovery->store->has_unlinked = true;
    return store_remove_files(recovery->store->series_fd, recovery->name);
}

int store_recover_series(struct store *store, const struct journal_image *image,
                         const struct journal_series *from, bool is_cut)
{
    struct recovery recovery = {.store = store, .image = image, .from = from, .is_cut = is_cut};
    int64_t words[HEAD_WORDS];
    uint64_t other_id;
    int values_fd = -1;
    int stamps_fd = -1;
    int result = store_recovery_name(store, from, recovery.name);
    if (result < 0)
        return result;
    bool is_there = read_head(&recovery, words, &other_id);
    result = remove_other(&recovery, other_id);
    if (result == 0)
        result = values_fd = recover_column(&recovery, false, &recovery.values_rows);
    if (result >= 0)
        result = stamps_fd = recover_column(&recovery, true, &recovery.stamps_rows);
    if (result >= 0)
        result = write_rows(&recovery, values_fd, stamps_fd);
    if (result == 0)
        result = recover_head(&recovery, stamps_fd, words, is_there);
    fs_close(values_fd);
    fs_close(stamps_fd);
    if (result == 0 && !is_there)
        store->recovery.series_made++;
    return result;
}

int store_recover(struct store *store, const struct journal_image *image, struct error_text *error)
{
    for (size_t i = 0; i < image->series_count; i++) {
        const struct journal_series *from = &image->series[i];
        const struct journal_description *description = &from->description;
        int result = from->is_removed ? 0 : store_recover_series(store, image, from, false);
        if (result == -EBADMSG)
            store->recovery.series_lost++;
        else if (result < 0)
            return error_set_errno(error, result, "cannot recover %.*s",
                                   (int)description->name_bytes, description->name);
    }
    return 0;
}
