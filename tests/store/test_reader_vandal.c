/* test_reader_vandal [--seconds N] [--seed N]: files are cut, deleted and replaced under readers
 * that have them mapped. A reader gets what the series held, or an error; never a zero that nobody
 * wrote, never a death by SIGBUS. Two readers, each a process of its own, and the vandal. */
#include "clock_ns.h"
#include "random_bits.h"
#include "raw_series.h"
#include "reader.h"
#include "temporary_folder.h"
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READERS      2
#define NAME         "plant/a"
#define ROWS_MAX     6000
#define SECONDS      UINT64_C(3)
#define LONGER       20 /* times that, where no read was cut yet */
#define PAUSE_NS_MAX (2 * NS_PER_MS)
#define LOOKS_MAX    20 /* of a reader at one opening */

struct shared {
    atomic_bool stop;
    _Atomic uint64_t rows;
    _Atomic uint64_t looks[READERS]; /* ended */
    _Atomic uint64_t errors[3];      /* opening, snapshots, rows */
    atomic_flag text_taken;
    atomic_bool has_failed;
    char text[256];
};

static struct shared *shared;
static const char *store;

__attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...)
{
    if (!atomic_flag_test_and_set(&shared->text_taken)) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(shared->text, sizeof shared->text, format, arguments);
        va_end(arguments);
    }
    atomic_store(&shared->has_failed, true);
    atomic_store(&shared->stop, true);
}

/* The series in one of its forms; all of a form hold the same, whoever made them. */
static struct raw_series form(const char *folder, unsigned number)
{
    static const enum dtype dtypes[] = {DTYPE_F8, DTYPE_I2, DTYPE_F4};
    return (struct raw_series){
        .store = folder,
        .name = NAME,
        .capacity = number & 1 ? 0 : 1000 + 37 * (number / 8),
        .count = 1500 + 450 * (number / 8),
        .run_rows = 10,
        .type = {.dtype = dtypes[number / 8 % 3],
                 .clock = number & 2 ? SERIES_EXPLICIT : SERIES_REGULAR,
                 .rank = number & 4 ? 1 : 0,
                 .dims = {number & 4 ? 3 : 0}},
    };
}
#define FORMS 72

/* ---- a reader ---- */

static double element_of(enum dtype dtype, const char *from)
{
    int16_t i2;
    float f4;
    double f8;
    switch (dtype) {
    case DTYPE_I2:
        memcpy(&i2, from, sizeof i2);
        return i2;
    case DTYPE_F4:
        memcpy(&f4, from, sizeof f4);
        return (double)f4;
    default:
        memcpy(&f8, from, sizeof f8);
        return f8;
    }
}

/* Whether row `index` is what every form of the series has there. */
static bool row_is_right(const struct reader_info *info, uint64_t index, const char *row)
{
    for (uint64_t e = 0; e < info->elements; e++) {
        double is = element_of(info->type.dtype, row + e * dtype_size(info->type.dtype));
        if ((uint64_t)is != raw_series_value(index, e))
            return false;
    }
    return true;
}

static int64_t time_of(const struct reader_info *info, uint64_t index)
{
    const struct raw_series files = {.type = info->type, .run_rows = 10};
    return raw_series_time_ns(&files, index);
}

static void look_at_copy(struct reader *reader, const struct reader_snapshot *snapshot,
                         uint64_t from)
{
    static char values[ROWS_MAX * 24];
    static int64_t times_ns[ROWS_MAX];
    const struct reader_info *info = reader_info(reader);
    uint64_t first_valid = from;
    int r = reader_copy(reader, from, snapshot->count, values, times_ns, &first_valid);
    if (r < 0) {
        if (r != -EFAULT && r != -EBADMSG)
            wrong("copy: %s", strerror(-r));
        atomic_fetch_add(&shared->errors[2], 1);
        return;
    }
    for (uint64_t i = first_valid; i < snapshot->count; i++)
        if (!row_is_right(info, i, values + (i - from) * info->sample_bytes) ||
            times_ns[i - from] != time_of(info, i))
            wrong("row %" PRIu64 " of %" PRIu64 " is false, copied", i, snapshot->count);
    atomic_fetch_add(&shared->rows, snapshot->count - first_valid);
}

