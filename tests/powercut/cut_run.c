#include "cut_run.h"

#include "block_log_format.h"
#include "clock_ns.h"
#include "cut_internal.h"
#include "cut_machine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POWER_CUTS 4  /* of one machine, each after a recording */
#define KEPT_MAX   10 /* failures of one run */

/* Exit codes of the programs; 128 and more are signals. Others say that the harness failed. */
enum { EXIT_LOST = 1, EXIT_FALSE, EXIT_WRONG, EXIT_SIGNAL = 128 };

static void count_finding(struct cut_totals *totals, int exit_code)
{
    if (exit_code == EXIT_LOST)
        totals->lost++;
    else if (exit_code == EXIT_FALSE)
        totals->falsified++;
    else
        totals->wrong++;
}

static bool is_finding(int exit_code)
{
    return (exit_code >= EXIT_LOST && exit_code <= EXIT_WRONG) || exit_code >= EXIT_SIGNAL ||
           exit_code == -ETIMEDOUT;
}

static bool is_over(const struct machine *machine)
{
    const struct cut_totals *totals = machine->totals;
    return totals->states >= totals->states_wanted || clock_monotonic_ns() > totals->end_ns ||
           (machine->options->stops && cut_found(totals) > 0);
}

/* ---- the crash states of one recording ---- */

struct attempt {
    size_t position;
    size_t flushed;
    uint64_t seed;
    struct power_mark mark;
};

static int make_state(struct machine *machine, const struct cut_log *log,
                      const struct attempt *attempt)
{
    struct cut_counts counts = {0};
    int result = cut_image_make(&machine->state, &machine->base, log, attempt->flushed,
                                attempt->position, attempt->seed, &counts);
    machine->totals->writes_dropped += counts.dropped;
    machine->totals->writes_torn += counts.torn;
    return result;
}

static int check_attempt(struct machine *machine, const struct cut_log *log,
                         const struct attempt *attempt)
{
    struct cut_totals *totals = machine->totals;
    struct cut_path path;
    struct cut_check check = {.boot = random_bits(&machine->random)};
    if (dice(machine, 2) == 0)
        check.kill_at = 1 + dice(machine, machine->steps + 2);
    if (dice(machine, 4) == 0)
        check.goes_on = 1 + dice(machine, UINT64_C(1) << 40);
    int exit_code = 0;
    int result = cut_check(machine, &check, &attempt->mark, &exit_code);
    if (result == 0 && exit_code != 0 && !is_finding(exit_code)) {
        printf("power_check: exit code %d\n", exit_code);
        return -ENOEXEC;
    }
    if (result == 0) {
        totals->states++;
        if (strcmp(machine->file_system, "ext4") == 0)
            totals->states_ext4++;
        else
            totals->states_xfs++;
        if (exit_code == 0)
            return 0;
    }
    printf("seed %" PRIu64 ", %s, entry %zu of the log, recovery killed at step %" PRIu64 ":\n",
           machine->seed, machine->file_system, attempt->position, check.kill_at);
    if (result < 0) {
        printf("    does not mount: %s\n", strerror(-result));
        totals->unmountable++;
    } else {
        count_finding(totals, exit_code);
        printf("    power_check: exit code %d\n", exit_code);
        cut_print_file(cut_path(&path, machine->folder, "finding"));
    }
    /* The check has changed the state. */
    result = make_state(machine, log, attempt);
    if (result == 0 && cut_found(totals) + totals->unmountable <= KEPT_MAX)
        cut_keep(machine, &check, &attempt->mark);
    fflush(stdout);
    return result;
}

