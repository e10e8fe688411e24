#include "verify_internal.h"

#include "clock_ns.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Looks at the live words before one is called wrong, and the pause between them. */
#define HEAD_LOOKS    5
#define HEAD_PAUSE_NS (2 * NS_PER_MS)

/* ---- headers ---- */

/* Characters of the first dimension, blanks before it included. */
static unsigned header_rows_width(const char header[NPY_HEADER_BYTES])
{
    static const char key[] = "'shape': (";
    const char *open = memmem(header, NPY_HEADER_BYTES, key, sizeof key - 1);
    if (open == NULL)
        return 0;
    const char *begin = open + sizeof key - 1;
    const char *comma = memchr(begin, ',', NPY_HEADER_BYTES - (size_t)(begin - header));
    return comma == NULL ? 0 : (unsigned)(comma - begin);
}

void verify_header(struct verify_work *work, const struct reader_column *column)
{
    char header[NPY_HEADER_BYTES];
    memcpy(header, column->mapping, sizeof header);
    struct npy_shape shape;
    if (npy_header_parse(header, sizeof header, &shape) < 0) {
        verify_report(work, column->file, "the header is damaged");
        return;
    }
    char wanted[NPY_HEADER_BYTES];
    if (npy_header_write(&shape, header_rows_width(header), wanted) < 0 ||
        memcmp(header, wanted, sizeof wanted) != 0) {
        size_t at = 0;
        while (at < sizeof wanted - 1 && header[at] == wanted[at])
            at++;
        verify_report(work, column->file,
                      "the header's text is not what it should be, from byte %zu on", at);
    }
    bool is_growing = !reader_is_ring(work->reader) && column != &work->reader->head;
    if (is_growing && npy_grow_rows(shape.dims[0]) != shape.dims[0])
        verify_report(work, column->file,
                      "%" PRIu64 " rows: no length that a growing file can have", shape.dims[0]);

    struct fs_status status;
    if (!is_growing && fs_stat_at(FS_HERE, column->path, &status) == 0 &&
        status.inode == column->inode && status.size_bytes > column->mapping_bytes)
        verify_report(work, column->file, "%" PRIu64 " bytes long, and its header says %zu",
                      status.size_bytes, column->mapping_bytes);
}

static uint64_t runs_rows_of_ring(uint64_t capacity)
{
    uint64_t rows = capacity / RUNS_CAPACITY_DIVISOR;
    if (rows < RUNS_CAPACITY_MIN)
        return RUNS_CAPACITY_MIN;
    return rows < RUNS_CAPACITY_MAX ? rows : RUNS_CAPACITY_MAX;
}

void verify_headers(struct verify_work *work)
{
    const struct reader *reader = work->reader;
    verify_header(work, &reader->head);
    verify_header(work, &reader->values);
    verify_header(work, &reader->times);

    bool is_regular = reader->info.type.clock == SERIES_REGULAR;
    uint64_t wanted = runs_rows_of_ring(reader->info.capacity);
    if (is_regular && reader_is_ring(reader) && reader->times.rows != wanted)
        verify_report(work, SERIES_RUNS_FILE,
                      "room for %" PRIu64 " runs, and a ring of this capacity has %" PRIu64,
                      reader->times.rows, wanted);

    const char *other = is_regular ? SERIES_TIMES_FILE : SERIES_RUNS_FILE;
    struct fs_status status;
    int folder = fs_open_folder_at(FS_HERE, reader->folder);
    if (folder < 0)
        return;
    if (fs_stat_at(folder, other, &status) == 0)
        verify_report(work, other, "a series with this clock has no such file");
    fs_close(folder);
}

/* ---- the head's words ---- */

