/* The workload at work on a disk whose writes are recorded. */
#include "block_log_format.h"
#include "clock_ns.h"
#include "cut_disk.h"
#include "cut_internal.h"
#include "cut_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define SEGMENTS_MAX  3 /* times that the workload is started */
#define TICKS_MAX     60
#define WORKLOAD_NS   (120 * NS_PER_S)
#define EXIT_GIVES_UP 74 /* the workload's, when the disk fails */

static int control(const struct machine *machine, const char *text)
{
    struct cut_path path;
    int fd = open(cut_path(&path, machine->folder, "log-disk/control"), O_WRONLY | O_CLOEXEC);
    ssize_t written = fd < 0 ? -1 : write(fd, text, strlen(text));
    int result = written < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return result;
}

/* What was promised until now: where the next start of the workload begins. */
static int last_mark(struct machine *machine, struct power_mark *mark)
{
    struct cut_path path;
    struct cut_log log;
    int result = cut_log_open(&log, cut_path(&path, machine->folder, "log"));
    if (result < 0)
        return result;
    size_t last = cut_log_last(&log, log.count, BLOCK_LOG_MARK);
    if (last < log.count && log.entries[last].length == sizeof *mark)
        memcpy(mark, log.entries[last].bytes, sizeof *mark);
    cut_log_close(&log);
    return 0;
}

/* Starts the workload and sees to it that it ends in some way. Returns its exit code. */
static int segment(struct machine *machine, bool fails)
{
    struct cut_path program, store, marks, start, output;
    char seed[32], ticks[32], kill_at[40];
    snprintf(seed, sizeof seed, "%" PRIu64, dice(machine, UINT64_C(1) << 40));
    snprintf(ticks, sizeof ticks, "--ticks=%" PRIu64, 1 + dice(machine, TICKS_MAX));
    const char *arguments[9] = {cut_path(&program, machine->options->programs, "power_workload"),
                                cut_path(&store, machine->folder, "live/store"),
                                cut_path(&marks, machine->folder, "log-disk/mark"),
                                cut_path(&start, machine->folder, "start"),
                                seed,
                                ticks};
    uint64_t end = fails ? 3 : dice(machine, 4);
    if (end == 0) {
        arguments[6] = "--finish";
    } else if (end == 1) {
        /* In the recovery, or anywhere. */
        snprintf(kill_at, sizeof kill_at, "--kill-at=%" PRIu64,
                 1 + dice(machine, dice(machine, 2) == 0 ? machine->steps + 2 : 2000));
        arguments[6] = kill_at;
    }
    pid_t process = cut_start(arguments, cut_path(&output, machine->folder, "finding"));
    if (process < 0)
        return process;
    if (end == 2) {
        clock_sleep_ns((int64_t)dice(machine, 300) * NS_PER_MS);
        kill(process, SIGKILL);
    }
    int result = cut_wait(process, WORKLOAD_NS);
    if (result == 128 + SIGKILL)
        machine->totals->workloads_killed++;
    return result;
}

/* The workload, started again after each end. Its exit code where that is a finding, else 0. */
static int segments(struct machine *machine)
{
    struct cut_path path;
    struct power_mark mark = machine->mark;
    uint64_t count = 1 + dice(machine, SEGMENTS_MAX);
    int result = 0;
    bool failed = false;
    for (uint64_t i = 0; i < count && result >= 0; i++) {
        char text[64];
        bool fails = dice(machine, 8) == 0;
        result = power_mark_write(cut_path(&path, machine->folder, "start"), &mark);
        if (result < 0)
            break;
        if (fails) {
            machine->totals->errors_injected++;
            snprintf(text, sizeof text, "eio %d after %" PRIu64,
                     dice(machine, 2) == 0 ? 1 : 1000000, 1 + dice(machine, 400));
            control(machine, text);
        }
        result = segment(machine, fails);
        control(machine, "eio 0");
        failed = failed || fails;
        bool is_expected = result == 0 || result == 128 + SIGKILL;
        if (!is_expected && !(failed && result == EXIT_GIVES_UP))
            return result;
        if (!is_expected)
            failed = true;
        result = last_mark(machine, &mark);
        mark.is_whole = false; /* a batch may be cut in half */
    }
    return result < 0 ? result : 0;
}

int cut_record(struct machine *machine)
{
    struct cut_disk disk;
    int result = cut_image_copy(&machine->live, &machine->start);
    if (result == 0)
        result = cut_image_copy(&machine->base, &machine->start);
    if (result == 0)
        result = cut_machine_boot(machine->folder, random_bits(&machine->random));
    if (result < 0)
        return result;
    result = cut_disk_begin(&disk, machine->options->tools, machine->folder, machine->file_system);
    if (result == 0) {
        result = segments(machine);
        machine->totals->recordings++;
    }
    cut_disk_end(&disk);
    return result;
}