static int compare_positions(const void *a, const void *b)
{
    size_t x = *(const size_t *)a;
    size_t y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_rename(const struct cut_entry *entry)
{
    struct power_mark mark;
    if (entry->kind != BLOCK_LOG_MARK || entry->length != sizeof mark)
        return false;
    memcpy(&mark, entry->bytes, sizeof mark);
    for (size_t i = 0; i < MODEL_SERIES; i++)
        if (mark.series[i].is_moving)
            return true;
    return false;
}

/* In the middle of a rename; log->count when there is none. */
static size_t pick_rename(struct machine *machine, const struct cut_log *log)
{
    size_t renames = 0;
    for (size_t i = 0; i < log->count; i++)
        renames += is_rename(&log->entries[i]) ? 1 : 0;
    if (renames == 0)
        return log->count;
    size_t wanted = dice(machine, renames);
    size_t begin = 0;
    for (size_t i = 0; i < log->count; i++)
        if (is_rename(&log->entries[i]) && wanted-- == 0)
            begin = i;
    size_t end = begin + 1;
    while (end < log->count && log->entries[end].kind != BLOCK_LOG_MARK)
        end++;
    return begin + 1 + dice(machine, end - begin);
}

/* Where power fails: anywhere, but more often just behind a promise, just before a flush, when the
 * most is in the air, and in a rename. */
static size_t pick_position(struct machine *machine, const struct cut_log *log)
{
    size_t position = dice(machine, log->count + 1);
    uint64_t kind = dice(machine, 5);
    if (kind < 2)
        return position;
    if (kind == 4)
        return pick_rename(machine, log);
    while (position < log->count &&
           log->entries[position].kind != (kind == 2 ? BLOCK_LOG_MARK : BLOCK_LOG_FLUSH))
        position++;
    return position < log->count && kind == 2 ? position + 1 : position;
}

static void mark_at(const struct machine *machine, const struct cut_log *log, size_t position,
                    struct power_mark *ret_mark)
{
    size_t mark = cut_log_last(log, position, BLOCK_LOG_MARK);
    if (mark < log->count && log->entries[mark].length == sizeof *ret_mark)
        memcpy(ret_mark, log->entries[mark].bytes, sizeof *ret_mark);
    else
        *ret_mark = machine->mark;
}

/* Checks states of the recording; from one of them the machine goes on. */
static int check_recording(struct machine *machine, const struct cut_log *log)
{
    size_t count = machine->options->states_each;
    size_t *positions = calloc(count, sizeof *positions);
    if (positions == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        positions[i] = pick_position(machine, log);
    qsort(positions, count, sizeof *positions, compare_positions);
    size_t survivor = count / 2 + dice(machine, count - count / 2);
    struct power_mark survivor_mark = machine->mark;
    struct attempt attempt = {0};
    int result = 0;
    for (size_t i = 0; i < count && result == 0 && !is_over(machine); i++) {
        attempt.position = positions[i];
        attempt.seed = random_bits(&machine->random);
        mark_at(machine, log, attempt.position, &attempt.mark);
        cut_base_advance(&machine->base, log, &attempt.flushed, attempt.position);
        result = make_state(machine, log, &attempt);
        if (result == 0 && i == survivor) {
            survivor_mark = attempt.mark;
            result = cut_image_copy(&machine->start, &machine->state);
        }
        if (result == 0)
            result = check_attempt(machine, log, &attempt);
    }
    machine->mark = survivor_mark;
    free(positions);
    return result;
}

/* ---- a machine ---- */

static int one_power_cut(struct machine *machine)
{
    struct cut_path path;
    struct cut_log log;
    int result = cut_record(machine);
    if (result > 0) {
        count_finding(machine->totals, EXIT_WRONG);
        printf("seed %" PRIu64 ", %s: power_workload: exit code %d\n", machine->seed,
               machine->file_system, result);
        cut_print_file(cut_path(&path, machine->folder, "finding"));
        fflush(stdout);
    }
    if (result < 0)
        return result;
    result = cut_log_open(&log, cut_path(&path, machine->folder, "log"));
    if (result == 0)
        result = check_recording(machine, &log);
    cut_log_close(&log);
    return result;
}

/* An empty file system with a folder for the store, which is there for good. */
static int make_disk(struct machine *machine)
{
    struct cut_path image, folder, store;
    struct cut_mount mounted;
    cut_path(&image, machine->folder, "start.img");
    int result = cut_machine_make_file_system(machine->file_system, image.text);
    if (result == 0)
        result = cut_mount(&mounted, image.text, machine->file_system,
                           cut_path(&folder, machine->folder, "live"));
    if (result < 0)
        return result;
    result = mkdir(cut_path(&store, machine->folder, "live/store"), 0750) == 0 ? 0 : -errno;
    sync();
    int unmounted = cut_unmount(&mounted);
    return result < 0 ? result : unmounted;
}

static int open_images(struct machine *machine, uint64_t size_bytes)
{
    static const char *const names[] = {"start.img", "live.img", "base.img", "state.img"};
    struct cut_image *const images[] = {&machine->start, &machine->live, &machine->base,
                                        &machine->state};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct cut_path path;
        unlink(cut_path(&path, machine->folder, names[i]));
        int result = cut_image_open(images[i], path.text, size_bytes);
        if (result < 0)
            return result;
    }
    return 0;
}

static void close_images(struct machine *machine)
{
    struct cut_image *const images[] = {&machine->start, &machine->live, &machine->base,
                                        &machine->state};
    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++)
        if (images[i]->bytes != NULL)
            cut_image_close(images[i]);
}

int cut_run(const struct cut_options *options, struct cut_totals *totals, const char *folder,
            uint64_t seed)
{
    static const char *const folders[] = {"live", "state", "log-disk"};
    struct machine machine = {.options = options,
                              .totals = totals,
                              .folder = folder,
                              .file_system = seed % 2 == 0 ? "ext4" : "xfs",
                              .seed = seed,
                              .random = seed,
                              .mark = {.magic = POWER_MARK_MAGIC, .seed = seed, .is_whole = true},
                              .steps = 50};
    if (options->file_system != NULL)
        machine.file_system = options->file_system;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        struct cut_path path;
        mkdir(cut_path(&path, folder, folders[i]), 0700);
    }
    int result = open_images(&machine, strcmp(machine.file_system, "ext4") == 0 ? CUT_EXT4_BYTES
                                                                                : CUT_XFS_BYTES);
    if (result == 0)
        result = make_disk(&machine);
    for (int i = 0; i < POWER_CUTS && result == 0 && !is_over(&machine); i++)
        result = one_power_cut(&machine);
    close_images(&machine);
    return result;
}