static void look_in_place(struct reader *reader, const struct reader_snapshot *snapshot,
                          uint64_t from)
{
    const struct reader_info *info = reader_info(reader);
    struct reader_span spans[2];
    uint64_t false_row = UINT64_MAX;
    reader_spans(reader, from, snapshot->count, spans);
    for (unsigned s = 0; s < 2; s++)
        for (uint64_t i = 0; i < spans[s].count; i++)
            if (!row_is_right(info, spans[s].first + i,
                              (const char *)spans[s].values + i * info->sample_bytes))
                false_row = spans[s].first + i;
    if (reader_fault(reader))
        atomic_fetch_add(&shared->errors[2], 1);
    else if (false_row != UINT64_MAX && false_row >= reader_first_valid(reader))
        wrong("row %" PRIu64 " of %" PRIu64 " is false, in place", false_row, snapshot->count);
    else
        atomic_fetch_add(&shared->rows, snapshot->count - from);
}

static void look_at_time(struct reader *reader, const struct reader_snapshot *snapshot,
                         uint64_t index)
{
    const struct reader_info *info = reader_info(reader);
    int64_t time_ns = 0;
    uint64_t found = index;
    int r = reader_time_ns(reader, index, &time_ns);
    if (r == 0 && time_ns != time_of(info, index))
        wrong("the time of row %" PRIu64 " of %" PRIu64 " is false", index, snapshot->count);
    r = reader_find_time(reader, time_of(info, index), &found);
    if (r == 0 && found != index)
        wrong("the time of row %" PRIu64 " was found at %" PRIu64, index, found);
}

/* False when the reader is of no more use. */
static bool look(struct reader *reader, uint64_t *random)
{
    struct reader_snapshot snapshot;
    uint64_t bits = random_bits(random);
    int r = reader_snapshot(reader, &snapshot);
    if (r < 0) {
        if (r != -ESTALE && r != -ENODATA && r != -EBADMSG)
            wrong("snapshot: %s", strerror(-r));
        atomic_fetch_add(&shared->errors[1], 1);
        return false;
    }
    if (snapshot.count == 0 || snapshot.first >= snapshot.count ||
        snapshot.count - snapshot.first > ROWS_MAX) {
        wrong("a snapshot of rows %" PRIu64 " to %" PRIu64, snapshot.first, snapshot.count);
        return false;
    }
    uint64_t from = snapshot.first + (bits >> 8) % (snapshot.count - snapshot.first);
    if (bits % 4 < 2)
        look_at_copy(reader, &snapshot, from);
    else if (bits % 4 == 2)
        look_in_place(reader, &snapshot, from);
    else
        look_at_time(reader, &snapshot, from);
    return true;
}

static void run_reader(unsigned number, uint64_t random)
{
    if (reader_install_sigbus_handler() < 0)
        wrong("no handler");
    while (!atomic_load(&shared->stop)) {
        struct reader *reader = NULL;
        int r = reader_open(store, NAME, &reader, NULL);
        if (r < 0) {
            if (r != -ENOENT && r != -EBADMSG && r != -ENODATA)
                wrong("open: %s", strerror(-r));
            atomic_fetch_add(&shared->errors[0], 1);
            atomic_fetch_add(&shared->looks[number], 1);
            continue;
        }
        for (unsigned i = 0; i < LOOKS_MAX && look(reader, &random); i++)
            atomic_fetch_add(&shared->looks[number], 1);
        reader_close(reader);
    }
}

/* ---- the vandal ---- */

static const char *path_of(const char *folder, const char *rest)
{
    static char paths[4][4200];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, rest);
    return path;
}

/* A whole series in the place of the one that is there, by two renames. */
static void replace_all(const char *aside, unsigned number)
{
    char *fresh = temporary_folder_make();
    const struct raw_series files = form(fresh, number);
    raw_series_write(&files);
    if (rename(path_of(store, "series/plant"), path_of(aside, "old")) != 0 && errno != ENOENT)
        abort();
    if (rename(path_of(fresh, "series/plant"), path_of(store, "series/plant")) != 0)
        abort();
    nftw(path_of(aside, "old"), temporary_folder_unlink, 16, FTW_DEPTH | FTW_PHYS);
    temporary_folder_remove(fresh);
}