enum head_problem {
    PROBLEM_NEGATIVE,
    PROBLEM_DURABLE,
    PROBLEM_FRONTIER,
    PROBLEM_FRONTIER_FAR,
    PROBLEM_ROWS,
    PROBLEM_COUNT_ROWS,
    PROBLEM_RUNS_COUNT,
    PROBLEM_RESERVED,
    PROBLEM_SUMMARISED,
    PROBLEM_VALUES_ROWS,
    PROBLEM_STAMPS_ROWS,
    /* One bit a slot from here on. */
    PROBLEM_SESSION_SEQUENCE = 16,
    PROBLEM_SESSION_COUNT = PROBLEM_SESSION_SEQUENCE + HEAD_SESSION_SLOTS,
    PROBLEM_SESSION_TWICE = PROBLEM_SESSION_COUNT + HEAD_SESSION_SLOTS
};

_Static_assert(PROBLEM_SESSION_TWICE + HEAD_SESSION_SLOTS <= 64, "one bit a problem");

/* Words in an order in which the writer's own order makes each relation hold: it raises the
 * frontier before it writes a session entry, the count after that, and `durable` behind the count.
 */
static void head_look(const struct reader *reader, int64_t words[HEAD_WORDS])
{
    const _Atomic int64_t *live = reader_column_words(&reader->head);
    for (unsigned w = HEAD_SESSIONS; w < HEAD_WORDS; w++)
        words[w] = atomic_load_explicit(&live[w], memory_order_acquire);
    words[HEAD_DURABLE] = atomic_load_explicit(&live[HEAD_DURABLE], memory_order_acquire);
    words[HEAD_SUMMARISED] = atomic_load_explicit(&live[HEAD_SUMMARISED], memory_order_acquire);
    words[HEAD_COUNT] = atomic_load_explicit(&live[HEAD_COUNT], memory_order_acquire);
    words[HEAD_FRONTIER] = atomic_load_explicit(&live[HEAD_FRONTIER], memory_order_acquire);
    for (unsigned w = 0; w < HEAD_SESSIONS; w++)
        if (w != HEAD_DURABLE && w != HEAD_SUMMARISED && w != HEAD_COUNT && w != HEAD_FRONTIER)
            words[w] = atomic_load_explicit(&live[w], memory_order_acquire);
}

static bool head_word_is_reserved(unsigned word)
{
    if (word >= HEAD_SESSIONS)
        return word >= HEAD_SESSIONS + HEAD_SESSION_SLOTS * HEAD_SESSION_WORDS;
    return word > HEAD_CREATED_NS && (word < HEAD_COUNT || word > HEAD_SUMMARISED) &&
           word != HEAD_DURABLE && word != HEAD_EPOCH;
}

static uint64_t session_problems(const int64_t words[HEAD_WORDS])
{
    uint64_t problems = 0;
    for (unsigned slot = 0; slot < HEAD_SESSION_SLOTS; slot++) {
        const int64_t *entry = words + HEAD_SESSIONS + (size_t)slot * HEAD_SESSION_WORDS;
        if (entry[HEAD_SESSION_ID] == 0)
            continue;
        /* Sequences are unsigned. */
        if (entry[HEAD_SESSION_SEQUENCE] == 0 ||
            (uint64_t)entry[HEAD_SESSION_BEFORE] > (uint64_t)entry[HEAD_SESSION_SEQUENCE])
            problems |= UINT64_C(1) << (PROBLEM_SESSION_SEQUENCE + slot);
        if (entry[HEAD_SESSION_COUNT] < 0 || entry[HEAD_SESSION_COUNT] > words[HEAD_FRONTIER])
            problems |= UINT64_C(1) << (PROBLEM_SESSION_COUNT + slot);
        for (unsigned other = 0; other < slot; other++)
            if (words[HEAD_SESSIONS + other * HEAD_SESSION_WORDS] == entry[HEAD_SESSION_ID])
                problems |= UINT64_C(1) << (PROBLEM_SESSION_TWICE + slot);
    }
    return problems;
}

/* The rows that a header says now; 0 when it is damaged, which is said elsewhere. */
static uint64_t header_rows(const struct reader_column *column)
{
    char header[NPY_HEADER_BYTES];
    memcpy(header, column->mapping, sizeof header);
    struct npy_shape shape;
    return npy_header_parse(header, sizeof header, &shape) < 0 ? 0 : shape.dims[0];
}