static void do_damage(uint64_t bits)
{
    static const char *const names[] = {"series/plant/a/values.npy", "series/plant/a/head.npy",
                                        "series/plant/a/times.npy", "series/plant/a/runs.npy"};
    const char *path = path_of(store, names[bits % 4]);
    uint64_t length = (bits >> 8) % 40000;
    /* The beginning and the end of a page are worth more. */
    if ((bits >> 32) % 3 == 0)
        length = length / 4096 * 4096;
    struct stat status;
    if ((bits >> 4) % 4 == 0)
        (void)unlink(path);
    else if (stat(path, &status) == 0 && (uint64_t)status.st_size > length &&
             truncate(path, (off_t)length) != 0)
        abort();
}

static void sleep_some(uint64_t *random)
{
    clock_sleep_ns((int64_t)(random_bits(random) % (uint64_t)PAUSE_NS_MAX));
}

static pid_t start_reader(unsigned number, uint64_t seed)
{
    pid_t parent = getpid();
    pid_t child = fork();
    if (child < 0)
        abort();
    if (child > 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        run_reader(number, seed);
    _exit(0);
}

/* Until every look that was under way has ended. A file that is cut and then replaced within one
 * look is beyond what a reader can tell: it holds no descriptor. */
static void wait_for_readers(void)
{
    for (unsigned i = 0; i < READERS; i++) {
        uint64_t before = atomic_load(&shared->looks[i]);
        while (atomic_load(&shared->looks[i]) < before + 2 && !atomic_load(&shared->stop))
            clock_sleep_ns(NS_PER_MS / 20);
    }
}

static uint64_t vandalise(uint64_t seed, int64_t duration_ns)
{
    char *aside = temporary_folder_make();
    uint64_t damages = 0;
    int64_t begin_ns = clock_monotonic_ns();
    while (!atomic_load(&shared->stop)) {
        int64_t passed_ns = clock_monotonic_ns() - begin_ns;
        if (passed_ns > duration_ns &&
            (atomic_load(&shared->errors[2]) > 0 || passed_ns / LONGER > duration_ns))
            break;
        uint64_t bits = random_bits(&seed);
        replace_all(aside, (unsigned)(bits % FORMS));
        sleep_some(&seed);
        if ((bits >> 16) % 8 != 0) {
            do_damage(random_bits(&seed));
            wait_for_readers();
        }
        damages++;
    }
    temporary_folder_remove(aside);
    return damages;
}

static int race(uint64_t seed, uint64_t seconds)
{
    char *folder = temporary_folder_make();
    pid_t children[READERS];
    store = folder;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || mkdir(path_of(folder, "series"), 0700) != 0)
        abort();
    for (unsigned i = 0; i < READERS; i++)
        children[i] = start_reader(i, seed * READERS + i);
    uint64_t damages = vandalise(seed, (int64_t)seconds * NS_PER_S);
    atomic_store(&shared->stop, true);
    for (unsigned i = 0; i < READERS; i++) {
        int status = 0;
        if (waitpid(children[i], &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            wrong("a reader ended badly (%d)", status);
    }
    temporary_folder_remove(folder);
    uint64_t rows = atomic_load(&shared->rows);
    uint64_t cut = atomic_load(&shared->errors[2]);
    if (rows == 0 || cut == 0)
        wrong("no row was read, or none was ever cut while it was read");
    if (atomic_load(&shared->has_failed)) {
        printf("FAILED, --seed %" PRIu64 ": %s\n", seed, shared->text);
        return 1;
    }
    printf("vandal: seed %" PRIu64 ", %" PRIu64
           " series replaced, cut or deleted under %d readers: "
           "%" PRIu64 " rows right, 0 false; %" PRIu64 " openings, %" PRIu64 " snapshots, %" PRIu64
           " reads refused\n",
           seed, damages, READERS, rows, atomic_load(&shared->errors[0]),
           atomic_load(&shared->errors[1]), cut);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t seconds = SECONDS;
    uint64_t seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t *number = strcmp(argv[i], "--seconds") == 0 ? &seconds : &seed;
        if ((number == &seed && strcmp(argv[i], "--seed") != 0) ||
            !units_parse_u64(argv[i + 1], UINT64_MAX, number)) {
            fprintf(stderr, "usage: test_reader_vandal [--seconds N] [--seed N]\n");
            return 64;
        }
    }
    return race(seed, seconds);
}