static uint64_t head_problems(const struct reader *reader, const int64_t words[HEAD_WORDS])
{
    uint64_t problems = session_problems(words);
    int64_t count = words[HEAD_COUNT];
    int64_t frontier = words[HEAD_FRONTIER];
    int64_t capacity = words[HEAD_CAPACITY];
    bool is_ring = reader_is_ring(reader);
    bool is_regular = reader->info.type.clock == SERIES_REGULAR;
    int64_t rows = words[HEAD_ROWS];
    uint64_t values_rows = is_ring ? 0 : header_rows(&reader->values);
    uint64_t stamps_rows = is_ring ? 0 : header_rows(&reader->times);
    int64_t stamps_needed = is_regular ? words[HEAD_RUNS_COUNT] : rows;

    const struct {
        enum head_problem problem;
        bool is_there;
    } checks[] = {
        {PROBLEM_NEGATIVE, count < 0 || frontier < 0 || words[HEAD_DURABLE] < 0 ||
                               words[HEAD_RUNS_COUNT] < 0 || rows < 0},
        {PROBLEM_DURABLE, words[HEAD_DURABLE] > count},
        {PROBLEM_FRONTIER, frontier < count},
        {PROBLEM_SUMMARISED, words[HEAD_SUMMARISED] != 0 &&
                                 (words[HEAD_SUMMARISED] < 0 || words[HEAD_SUMMARISED] > count ||
                                  (uint64_t)words[HEAD_SUMMARISED] % SUMMARY_BLOCK_ROWS != 0 ||
                                  reader_summary_levels(reader) == 0)},
        /* A block is never longer than the ring. */
        {PROBLEM_FRONTIER_FAR,
         is_ring && count >= 0 && frontier > count && frontier - count > capacity},
        {PROBLEM_ROWS,
         is_ring ? rows != capacity : rows < 0 || npy_grow_rows((uint64_t)rows) != (uint64_t)rows},
        {PROBLEM_COUNT_ROWS, !is_ring && count > rows},
        /* The writer raises the head's rows when both columns have grown. A killed one may have
           stopped before. */
        {PROBLEM_VALUES_ROWS, values_rows > 0 && rows > 0 && (uint64_t)rows > values_rows},
        {PROBLEM_STAMPS_ROWS,
         stamps_rows > 0 && stamps_needed > 0 && (uint64_t)stamps_needed > stamps_rows},
        {PROBLEM_RUNS_COUNT, is_regular ? (count > 0) != (words[HEAD_RUNS_COUNT] > 0) && count > 0
                                        : words[HEAD_RUNS_COUNT] != 0},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (checks[i].is_there)
            problems |= UINT64_C(1) << checks[i].problem;
    /* A compatible flag may have given them a meaning. */
    for (unsigned w = 0; w < HEAD_WORDS && words[HEAD_COMPATIBLE] == 0; w++)
        if (head_word_is_reserved(w) && words[w] != 0)
            problems |= UINT64_C(1) << PROBLEM_RESERVED;
    return problems;
}

static void report_session(struct verify_work *work, unsigned bit, const int64_t words[HEAD_WORDS])
{
    unsigned slot = (bit - PROBLEM_SESSION_SEQUENCE) % HEAD_SESSION_SLOTS;
    const int64_t *entry = words + HEAD_SESSIONS + (size_t)slot * HEAD_SESSION_WORDS;
    uint64_t session = (uint64_t)entry[HEAD_SESSION_ID];
    if (bit < PROBLEM_SESSION_COUNT)
        verify_report(work, SERIES_HEAD_FILE,
                      "session entry %u (session %" PRIx64 "): sequence %" PRIu64
                      " is 0, or below the one before it, %" PRIu64,
                      slot, session, (uint64_t)entry[HEAD_SESSION_SEQUENCE],
                      (uint64_t)entry[HEAD_SESSION_BEFORE]);
    else if (bit < PROBLEM_SESSION_TWICE)
        verify_report(work, SERIES_HEAD_FILE,
                      "session entry %u (session %" PRIx64 "): its count %" PRId64
                      " is beyond the frontier %" PRId64,
                      slot, session, entry[HEAD_SESSION_COUNT], words[HEAD_FRONTIER]);
    else
        verify_report(work, SERIES_HEAD_FILE,
                      "session %" PRIx64 " has two entries, one is number %u", session, slot);
}

static void report_problem(struct verify_work *work, unsigned bit, const int64_t words[HEAD_WORDS])
{
    if (bit >= PROBLEM_SESSION_SEQUENCE) {
        report_session(work, bit, words);
        return;
    }
    switch ((enum head_problem)bit) {
    case PROBLEM_NEGATIVE:
        verify_report(work, SERIES_HEAD_FILE,
                      "a negative number: count %" PRId64 ", frontier %" PRId64 ", durable %" PRId64
                      ", runs %" PRId64 ", rows %" PRId64,
                      words[HEAD_COUNT], words[HEAD_FRONTIER], words[HEAD_DURABLE],
                      words[HEAD_RUNS_COUNT], words[HEAD_ROWS]);
        return;
    case PROBLEM_DURABLE:
        verify_report(work, SERIES_HEAD_FILE, "durable %" PRId64 " is above the count %" PRId64,
                      words[HEAD_DURABLE], words[HEAD_COUNT]);
        return;
    case PROBLEM_SUMMARISED:
        verify_report(work, SERIES_HEAD_FILE,
                      "%" PRId64 " rows are summarised, of %" PRId64
                      ": no number of whole blocks that are there",
                      words[HEAD_SUMMARISED], words[HEAD_COUNT]);
        return;
    case PROBLEM_FRONTIER:
        verify_report(work, SERIES_HEAD_FILE,
                      "the frontier %" PRId64 " is below the count %" PRId64, words[HEAD_FRONTIER],
                      words[HEAD_COUNT]);
        return;
    case PROBLEM_FRONTIER_FAR:
        verify_report(work, SERIES_HEAD_FILE,
                      "the frontier %" PRId64 " is more than the capacity %" PRId64
                      " above the count %" PRId64,
                      words[HEAD_FRONTIER], words[HEAD_CAPACITY], words[HEAD_COUNT]);
        return;
    case PROBLEM_ROWS:
        verify_report(work, SERIES_HEAD_FILE, "%" PRId64 " rows, and the capacity is %" PRId64,
                      words[HEAD_ROWS], words[HEAD_CAPACITY]);
        return;
    case PROBLEM_COUNT_ROWS:
        verify_report(work, SERIES_HEAD_FILE, "the count %" PRId64 " is above the rows %" PRId64,
                      words[HEAD_COUNT], words[HEAD_ROWS]);
        return;
    case PROBLEM_RUNS_COUNT:
        verify_report(work, SERIES_HEAD_FILE, "%" PRId64 " runs for %" PRId64 " samples",
                      words[HEAD_RUNS_COUNT], words[HEAD_COUNT]);
        return;
    case PROBLEM_VALUES_ROWS:
        verify_report(work, SERIES_HEAD_FILE, "%" PRId64 " rows, and %s has only %" PRIu64,
                      words[HEAD_ROWS], SERIES_VALUES_FILE, header_rows(&work->reader->values));
        return;
    case PROBLEM_STAMPS_ROWS:
        verify_report(work, work->reader->times.file,
                      "%" PRIu64 " rows, which is fewer than %s needs",
                      header_rows(&work->reader->times), SERIES_HEAD_FILE);
        return;
    default:
        verify_report(work, SERIES_HEAD_FILE, "a word that has no meaning is not 0");
        return;
    }
}

void verify_head_words(struct verify_work *work)
{
    int64_t words[HEAD_WORDS];
    uint64_t problems = UINT64_MAX;
    unsigned looks = work->is_live ? HEAD_LOOKS : 1;
    for (unsigned look = 0; look < looks && problems != 0; look++) {
        if (look > 0)
            clock_sleep_ns(HEAD_PAUSE_NS);
        head_look(work->reader, words);
        problems &= head_problems(work->reader, words);
    }
    for (unsigned bit = 0; bit < 64; bit++)
        if ((problems >> bit & 1) != 0)
            report_problem(work, bit, words);
}
